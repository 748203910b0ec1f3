/** A section while its file is edited. */
import { SHF, SHT } from "../../constants/section.ts";
import type { ElfSection } from "../../section.ts";

/**
 * A section of an {@link ElfEditor}: what other sections, symbols and edits refer to. It stays the same object while
 * its index, name and contents change.
 */
export interface EditedSection {
  /** Stable number: of a section that the file had, its index there; new ones count on. */
  readonly id: number;
  readonly name: string;
  /** `SHT_` value. */
  readonly type: number;
  /** `SHF_` bits. */
  readonly flags: number;
  readonly addr: bigint;
  readonly addralign: number;
  readonly entsize: number;
  /** Bytes in the file; of `SHT_NOBITS` in memory. Of tables that the editor writes, as they were read. */
  readonly size: number;
  /** `sh_link`, where it names a section. */
  readonly link: EditedSection | undefined;
  /** `sh_info`, where it names a section. */
  readonly infoSection: EditedSection | undefined;
  /** It was removed: it can't be used any more. */
  readonly removed: boolean;
  /** The contents as they are now: a view that must not be written to. */
  contents(): Uint8Array;
}

/** Types whose `sh_info` is a section whatever the flags say. */
export function isRelocationType(type: number): boolean {
  return type === SHT.SHT_REL || type === SHT.SHT_RELA;
}

/** Types that hold symbols. */
export function isSymbolType(type: number): boolean {
  return type === SHT.SHT_SYMTAB || type === SHT.SHT_DYNSYM;
}

/** Types whose contents the editor itself keeps right, so that they have verbs of their own. */
export function isStructural(type: number): boolean {
  return (
    isRelocationType(type) ||
    isSymbolType(type) ||
    type === SHT.SHT_GROUP ||
    type === SHT.SHT_SYMTAB_SHNDX ||
    type === SHT.SHT_NULL
  );
}

/** The editor's own side of {@link EditedSection}. */
export class SectionNode implements EditedSection {
  readonly id: number;
  /** The section as the file has it; none of new ones. */
  readonly original: ElfSection | undefined;
  name: string;
  type: number;
  flags: number;
  flagsHigh = 0;
  addr = 0n;
  addralign = 1;
  entsize = 0;
  link: SectionNode | undefined;
  infoSection: SectionNode | undefined;
  /** `sh_link` that names no section. */
  rawLink = 0;
  /** `sh_info` that names no section; of groups, the id of the signature symbol. */
  info = 0;
  removed = false;
  /** Members of a group. */
  members: SectionNode[] | undefined;
  /** `GRP_` bits of a group. */
  groupFlags = 0;
  /** New contents; `undefined` for those of the file. */
  bytes: Uint8Array | undefined;
  /** Size of a section without contents. */
  nobitsSize = 0;
  /** Its name is not the one in the file. */
  renamed: boolean;

  constructor(id: number, original: ElfSection | undefined, name: string, type: number, flags: number) {
    this.id = id;
    this.original = original;
    this.name = name;
    this.type = type;
    this.flags = flags;
    this.renamed = original === undefined;
    if (original === undefined) return;
    this.flagsHigh = original.flagsHigh;
    this.addr = original.addr;
    this.addralign = original.addralign;
    this.entsize = original.entsize;
    this.rawLink = original.link;
    this.info = original.info;
    this.nobitsSize = original.size;
  }

  /** It has no contents in the file. */
  get isNobits(): boolean {
    return this.type === SHT.SHT_NOBITS || this.type === SHT.SHT_NULL;
  }

  get size(): number {
    if (this.isNobits) return this.nobitsSize;
    return this.bytes?.length ?? this.original?.size ?? 0;
  }

  /** How messages call it. */
  get label(): string {
    return this.name === "" ? `section ${this.id}` : this.name;
  }

  hasFlags(mask: number): boolean {
    return ((this.flags & mask) ^ mask) === 0;
  }

  contents(): Uint8Array {
    return this.bytes ?? this.original?.rawBytes() ?? new Uint8Array(0);
  }

  /** Whether `sh_info` names a section. */
  get infoIsSection(): boolean {
    return isRelocationType(this.type) || (!isStructural(this.type) && this.hasFlags(SHF.SHF_INFO_LINK));
  }
}
