/** `/proc/kallsyms`: where the running kernel's symbols are; all zero for who may not know [proc(5)]. */

import type { AddressSpan } from "../module/layout.ts";
import { readTextIfAny } from "../process/text-file.ts";

/** What the list says of the kernel itself. */
export interface KernelSymbols {
  /** Addresses of the symbols that were asked for. */
  readonly addresses: ReadonlyMap<string, bigint>;
  /** From the page of the first text or data to the page behind the last symbol, as libdwfl has it. */
  readonly span: AddressSpan | undefined;
}

const PAGE = 4096n;

/** Reads the list, without the modules' part; `undefined` if it can't be read or its addresses are hidden. */
export function readKallsyms(path: string, wanted: readonly string[]): KernelSymbols | undefined {
  const text = readTextIfAny(path);
  if (text === undefined) return undefined;
  const addresses = new Map<string, bigint>();
  for (const name of wanted) {
    // Names of modules follow behind a tab, so that the end of the line is that of a name of the kernel.
    const found = new RegExp(`^([0-9a-f]+) [A-Za-z] ${name}$`, "m").exec(text)?.[1];
    if (found !== undefined && /[1-9a-f]/.test(found)) addresses.set(name, BigInt(`0x${found}`));
  }
  const span = spanOf(text);
  return addresses.size === 0 && span === undefined ? undefined : { addresses, span };
}

/** [elfutils, libdwfl/linux-kernel-modules.c, intuit_kernel_bounds] */
function spanOf(text: string): AddressSpan | undefined {
  const first = /^([0-9a-f]+) [TtRr] /m.exec(text)?.[1];
  const modules = text.indexOf("\t[");
  const own = modules < 0 ? text.trimEnd() : text.slice(0, text.lastIndexOf("\n", modules));
  const last = /^[0-9a-f]+/.exec(own.slice(own.lastIndexOf("\n") + 1))?.[0];
  if (first === undefined || last === undefined) return undefined;
  const start = BigInt(`0x${first}`) & -PAGE;
  const end = (BigInt(`0x${last}`) + PAGE - 1n) & -PAGE;
  return end > start ? { start, end } : undefined;
}
