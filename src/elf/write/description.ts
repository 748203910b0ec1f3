/** What {@link writeElf} makes an image from: plain data. */
import type { Integer } from "./put.ts";
import type { StringSharing } from "./string-table.ts";

/**
 * A section: its index in the file to be made, which is its position in {@link ElfDescription.sections} plus one, or
 * its name, if only one section has it.
 */
export type SectionRef = number | string;

/**
 * A symbol of a table: its position in the description plus one (0 is no symbol), or its name, if only one symbol has
 * it. The writer may put symbols in another order, and turns references round with them.
 */
export type SymbolRef = number | string;

/** A symbol to be written. */
export interface SymbolDescription {
  readonly name: string;
  /** The section that holds it; without this and `reserved` it is undefined (`SHN_UNDEF`). */
  readonly section?: SectionRef;
  /** A reserved index in the place of a section: `SHN_ABS`, `SHN_COMMON`, a processor's own. */
  readonly reserved?: number;
  /** `st_value`; 0 by default. See {@link SymbolSection.relative}. */
  readonly value?: Integer;
  /** `st_size`; 0 by default. */
  readonly size?: Integer;
  /** `STT_` value; `STT_NOTYPE` by default. */
  readonly type?: number;
  /** `STB_` value; `STB_GLOBAL` by default. */
  readonly binding?: number;
  /** `STV_` value; `STV_DEFAULT` by default. */
  readonly visibility?: number;
  /** `st_other`, if it has more than the visibility. */
  readonly other?: number;
  /** Entry of the version table (`SHT_GNU_versym`) over this table; 1, global, by default, 0 for local symbols. */
  readonly version?: number;
}

/**
 * Symbols as columns, all as long as `names`: the fast form. A number in the place of a column is the same for all
 * symbols. 64-bit columns may be a `BigUint64Array` or whole numbers.
 */
export interface SymbolColumns {
  readonly names: readonly string[];
  /** `st_value`; 0 by default. */
  readonly values?: BigUint64Array | ArrayLike<number> | number;
  /** `st_size`; 0 by default. */
  readonly sizes?: BigUint64Array | ArrayLike<number> | number;
  /** `st_info`, `STB_` × 16 + `STT_`; `STB_GLOBAL`, `STT_NOTYPE` by default. */
  readonly infos?: ArrayLike<number> | number;
  /** `st_other`; 0 by default. */
  readonly others?: ArrayLike<number> | number;
  /** Section indexes; 0, undefined, by default. */
  readonly sections?: ArrayLike<number> | number;
  /** Reserved indexes; one that is not 0 takes the place of the symbol's section. */
  readonly reserved?: ArrayLike<number>;
  /** Entries of the version table. */
  readonly versions?: ArrayLike<number> | number;
}

/** A relocation to be written. */
export interface RelocationDescription {
  /** `r_offset`. See {@link RelocationSection.relative}. */
  readonly offset: Integer;
  /** `R_` value of the machine; on 64-bit MIPS three types, one a byte from the lowest. */
  readonly type: number;
  /** The symbol; none by default. */
  readonly symbol?: SymbolRef;
  /** Addend of `SHT_RELA`, 0 by default; `SHT_REL` has it in the place, and none may be given here. */
  readonly addend?: Integer;
  /** `r_ssym`, on 64-bit MIPS. */
  readonly specialSymbol?: number;
}

/** Relocations as columns, all as long as `offsets`: the fast form. `symbols` counts as {@link SymbolRef} does. */
export interface RelocationColumns {
  readonly offsets: BigUint64Array | ArrayLike<number>;
  readonly types: ArrayLike<number> | number;
  readonly symbols?: ArrayLike<number> | number;
  readonly addends?: BigInt64Array | ArrayLike<number> | number;
}

/** An entry of the dynamic section: its value, a name for its string table, or something about a section. */
export type DynamicDescription =
  | { readonly tag: number; readonly value: Integer }
  | { readonly tag: number; readonly string: string }
  | {
      readonly tag: number;
      readonly section: SectionRef;
      /** What of the section; its address by default. */
      readonly field?: "addr" | "size" | "entsize";
    };

/** What every section has. */
export interface SectionHead {
  readonly name: string;
  /** `SHT_` value. */
  readonly type: number;
  /** `SHF_` bits; 0 by default. `SHF_GROUP` and `SHF_INFO_LINK` are set where they must be. */
  readonly flags?: number;
  /** `sh_addr`. By default sections of `PT_LOAD` segments get one by their place, others 0. */
  readonly addr?: Integer;
  /** `sh_addralign`; by default what the type asks for, else 1. */
  readonly addralign?: number;
  /** `sh_entsize`; by default what the type asks for, else 0. */
  readonly entsize?: number;
  /** `sh_link`; by default what the type asks for, where there is one choice. */
  readonly link?: SectionRef;
  /** `sh_info`, of types that do not say it themselves. */
  readonly info?: number;
  /** A section for `sh_info`; sets `SHF_INFO_LINK`. */
  readonly infoSection?: SectionRef;
}

