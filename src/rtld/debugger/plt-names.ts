/** Names for the entries of a file's linkage tables, which have no symbols: `puts@plt`, as objdump and gdb call them. */
import { EM } from "../../elf/constants/machine.ts";
import type { ElfFile } from "../../elf/file.ts";
import type { ElfSection } from "../../elf/section.ts";

/** An entry that leads to a function. */
interface Entry {
  readonly start: bigint;
  readonly end: bigint;
  readonly name: string;
}

/** A name, and how many bytes from its start an address is. */
export interface PltName {
  readonly name: string;
  readonly offset: bigint;
}

const TABLES = [".plt", ".plt.got", ".plt.sec"];
/** Bytes of an entry that say where it leads: those behind are none of `jmp *slot(%rip)`. */
const ENTRY = 16;
const SHORT_ENTRY = 8;
/** `push $index`, behind `endbr64` or not, of the entries that `.plt` has besides `.plt.sec`. */
const PUSH = 0x68;

/** The entries of one file; none of a machine other than x86_64. */
export class PltNames {
  readonly #entries: readonly Entry[];

  /** @throws ElfError if the file is damaged */
  constructor(elf: ElfFile) {
    const { machine, is64 } = elf.header;
    const sections = TABLES.flatMap((name) => elf.sectionsNamed(name));
    const isKnown = machine === EM.EM_X86_64 && is64 && sections.length > 0;
    const slots = isKnown ? slotNames(elf) : undefined;
    this.#entries = slots === undefined ? [] : sections.flatMap((one) => [...entriesOf(one, slots)]);
  }

  /** The entry that an address is in, as the file has addresses. */
  at(address: bigint): PltName | undefined {
    const entry = this.#entries.find(({ start, end }) => address >= start && address < end);
    return entry && { name: entry.name, offset: address - entry.start };
  }
}

/** Names of functions by the words that lead to them, and in the order of the table that binds them lazily. */
interface SlotNames {
  readonly bySlot: ReadonlyMap<bigint, string>;
  readonly lazy: readonly string[];
}

function slotNames(elf: ElfFile): SlotNames {
  const symbols = elf.dynsym();
  const bySlot = new Map<bigint, string>();
  let lazy: string[] = [];
  for (const table of elf.dynamicRelocations()) {
    const names: string[] = [];
    for (let i = 0; i < table.length; i++) {
      const symbol = table.symbol(i);
      const name = symbol === 0 ? "" : (symbols?.name(symbol) ?? "");
      names.push(name);
      if (name !== "") bySlot.set(table.address(i), name);
    }
    // The table of lazy binding is the last one.
    lazy = names;
  }
  return { bySlot, lazy };
}

function* entriesOf(section: ElfSection, { bySlot, lazy }: SlotNames): Generator<Entry> {
  const bytes = section.bytes();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = section.name === ".plt.got" && section.entsize === SHORT_ENTRY ? SHORT_ENTRY : ENTRY;
  for (let at = 0; at + size <= bytes.length; at += size) {
    const start = section.addr + BigInt(at);
    const name = bySlot.get(slotOf(view, at, size, start) ?? 0n) ?? lazy[indexOf(view, at, size) ?? -1];
    if (name !== undefined && name !== "") {
      yield { start, end: start + BigInt(size), name: `${name}@plt` };
    }
  }
}

/** Address of the word that an entry jumps by: `jmp *slot(%rip)`, behind `endbr64` and with `bnd` or without. */
function slotOf(view: DataView, at: number, size: number, start: bigint): bigint | undefined {
  for (let i = 0; i + 6 <= Math.min(size, 11); i++) {
    if (view.getUint8(at + i) !== 0xff || view.getUint8(at + i + 1) !== 0x25) continue;
    return start + BigInt(i + 6 + view.getInt32(at + i + 2, true));
  }
  return undefined;
}

/** Which relocation an entry has bound that jumps by no word of its own. */
function indexOf(view: DataView, at: number, size: number): number | undefined {
  for (const i of [0, 4]) {
    if (i + 5 <= size && view.getUint8(at + i) === PUSH) return view.getUint32(at + i + 1, true);
  }
  return undefined;
}
