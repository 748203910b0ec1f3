/** Which sections of the inputs come along, and where in the module's three segments each lies. */
import { GRP, SHF, SHT } from "../../elf/constants/section.ts";
import type { ElfSection } from "../../elf/section.ts";
import { linkError } from "./fault.ts";
import type { LinkInput } from "./input.ts";

/** Segments of a module: what runs, what is only read, what is written to, and what each thread's own block begins as. */
export const SEGMENTS = ["text", "rodata", "data", "threads"] as const;
export type SegmentName = (typeof SEGMENTS)[number];

/** Order of sections in their segments: frames come last in read-only data, zeros last in data. */
const PARTS = ["text", "rodata", "frames", "data", "bss", "threads", "thread zeros"] as const;
export type Part = (typeof PARTS)[number];

const SEGMENT_OF: Readonly<Record<Part, SegmentName>> = {
  text: "text",
  rodata: "rodata",
  frames: "rodata",
  data: "data",
  bss: "data",
  threads: "threads",
  "thread zeros": "threads",
};

/** Sections of an input that are not in the module: never to be loaded, or of a group that another input has too. */
export const NOT_LOADED = -1;
export const DISCARDED = -2;

/** The largest alignment that a live object gives. */
const MAX_ALIGN = 0x1_0000;

/** A section that is in the module. */
export interface Piece {
  readonly input: LinkInput;
  readonly section: ElfSection;
  readonly part: Part;
  readonly segment: SegmentName;
  /** Where it begins in its segment. */
  offset: number;
  readonly size: number;
}

/** What is where. Offsets and sizes are bytes of the segments. */
export interface SectionPlan {
  readonly pieces: readonly Piece[];
  /** By input, by section index: the position in {@link pieces}, {@link NOT_LOADED} or {@link DISCARDED}. */
  readonly pieceOf: ReadonlyMap<LinkInput, Int32Array>;
  /** Bytes of each segment, and what each must be aligned to. */
  readonly size: Record<SegmentName, number>;
  readonly align: Record<SegmentName, number>;
  /** Where the zeros of the data segment begin. */
  bss: number;
  /** Where call frames begin in read-only data. */
  frames: number;
}

/** The part that a section goes to; `undefined` if it is not loaded. */
function partOf(input: LinkInput, section: ElfSection): Part | undefined {
  if (!section.hasFlags(SHF.SHF_ALLOC)) return undefined;
  const refuse = (what: string): never => {
    throw linkError("DYNLD_UNSUPPORTED", input.name, section.label, undefined, what);
  };
  if (section.hasFlags(SHF.SHF_TLS)) {
    // An empty one comes with many compilers' output for nothing.
    if (section.size === 0) return undefined;
    return section.type === SHT.SHT_NOBITS ? "thread zeros" : "threads";
  }
  const writable = section.hasFlags(SHF.SHF_WRITE);
  if (section.hasFlags(SHF.SHF_EXECINSTR)) {
    return writable ? refuse("writable and executable: no memory is both") : "text";
  }
  if (section.label === ".eh_frame") return "frames";
  if (writable && !isConstantOnceRelocated(section)) {
    return section.type === SHT.SHT_NOBITS ? "bss" : "data";
  }
  return "rodata";
}

/** Sections that are writable for relocations only: what a linker puts under `PT_GNU_RELRO`. */
function isConstantOnceRelocated(section: ElfSection): boolean {
  const { type, label } = section;
  return (
    type === SHT.SHT_INIT_ARRAY ||
    type === SHT.SHT_FINI_ARRAY ||
    type === SHT.SHT_PREINIT_ARRAY ||
    /^\.(data\.rel\.ro|ctors|dtors|init_array|fini_array)(\.|$)/.test(label)
  );
}

/** Sections of groups that an earlier input has too. */
function discardedSections(inputs: readonly LinkInput[]): Map<LinkInput, Set<number>> {
  const seen = new Set<string>();
  const discarded = new Map<LinkInput, Set<number>>();
  for (const input of inputs) {
    const gone = new Set<number>();
    discarded.set(input, gone);
    for (const group of input.elf.groups()) {
      if ((group.flags & GRP.GRP_COMDAT) === 0) continue;
      const { symtab } = input;
      const bad = symtab === undefined || group.symtab !== input.symtabIndex || group.symbol >= symtab.length;
      if (bad) {
        throw linkError(
          "DYNLD_BAD_VALUE",
          input.name,
          group.section.label,
          undefined,
          `signature of the group: found symbol ${group.symbol}, expected one of the symbol table`,
        );
      }
      const name = groupName(input, symtab, group.symbol);
      if (seen.has(name)) for (const member of group.members) gone.add(member);
      seen.add(name);
    }
  }
  return discarded;
}