/** A section with contents given as they are. The bytes are copied into the image. */
export interface BytesSection extends SectionHead {
  readonly bytes: Uint8Array;
}

/** A section that takes memory but no room in the file: `SHT_NOBITS`. */
export interface NobitsSection extends SectionHead {
  readonly size: number;
}

/** `SHT_SYMTAB` or `SHT_DYNSYM`. The null symbol is added, local symbols are put first. */
export interface SymbolSection extends SectionHead {
  readonly symbols: readonly SymbolDescription[] | SymbolColumns;
  /** Values count from the start of the symbol's section, though the file's type asks for addresses. */
  readonly relative?: boolean;
}

/** `SHT_REL` or `SHT_RELA`; `link` is the symbol table, by default the only one there is. */
export interface RelocationSection extends SectionHead {
  readonly relocations: readonly RelocationDescription[] | RelocationColumns;
  /** The section that the relocations apply to: `sh_info`. */
  readonly target?: SectionRef;
  /** Offsets count from the start of the target, though the file's type asks for addresses. */
  readonly relative?: boolean;
}

/** `SHT_RELR`: addresses of words to be moved by the load bias, even and ascending. */
export interface RelrSection extends SectionHead {
  readonly addresses: readonly Integer[];
}

/** `SHT_GROUP`; must come before its members. They get `SHF_GROUP`. */
export interface GroupSection extends SectionHead {
  readonly members: readonly SectionRef[];
  /** The symbol, in the table that `link` says, whose name is the group's. */
  readonly signature: SymbolRef;
  /** `GRP_COMDAT`; true by default. */
  readonly comdat?: boolean;
}

/**
 * `SHT_STRTAB` that the writer fills: with names of the symbols and dynamic entries whose `link` it is, with section
 * names if {@link ElfDescription.sectionNames} says so, and with `strings`.
 */
export interface StringSection extends SectionHead {
  readonly strings: readonly string[];
}

/** `SHT_DYNAMIC`; `DT_NULL` is added. */
export interface DynamicSection extends SectionHead {
  readonly dynamic: readonly DynamicDescription[];
}

/** `SHT_HASH` or `SHT_GNU_HASH` over a dynamic symbol table, or its `SHT_GNU_versym`: made from its symbols. */
export interface DerivedSection extends SectionHead {
  readonly over: SectionRef;
}

/** A section to be written, by what it holds. */
export type SectionDescription =
  | BytesSection
  | NobitsSection
  | SymbolSection
  | RelocationSection
  | RelrSection
  | GroupSection
  | StringSection
  | DynamicSection
  | DerivedSection;

/**
 * A segment: over sections, over bytes of its own (core files), or with every field given.
 *
 * One over sections reaches from its first to its last; of `PT_LOAD`, the file offsets and addresses of its sections
 * are kept congruent modulo `align`.
 */
export interface SegmentDescription {
  /** `PT_` value. */
  readonly type: number;
  /** `PF_` bits. */
  readonly flags: number;
  /** The sections, in file order. */
  readonly sections?: readonly SectionRef[];
  /** Covers the file header and the program headers too; for `PT_PHDR`, the program headers only. */
  readonly headers?: boolean;
  /** Contents that no section has. Copied into the image. */
  readonly bytes?: Uint8Array;
  readonly offset?: number;
  readonly vaddr?: Integer;
  /** `vaddr` by default. */
  readonly paddr?: Integer;
  readonly filesz?: number;
  readonly memsz?: Integer;
  /** By default 4096 of `PT_LOAD`, else the largest of its sections. */
  readonly align?: number;
}

/** An ELF image to be made. */
export interface ElfDescription {
  /** `ELFCLASS64`; true by default. */
  readonly is64?: boolean;
  /** `ELFDATA2LSB`; true by default. */
  readonly little?: boolean;
  /** `e_machine`, an `EM_` value. */
  readonly machine: number;
  /** `e_type`, an `ET_` value. */
  readonly type: number;
  readonly osAbi?: number;
  readonly abiVersion?: number;
  /** `e_flags`. */
  readonly flags?: number;
  /** `e_entry`: an address, or a place in a section. */
  readonly entry?: Integer | { readonly section: SectionRef; readonly offset: Integer };
  readonly sections: readonly SectionDescription[];
  readonly segments?: readonly SegmentDescription[];
  /**
   * The string section for the section names; by default one is added, `.shstrtab`. `false`: the file has no section
   * headers at all.
   */
  readonly sectionNames?: SectionRef | false;
  /** How far names share room; `same` by default. */
  readonly strings?: StringSharing;
  /** Address of the first `PT_LOAD` that has none; 0 by default. */
  readonly baseAddress?: Integer;
}
