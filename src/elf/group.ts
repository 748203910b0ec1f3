/** Section groups [gABI, "Section Groups"]: sections that are kept or dropped together. */
import { readU32 } from "../bytes/endian.ts";
import { GRP } from "./constants/section.ts";
import type { ElfImage } from "./image.ts";
import type { ElfSection } from "./section.ts";

/** One `SHT_GROUP` section. */
export interface SectionGroup {
  /** The section that lists the group. */
  readonly section: ElfSection;
  /** First word: `GRP_` bits. */
  readonly flags: number;
  /** `GRP_COMDAT`: of several groups with one signature, a linker keeps one. */
  readonly comdat: boolean;
  /** Symbol table of the signature: `sh_link`. */
  readonly symtab: number;
  /** Index of the signature symbol in that table: `sh_info`. Its name is the group's name. */
  readonly symbol: number;
  /** Section indexes of the members, in order. */
  readonly members: readonly number[];
}

/** Reads a `SHT_GROUP` section. */
export function readGroup(image: ElfImage, section: ElfSection): SectionGroup {
  const bytes = section.bytes();
  if (bytes.length < 4 || bytes.length % 4 !== 0) {
    throw image.error(
      "ELF_BAD_VALUE",
      section.label,
      undefined,
      `size of a section group: found ${bytes.length} bytes, expected a multiple of 4, at least 4`,
    );
  }
  const words = Array.from({ length: bytes.length / 4 }, (_, i) => readU32(bytes, i * 4, image.little));
  const [flags = 0, ...members] = words;
  for (const [i, member] of members.entries()) {
    if (member !== 0 && member < image.header.shnum) continue;
    throw image.error(
      "ELF_BAD_REFERENCE",
      section.label,
      4 + i * 4,
      `member of a section group: found section ${member}, expected 1 to ${image.header.shnum - 1}`,
    );
  }
  const comdat = (flags & GRP.GRP_COMDAT) !== 0;
  return { section, flags, comdat, symtab: section.link, symbol: section.info, members };
}