/** The name of a group; of an unnamed section symbol, its section's. */
function groupName(input: LinkInput, symtab: NonNullable<LinkInput["symtab"]>, symbol: number): string {
  const name = symtab.name(symbol);
  if (name !== "") return name;
  return input.sections[symtab.sectionIndex(symbol)]?.label ?? "";
}

/** Decides where all sections go. @throws DynldError DYNLD_UNSUPPORTED, DYNLD_BAD_VALUE */
export function planSections(inputs: readonly LinkInput[]): SectionPlan {
  const discarded = discardedSections(inputs);
  const byPart = new Map<Part, Piece[]>(PARTS.map((part) => [part, []]));
  for (const input of inputs) {
    const gone = discarded.get(input);
    for (const section of input.sections) {
      const part = gone?.has(section.index) === true ? undefined : partOf(input, section);
      if (part === undefined) continue;
      checkAlign(input, section);
      const size = section.type === SHT.SHT_NOBITS ? section.size : contentsSize(section);
      byPart.get(part)?.push({ input, section, part, segment: SEGMENT_OF[part], offset: 0, size });
    }
  }
  const plan: SectionPlan = {
    pieces: PARTS.flatMap((part) => byPart.get(part) ?? []),
    pieceOf: new Map(
      inputs.map((input) => [input, new Int32Array(input.sections.length).fill(NOT_LOADED)] as const),
    ),
    size: { text: 0, rodata: 0, data: 0, threads: 0 },
    align: { text: 16, rodata: 16, data: 16, threads: 1 },
    bss: 0,
    frames: 0,
  };
  for (const [input, gone] of discarded) for (const index of gone) setAt(plan, input, index, DISCARDED);
  for (const [index, piece] of plan.pieces.entries()) setAt(plan, piece.input, piece.section.index, index);
  return plan;
}

/** Bytes of a section's contents, which are read only where they are compressed. */
function contentsSize(section: ElfSection): number {
  return section.compressed ? section.bytes().length : section.rawSize;
}

/** Gives each piece its place behind what each segment begins with. */
export function placeSections(plan: SectionPlan): void {
  const { size, align } = plan;
  let part: Part | undefined;
  const begin = (next: Part): void => {
    part = next;
    if (next === "frames") plan.frames = alignUp(size.rodata, 8);
    if (next === "bss") plan.bss = size.data;
  };
  plan.bss = -1;
  plan.frames = -1;
  for (const piece of plan.pieces) {
    if (piece.part !== part) begin(piece.part);
    const { segment, section } = piece;
    const wanted = Math.max(1, section.addralign);
    align[segment] = Math.max(align[segment], wanted);
    piece.offset = alignUp(size[segment], wanted);
    size[segment] = piece.offset + piece.size;
  }
  if (plan.bss < 0) plan.bss = size.data;
  if (plan.frames < 0) plan.frames = size.rodata;
}

/** The next multiple of a power of two. */
export function alignUp(value: number, align: number): number {
  const over = value % align;
  return over === 0 ? value : value + align - over;
}

function setAt(plan: SectionPlan, input: LinkInput, index: number, value: number): void {
  const pieces = plan.pieceOf.get(input);
  if (pieces !== undefined) pieces[index] = value;
}

function checkAlign(input: LinkInput, section: ElfSection): void {
  const { addralign } = section;
  const fail = (code: "DYNLD_BAD_VALUE" | "DYNLD_UNSUPPORTED", expected: string): never => {
    throw linkError(
      code,
      input.name,
      section.label,
      undefined,
      `alignment: found ${addralign}, expected ${expected}`,
    );
  };
  if (addralign <= 1) return;
  if (!Number.isInteger(Math.log2(addralign))) fail("DYNLD_BAD_VALUE", "a power of two");
  if (addralign > MAX_ALIGN) fail("DYNLD_UNSUPPORTED", `at most ${MAX_ALIGN}`);
}
