/** Sections of several objects as those of one: which goes where. */
import { SHF, SHT } from "../../elf/constants/section.ts";
import type { ElfSection } from "../../elf/section.ts";
import { linkError } from "../link/fault.ts";
import type { LinkInput } from "../link/input.ts";
import { alignUp, DISCARDED, type SectionPlan } from "../link/sections.ts";
import { sectionsInOnePiece } from "./in-one-piece.ts";
import { Pool, type PooledEntries } from "./pool.ts";

/** A section of the module to be made. */
export interface MergedSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  /** What it is made of, in order. */
  readonly parts: MergedPart[];
  /** The strings and constants of those that hold nothing else, by what they must have in common. They come last. */
  readonly pools: Map<string, Pool>;
  align: number;
  size: number;
}

/** A section of an input in its place. */
export interface MergedPart {
  readonly input: LinkInput;
  readonly section: ElfSection;
  readonly into: MergedSection;
  /** Where it begins, if it is in one piece. */
  readonly offset: number;
  /** Its entries, if they are among those of others. */
  readonly pooled: PooledEntries | undefined;
}

/** All sections of a module, and where each of the inputs' went. */
export interface Merged {
  readonly sections: readonly MergedSection[];
  /** By input, by section index. */
  readonly partOf: ReadonlyMap<LinkInput, ReadonlyMap<number, MergedPart>>;
}

/** Where an offset of an input's section is in the merged one. */
export function placeIn({ pooled, offset: start }: MergedPart, offset: number): number {
  return pooled === undefined ? start + offset : pooled.pool.place(pooled, offset);
}

/** Flags that sections of one kind have in common. */
const KIND = SHF.SHF_ALLOC | SHF.SHF_WRITE | SHF.SHF_EXECINSTR | SHF.SHF_TLS;
/** Sections of a function or variable each are parts of these. */
const COLLECTED = [".text", ".rodata", ".data.rel.ro", ".data", ".bss", ".gcc_except_table"];
/** Larger modules are refused when they are loaded. */
const LIMIT = 2 ** 30;

/** Brings sections that are loaded, and those of debug information, together by name and kind. */
export function mergeSections(inputs: readonly LinkInput[], plan: SectionPlan, debug: boolean): Merged {
  const byKey = new Map<string, MergedSection>();
  const partOf = new Map<LinkInput, Map<number, MergedPart>>();
  for (const input of inputs) {
    const parts = new Map<number, MergedPart>();
    partOf.set(input, parts);
    const whole = sectionsInOnePiece(input);
    for (const section of input.sections) {
      if (!comesAlong(input, section, plan, debug)) continue;
      const into = sectionFor(byKey, section);
      const pooled = whole.has(section.index) ? undefined : pool(into, section);
      const part =
        pooled === undefined ? append(into, input, section) : { input, section, into, offset: 0, pooled };
      into.parts.push(part);
      parts.set(section.index, part);
    }
  }
  const sections = [...byKey.values()];
  for (const section of sections) {
    for (const one of section.pools.values()) {
      section.size = one.seal(alignUp(section.size, one.align));
      section.align = Math.max(section.align, one.align);
    }
    checkSize(section, section.parts.at(-1));
  }
  return { sections, partOf };
}

function sectionFor(byKey: Map<string, MergedSection>, section: ElfSection): MergedSection {
  const { type } = section;
  const name = mergedName(section);
  const flags = section.flags & KIND;
  const key = `${name} ${flags} ${type}`;
  let into = byKey.get(key);
  if (into === undefined) {
    into = { name, type, flags, parts: [], pools: new Map(), align: 1, size: 0 };
    byKey.set(key, into);
  }
  return into;
}

/** Puts it behind what is there, in one piece. */
function append(into: MergedSection, input: LinkInput, section: ElfSection): MergedPart {
  const align = Math.max(1, section.addralign);
  const part = { input, section, into, offset: alignUp(into.size, align), pooled: undefined };
  into.align = Math.max(into.align, align);
  into.size = part.offset + (section.type === SHT.SHT_NOBITS ? section.size : section.bytes().length);
  checkSize(into, part);
  return part;
}

/** Puts its entries among those of its kind; `undefined` if it does not say that it has any, or has something else. */
function pool(into: MergedSection, section: ElfSection): PooledEntries | undefined {
  const { entsize } = section;
  if (!section.hasFlags(SHF.SHF_MERGE) || section.type !== SHT.SHT_PROGBITS || entsize === 0)
    return undefined;
  const isStrings = section.hasFlags(SHF.SHF_STRINGS);
  const key = `${entsize} ${isStrings}`;
  let one = into.pools.get(key);
  if (one === undefined) {
    one = new Pool(entsize, isStrings);
    into.pools.set(key, one);
  }
  return one.add(section.bytes(), Math.max(1, section.addralign));
}

function checkSize({ size }: MergedSection, last: MergedPart | undefined): void {
  if (size <= LIMIT) return;
  const what = `found ${size} bytes together, expected at most ${LIMIT}`;
  throw linkError("DYNLD_TOO_BIG", last?.input.name, last?.section.label, undefined, what);
}

/** The bytes of a merged section; what is between its parts is zero, and in code no instruction that is reached. */
export function mergedBytes(section: MergedSection): Uint8Array {
  const bytes = new Uint8Array(section.size);
  for (const { pooled, section: part, offset } of section.parts)
    if (pooled === undefined) bytes.set(part.bytes(), offset);
  for (const one of section.pools.values()) one.write(bytes);
  return bytes;
}

function comesAlong(input: LinkInput, section: ElfSection, plan: SectionPlan, debug: boolean): boolean {
  const place = plan.pieceOf.get(input)?.[section.index];
  if (place === undefined || place === DISCARDED) return false;
  if (place >= 0) return true;
  return debug && section.type === SHT.SHT_PROGBITS && /^\.z?debug_/.test(section.label);
}

function mergedName(section: ElfSection): string {
  const name = section.label.replace(/^\.zdebug_/, ".debug_");
  return COLLECTED.find((one) => name.startsWith(`${one}.`)) ?? name;
}
