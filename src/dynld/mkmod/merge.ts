/** Sections of several objects as those of one: which goes where. */
import { SHF, SHT } from "../../elf/constants/section.ts";
import type { ElfSection } from "../../elf/section.ts";
import { linkError } from "../link/fault.ts";
import type { LinkInput } from "../link/input.ts";
import { alignUp, DISCARDED, type SectionPlan } from "../link/sections.ts";

/** A section of the module to be made. */
export interface MergedSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  /** What it is made of, in order. */
  readonly parts: MergedPart[];
  align: number;
  size: number;
}

/** A section of an input in its place. */
export interface MergedPart {
  readonly input: LinkInput;
  readonly section: ElfSection;
  readonly into: MergedSection;
  readonly offset: number;
}

/** All sections of a module, and where each of the inputs' went. */
export interface Merged {
  readonly sections: readonly MergedSection[];
  /** By input, by section index. */
  readonly partOf: ReadonlyMap<LinkInput, ReadonlyMap<number, MergedPart>>;
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
    for (const section of input.sections) {
      if (!comesAlong(input, section, plan, debug)) continue;
      const name = mergedName(section);
      const flags = section.flags & KIND;
      const type = section.type;
      const key = `${name} ${flags} ${type}`;
      const into = byKey.get(key) ?? { name, type, flags, parts: [], align: 1, size: 0 };
      byKey.set(key, into);
      const align = Math.max(1, section.addralign);
      const part = { input, section, into, offset: alignUp(into.size, align) };
      into.align = Math.max(into.align, align);
      into.size = part.offset + (type === SHT.SHT_NOBITS ? section.size : section.bytes().length);
      if (into.size > LIMIT) {
        const what = `found ${into.size} bytes together, expected at most ${LIMIT}`;
        throw linkError("DYNLD_TOO_BIG", input.name, section.label, undefined, what);
      }
      into.parts.push(part);
      parts.set(section.index, part);
    }
  }
  return { sections: [...byKey.values()], partOf };
}

/** The bytes of a merged section; what is between its parts is zero, and in code no instruction that is reached. */
export function mergedBytes(section: MergedSection): Uint8Array {
  const bytes = new Uint8Array(section.size);
  for (const part of section.parts) bytes.set(part.section.bytes(), part.offset);
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
