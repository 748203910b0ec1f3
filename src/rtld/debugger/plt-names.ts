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
/** Bytes of an entry. */
const ENTRY = 16;
const SHORT_ENTRY = 8;
/** `push $index`, behind `endbr64` or not, of the entries that `.plt` has besides `.plt.sec`. */
const PUSH = 0x68;
/** `jmp *`, and the bytes behind it that say of what. */
const JUMP = 0xff;
const JUMP_DIRECT = 0x25;
const JUMP_BY_EBX = 0xa3;
/** Bytes of a relocation of i386, of which entries push the offset. */
const REL_SIZE = 8;

/** What a file reaches other functions by: entries of tables, and words; none of machines other than x86_64 and i386. */
export class PltNames {
  readonly #entries: readonly Entry[];
  readonly #slots: SlotNames;

  /** @throws ElfError if the file is damaged */
  constructor(elf: ElfFile) {
    const { machine } = elf.header;
    const slots = machine === EM.EM_X86_64 || machine === EM.EM_386 ? slotNames(elf) : NO_SLOTS;
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

/** How the entries of a machine say where they lead. */
type SlotOf = (view: DataView, at: number, address: bigint) => bigint | undefined;

/** `jmp *slot(%rip)`. */
const slotOfWide: SlotOf = (view, at, address) =>
  view.getUint8(at + 1) === JUMP_DIRECT ? address + BigInt(6 + view.getInt32(at + 2, true)) : undefined;

/** `jmp *slot`, or `jmp *offset(%ebx)`, which holds the address of the table of addresses. */
function slotOfNarrow(elf: ElfFile): SlotOf {
  const table = (elf.sectionsNamed(".got.plt")[0] ?? elf.sectionsNamed(".got")[0])?.addr ?? 0n;
  return (view, at) => {
    const kind = view.getUint8(at + 1);
    if (kind === JUMP_DIRECT) return BigInt(view.getUint32(at + 2, true));
    return kind === JUMP_BY_EBX ? table + BigInt(view.getInt32(at + 2, true)) : undefined;
  };
}

/** Names of functions by the words that lead to them, and in the order of the table that binds them lazily. */
interface SlotNames {
  readonly bySlot: ReadonlyMap<bigint, string>;
  readonly lazy: readonly string[];
  /** What chooses, for words of functions without names. */
  readonly resolvers: ReadonlyMap<bigint, bigint>;
  readonly slotOf: SlotOf;
  /** What entries push for each function of the table that binds lazily. */
  readonly push: number;
}

const NO_SLOTS: SlotNames = {
  bySlot: new Map(),
  lazy: [],
  resolvers: new Map(),
  slotOf: () => undefined,
  push: 1,
};

function slotNames(elf: ElfFile): SlotNames {
  const symbols = elf.dynsym();
  const isWide = elf.header.machine === EM.EM_X86_64;
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
      if (isWide && table.type(i) === R_X86_64_IRELATIVE)
        resolvers.set(table.address(i), table.addend(i) ?? 0n);
    }
    // The table of lazy binding is the last one.
    lazy = names;
  }
  const { is64 } = elf.header;
  const slotOf = is64 ? slotOfWide : slotOfNarrow(elf);
  return { bySlot, lazy, resolvers, slotOf, push: is64 ? 1 : REL_SIZE };
}

function* entriesOf(section: ElfSection, slots: SlotNames): Generator<Entry> {
  const bytes = section.bytes();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = section.name === ".plt.got" && section.entsize === SHORT_ENTRY ? SHORT_ENTRY : ENTRY;
  for (let at = 0; at + size <= bytes.length; at += size) {
    const start = section.addr + BigInt(at);
    const name = nameOf(view, at, size, start, slots);
    if (name !== undefined && name !== "") {
      yield { start, end: start + BigInt(size), name: `${name}@plt` };
    }
  }
}

/** The jump comes first, or behind `endbr64` and with `bnd`; entries that have none push which function they bind. */
function nameOf(
  view: DataView,
  at: number,
  size: number,
  start: bigint,
  { bySlot, lazy, slotOf, push }: SlotNames,
): string | undefined {
  for (let i = 0; i + 6 <= Math.min(size, 11); i++) {
    if (view.getUint8(at + i) !== JUMP) continue;
    const slot = slotOf(view, at + i, start + BigInt(i));
    if (slot !== undefined) return bySlot.get(slot);
  }
  const pushed = [0, 4].find((i) => i + 5 <= size && view.getUint8(at + i) === PUSH);
  return pushed === undefined ? undefined : lazy[view.getUint32(at + pushed + 1, true) / push];
}
