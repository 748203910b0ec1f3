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

/** The word is what the code at the addend returns [x86-64 psABI, "Relocation Types"]. */
const R_X86_64_IRELATIVE = 37;
const TABLES = [".plt", ".plt.got", ".plt.sec"];
/** Bytes of an entry that say where it leads: those behind are none of `jmp *slot(%rip)`. */
const ENTRY = 16;
const SHORT_ENTRY = 8;
/** `push $index`, behind `endbr64` or not, of the entries that `.plt` has besides `.plt.sec`. */
const PUSH = 0x68;

/** What a file reaches other functions by: entries of tables, and words; none of a machine other than x86_64. */
export class PltNames {
  readonly #entries: readonly Entry[];
  readonly #slots: SlotNames;

  /** @throws ElfError if the file is damaged */
  constructor(elf: ElfFile) {
    const { machine, is64 } = elf.header;
    const slots = machine === EM.EM_X86_64 && is64 ? slotNames(elf) : NO_SLOTS;
    const sections = slots === NO_SLOTS ? [] : TABLES.flatMap((name) => elf.sectionsNamed(name));
    this.#entries = sections.flatMap((one) => [...entriesOf(one, slots)]);
    this.#slots = slots;
  }

  /** Words that hold what the code at an address chooses. Addresses as the file has them. */
  slotsOf(resolver: bigint): bigint[] {
    return [...this.#slots.resolvers].flatMap(([slot, chooses]) => (chooses === resolver ? slot : []));
  }

  /** Words by which a symbol is reached. */
  slotsNamed(wanted: string): bigint[] {
    return [...this.#slots.bySlot].flatMap(([slot, name]) => (name === wanted ? slot : []));
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
  /** What chooses, for words of functions without names. */
  readonly resolvers: ReadonlyMap<bigint, bigint>;
}

const NO_SLOTS: SlotNames = { bySlot: new Map(), lazy: [], resolvers: new Map() };

function slotNames(elf: ElfFile): SlotNames {
  const symbols = elf.dynsym();
  const bySlot = new Map<bigint, string>();
  const resolvers = new Map<bigint, bigint>();
  let lazy: string[] = [];
  for (const table of elf.dynamicRelocations()) {
    const names: string[] = [];
    for (let i = 0; i < table.length; i++) {
      const symbol = table.symbol(i);
      const name = symbol === 0 ? "" : (symbols?.name(symbol) ?? "");
      names.push(name);
      if (name !== "") bySlot.set(table.address(i), name);
      if (table.type(i) === R_X86_64_IRELATIVE) resolvers.set(table.address(i), table.addend(i) ?? 0n);
    }
    // The table of lazy binding is the last one.
    lazy = names;
  }
  return { bySlot, lazy, resolvers };
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
