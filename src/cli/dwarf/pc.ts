/** A place in code on the command line: an address, or `SECTION+0x10`. */
import { ET } from "../../elf/constants/header.ts";
import type { DumpFile } from "./file.ts";
import { UsageError } from "./usage.ts";

export interface CodePlace {
  readonly section: string | undefined;
  readonly offset: bigint;
}

/** @throws UsageError */
export function parseCodePlace(text: string): CodePlace {
  const [, section, number] = /^(?:(.+)\+)?(0x[0-9a-f]+|\d+)$/i.exec(text) ?? [];
  if (number === undefined) {
    throw new UsageError(
      `--pc ${text}: expected an address, such as 0x401000, or a place, such as .text+0x10`,
    );
  }
  return { section, offset: BigInt(number) };
}

/**
 * The place in a file: an offset in the section of a number, or without one a final address.
 * @throws UsageError where the file has no such section
 */
export function codePlace(
  { elf, name }: DumpFile,
  { section, offset }: CodePlace,
): { section?: number; address: bigint } {
  if (section === undefined) return { address: offset };
  const [found] = elf.sectionsNamed(section);
  if (found === undefined)
    throw new UsageError(`--pc ${section}+0x${offset.toString(16)}: ${name} has no such section`);
  return elf.header.type === ET.ET_REL
    ? { section: found.index, address: offset }
    : { address: found.addr + offset };
}
