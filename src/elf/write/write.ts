/** Making an ELF image from a description. */
import { ElfError } from "../../errors.ts";
import { ET } from "../constants/header.ts";
import { GRP, SHF, SHT } from "../constants/section.ts";
import { buildSysvHash } from "../hash.ts";
import { sysvHashWordSize } from "../hash-table.ts";
import { layoutOf } from "../header.ts";
import { placeIn } from "../place.ts";
import type { ElfDescription, SectionDescription, SectionRef } from "./description.ts";
import { putDynamic } from "./dynamic.ts";
import { overflow, putFileHeader, putProgramHeader, putSectionHeader } from "./header.ts";
import { layOut, type Placed } from "./layout.ts";
import type { Format, Integer } from "./put.ts";
import { Refs } from "./refs.ts";
import { encodeRelr, planRelocations, putRelocations, recordSize } from "./relocations.ts";
import { StringTableBuilder } from "./string-table.ts";
import { SymbolPlan } from "./symbols.ts";
import { defaultsOf } from "./type-defaults.ts";

/**
 * Makes an ELF image.
 *
 * The order of sections in the file is that of the description; string tables that it does not have (`.strtab`,
 * `.shstrtab`) and the index section for more than 0xff00 sections are added behind. References go by index or name.
 *
 * @returns the image, in memory of its own
 * @throws ElfError `ELF_BAD_VALUE` or `ELF_BAD_REFERENCE`, with the section that the description has wrong
 */
export function writeElf(description: ElfDescription): Uint8Array {
  return new ImageWriter(description).write();
}

/** More than this is an address or alignment gone wrong: 4 GiB. */
const LARGEST = 2 ** 32;
/** The image before its size is known. */
const NOTHING = new Uint8Array(0);

/** A section on its way into the image. */
interface Piece extends Placed {
  readonly description: SectionDescription;
  flags: number;
  size: number;
  link: number;
  info: number;
  readonly entsize: number;
  /** Writes the contents at `at`; nothing for sections without. */
  put: ((at: number) => void) | undefined;
}

class ImageWriter {
  readonly #description: ElfDescription;
  readonly #format: Format;
  readonly #pieces: (Piece | undefined)[] = [undefined];
  readonly #refs: Refs;
  /** String tables that the writer fills, by section index. */
  readonly #strings = new Map<number, StringTableBuilder>();
  readonly #symbols = new Map<number, SymbolPlan>();
  #bytes = NOTHING;
  #view = new DataView(NOTHING.buffer);

  constructor(description: ElfDescription) {
    const { is64 = true, little = true, machine } = description;
    this.#description = description;
    this.#format = { is64, little, machine };
    for (const section of description.sections) this.#pieces.push(this.#pieceOf(section));
    this.#refs = new Refs("section", this.#pieces.length, (i) => this.#pieces[i + 1]?.name ?? "");
  }

  write(): Uint8Array {
    const { sectionNames } = this.#description;
    const count = this.#pieces.length;
    for (let i = 1; i < count; i++) this.#openStrings(i);
    for (let i = 1; i < count; i++) this.#planSymbols(i);
    for (let i = 1; i < count; i++) this.#plan(i);
    for (const [index, plan] of this.#symbols) if (plan.extended) this.#addExtendedIndexes(index, plan);
    const shstrndx = sectionNames === false ? 0 : this.#sectionNameTable(sectionNames);
    const nameIds = this.#pieces.map((piece) =>
      piece === undefined || shstrndx === 0 ? 0 : this.#builder(shstrndx).add(piece.name),
    );
    for (const [index, builder] of this.#strings) this.#closeStrings(this.#piece(index), builder);
    return this.#emit(shstrndx, nameIds);
  }

  #pieceOf(description: SectionDescription): Piece {
    const { name, type, flags = 0, addr } = description;
    const defaults = defaultsOf(type, this.#format);
    return {
      description,
      name,
      type,
      flags,
      wantedAddr: addr,
      addralign: description.addralign ?? defaults.addralign,
      entsize: description.entsize ?? defaults.entsize,
      link: 0,
      info: description.info ?? 0,
      size: 0,
      offset: 0,
      addr: 0,
      put: undefined,
    };
  }

  #piece(index: number): Piece {
    const piece = this.#pieces[index];
    if (piece === undefined) {
      throw new ElfError(
        "ELF_BAD_REFERENCE",
        placeIn(undefined, "description"),
        `section: found index ${index}, expected 1 to ${this.#pieces.length - 1}`,
      );
    }
    return piece;
  }

  #add(description: SectionDescription): number {
    this.#refs.grow();
    return this.#pieces.push(this.#pieceOf(description)) - 1;
  }

  #resolve(ref: SectionRef, from: string): number {
    return this.#refs.resolve(ref, from);
  }

  #openStrings(index: number): void {
    const { description, name } = this.#piece(index);
    if (!("strings" in description)) return;
    if (description.type !== SHT.SHT_STRTAB) throw wrongType(name, description.type, "SHT_STRTAB");
    const builder = new StringTableBuilder(this.#description.strings);
    for (const string of description.strings) builder.add(string);
    this.#strings.set(index, builder);
  }

  /** The string table that `index` links to, which the writer must be filling. */
  #builder(index: number, from = "section names"): StringTableBuilder {
    const builder = this.#strings.get(index);
    if (builder !== undefined) return builder;
    throw new ElfError(
      "ELF_BAD_REFERENCE",
      placeIn(undefined, from),
      `string table: found section ${index}, expected a section described by its strings`,
    );
  }

  /** Index of the string table of a section that needs one: its `link`, or the table with the usual name. */
  #stringsOf(piece: Piece): number {
    const { description, name, type } = piece;
    if (description.link !== undefined) return this.#resolve(description.link, name);
    const usual = type === SHT.SHT_SYMTAB ? ".strtab" : ".dynstr";
    for (const index of this.#strings.keys()) if (this.#piece(index).name === usual) return index;
    if (type === SHT.SHT_SYMTAB) {
      const index = this.#add({ name: usual, type: SHT.SHT_STRTAB, strings: [] });
      this.#openStrings(index);
      return index;
    }
    // It must be loaded, so where it goes is for the description to say.
    throw new ElfError(
      "ELF_BAD_REFERENCE",
      placeIn(undefined, name),
      "link: found none, expected a section of strings, or one called .dynstr",
    );
  }

  #planSymbols(index: number): void {
    const piece = this.#piece(index);
    const { description, name, type } = piece;
    if (!("symbols" in description)) return;
    if (type !== SHT.SHT_SYMTAB && type !== SHT.SHT_DYNSYM)
      throw wrongType(name, type, "SHT_SYMTAB or SHT_DYNSYM");
    const hashed = this.#pieces.some(
      (one) =>
        one?.type === SHT.SHT_GNU_HASH &&
        "over" in one.description &&
        this.#resolve(one.description.over, one.name) === index,
    );
    const plan = new SymbolPlan(description, this.#format, this.#refs, hashed);
    piece.link = this.#stringsOf(piece);
    piece.info = plan.firstGlobal;
    piece.size = plan.size;
    const strings = this.#builder(piece.link, name);
    plan.addNames(strings);
    piece.put = (at) => plan.put(this.#view, at, strings, (section) => this.#addressOf(section));
    this.#symbols.set(index, plan);
  }

  /** Plans every section that is not a table of symbols or strings. */
  #plan(index: number): void {
    const piece = this.#piece(index);
    const { description, name, type } = piece;
    if (description.link !== undefined) piece.link = this.#resolve(description.link, name);
    if (description.infoSection !== undefined) {
      piece.info = this.#resolve(description.infoSection, name);
      piece.flags |= SHF.SHF_INFO_LINK;
    }
    if ("bytes" in description) {
      const { bytes } = description;
      if (type === SHT.SHT_NOBITS) throw wrongType(name, type, "a type with contents");
      piece.size = bytes.length;
      piece.put = (at) => this.#bytes.set(bytes, at);
    } else if ("size" in description) {
      if (type !== SHT.SHT_NOBITS) throw wrongType(name, type, "SHT_NOBITS");
      piece.size = description.size;
    } else if ("relocations" in description) this.#planRelocations(piece);
    else if ("addresses" in description)
      this.#planBytes(piece, encodeRelr(description.addresses, this.#format, name));
    else if ("members" in description) this.#planGroup(piece, index);
    else if ("dynamic" in description) this.#planDynamic(piece);
    else if ("over" in description) this.#planDerived(piece);
  }

  #planBytes(piece: Piece, bytes: Uint8Array): void {
    piece.size = bytes.length;
    piece.put = (at) => this.#bytes.set(bytes, at);
  }

  /** The symbol table of a section that needs one: its `link`, or the only one of `type` that there is. */
  #symbolTableOf(piece: Piece, ref: SectionRef | undefined): { index: number; plan: SymbolPlan } {
    const { name } = piece;
    const only = this.#symbols.size === 1 ? this.#symbols.keys().next().value : undefined;
    const index = ref === undefined ? only : this.#resolve(ref, name);
    const plan = index === undefined ? undefined : this.#symbols.get(index);
    if (index !== undefined && plan !== undefined) return { index, plan };
    throw new ElfError(
      "ELF_BAD_REFERENCE",
      placeIn(undefined, name),
      `symbol table: found ${index === undefined ? `${this.#symbols.size} tables and no link` : `section ${index}`}, expected a section described by its symbols`,
    );
  }

  #planRelocations(piece: Piece): void {
    const { description, name, type } = piece;
    if (!("relocations" in description)) return;
    const { relocations, target } = description;
    // A static program's relocations may stand without symbols.
    const table =
      description.link === undefined && this.#symbols.size === 0
        ? undefined
        : this.#symbolTableOf(piece, description.link);
    const plan = planRelocations(relocations, type, name, (ref) =>
      table === undefined ? noSymbol(ref, name) : table.plan.index(ref, name),
    );
    piece.link = table?.index ?? 0;
    piece.size = plan.count * recordSize(this.#format, type);
    if (target !== undefined) {
      piece.info = this.#resolve(target, name);
      piece.flags |= SHF.SHF_INFO_LINK;
    }
    const { info } = piece;
    piece.put = (at) => {
      const base = description.relative === true ? this.#addressOf(info) : 0n;
      putRelocations(this.#view, at, this.#format, plan, base);
    };
  }

  #planGroup(piece: Piece, index: number): void {
    const { description, name, type } = piece;
    if (!("members" in description)) return;
    if (type !== SHT.SHT_GROUP) throw wrongType(name, type, "SHT_GROUP");
    const { members, signature, comdat = true } = description;
    const table = this.#symbolTableOf(piece, description.link);
    piece.link = table.index;
    piece.info = table.plan.index(signature, name);
    piece.size = 4 + members.length * 4;
    const indexes = members.map((member) => this.#resolve(member, name));
    for (const member of indexes) {
      if (member <= index) {
        throw new ElfError(
          "ELF_BAD_VALUE",
          placeIn(undefined, name),
          `member: found section ${member}, expected one behind the group itself, section ${index}`,
        );
      }
      this.#piece(member).flags |= SHF.SHF_GROUP;
    }
    const { little } = this.#format;
    piece.put = (at) => {
      this.#view.setUint32(at, comdat ? GRP.GRP_COMDAT : 0, little);
      indexes.forEach((member, i) => {
        this.#view.setUint32(at + 4 + i * 4, member, little);
      });
    };
  }

  #planDynamic(piece: Piece): void {
    const { description, name } = piece;
    if (!("dynamic" in description)) return;
    piece.link = this.#stringsOf(piece);
    const strings = this.#builder(piece.link, name);
    const ids = description.dynamic.map((one) => ("string" in one ? strings.add(one.string) : 0));
    const { dynsize } = layoutOf(this.#format.is64);
    piece.size = (description.dynamic.length + 1) * dynsize;
    const value = (i: number): Integer => {
      const entry = description.dynamic[i];
      if (entry === undefined) return 0;
      if ("string" in entry) return strings.offset(ids[i] ?? 0);
      if ("value" in entry) return entry.value;
      return this.#piece(this.#resolve(entry.section, name))[entry.field ?? "addr"];
    };
    piece.put = (at) => putDynamic(this.#view, at, this.#format, description.dynamic, value, name);
  }

  #planDerived(piece: Piece): void {
    const { description, name, type } = piece;
    if (!("over" in description)) return;
    const { index, plan } = this.#symbolTableOf(piece, description.over);
    piece.link = index;
    if (type === SHT.SHT_GNU_versym) {
      piece.size = (plan.count + 1) * 2;
      piece.put = (at) => plan.putVersions(this.#view, at);
    } else if (type === SHT.SHT_HASH) {
      const { little } = this.#format;
      const wordSize = sysvHashWordSize(this.#format);
      this.#planBytes(piece, buildSysvHash(plan.names, { little, wordSize }));
    } else if (type === SHT.SHT_GNU_HASH && plan.gnuHash !== undefined) {
      this.#planBytes(piece, plan.gnuHash.bytes);
    } else throw wrongType(name, type, "SHT_HASH, SHT_GNU_HASH or SHT_GNU_versym");
  }

  #addExtendedIndexes(link: number, plan: SymbolPlan): void {
    const { name } = this.#piece(link);
    const index = this.#add({ name: `${name}_shndx`, type: SHT.SHT_SYMTAB_SHNDX, bytes: NOTHING });
    const piece = this.#piece(index);
    piece.link = link;
    piece.size = (plan.count + 1) * 4;
    piece.put = (at) => plan.putExtended(this.#view, at);
  }

  #sectionNameTable(ref: SectionRef | undefined): number {
    if (ref !== undefined) return this.#resolve(ref, "sectionNames");
    for (const index of this.#strings.keys()) if (this.#piece(index).name === ".shstrtab") return index;
    const index = this.#add({ name: ".shstrtab", type: SHT.SHT_STRTAB, strings: [] });
    this.#openStrings(index);
    return index;
  }

  #closeStrings(piece: Piece, builder: StringTableBuilder): void {
    this.#planBytes(piece, builder.finish());
  }

  #addressOf(index: number): bigint {
    return index === 0 ? 0n : BigInt(this.#piece(index).addr);
  }

  #emit(shstrndx: number, nameIds: readonly number[]): Uint8Array {
    const { segments = [], baseAddress = 0, sectionNames, type, flags = 0 } = this.#description;
    const { osAbi = 0, abiVersion = 0 } = this.#description;
    const pieces = this.#pieces;
    const format = this.#format;
    const { ehsize, phentsize, shentsize } = layoutOf(format.is64);
    const plans = segments.map((description, i) => ({
      description,
      sections: (description.sections ?? []).map((ref) => this.#resolve(ref, `segment ${i}`)),
    }));
    const nowhere = this.#pieceOf({ name: "", type: SHT.SHT_NULL, bytes: NOTHING });
    const placed = pieces.map((piece) => piece ?? nowhere);
    const headed = sectionNames !== false;
    const layout = layOut(placed, plans, format, baseAddress, headed);
    if (layout.size > LARGEST) {
      throw new ElfError(
        "ELF_BAD_VALUE",
        placeIn(undefined, "description"),
        `size of the image: found ${layout.size} bytes, expected at most ${LARGEST}; addresses and alignments make room`,
      );
    }
    this.#bytes = new Uint8Array(layout.size);
    this.#view = new DataView(this.#bytes.buffer);
    const view = this.#view;
    const phnum = segments.length;
    const shnum = headed ? pieces.length : 0;
    const counts = { shnum, shstrndx, phnum };
    const phoff = phnum === 0 ? 0 : ehsize;
    const entry = this.#entry();
    const { shoff } = layout;
    const fileHeader = { osAbi, abiVersion, type, flags, entry, phoff, shoff, ...counts };
    putFileHeader(view, format, fileHeader);
    layout.programHeaders.forEach((header, i) => {
      putProgramHeader(view, phoff + i * phentsize, format, header, i);
    });
    for (const { at, bytes } of layout.segmentBytes) this.#bytes.set(bytes, at);
    for (const piece of pieces) piece?.put?.(piece.offset);
    if (!headed) return this.#bytes;
    const names = this.#builder(shstrndx);
    const zero = overflow(counts);
    for (let i = 0; i < placed.length; i++) {
      const piece = placed[i] ?? nowhere;
      const { name, type, flags, addr, entsize } = piece;
      const isNull = i === 0;
      putSectionHeader(view, shoff + i * shentsize, format, {
        label: name,
        nameOffset: names.offset(nameIds[i] ?? 0),
        type,
        flags,
        flagsHigh: 0,
        addr,
        offset: isNull ? 0 : piece.offset,
        size: isNull ? zero.size : piece.size,
        link: isNull ? zero.link : piece.link,
        info: isNull ? zero.info : piece.info,
        addralign: isNull ? 0 : piece.addralign,
        entsize,
      });
    }
    return this.#bytes;
  }

  #entry(): Integer {
    const { entry = 0, type } = this.#description;
    if (typeof entry !== "object") return entry;
    const section = this.#resolve(entry.section, "ELF header");
    return BigInt(entry.offset) + (type === ET.ET_REL ? 0n : this.#addressOf(section));
  }
}

function wrongType(name: string, type: number, expected: string): ElfError {
  return new ElfError(
    "ELF_BAD_VALUE",
    placeIn(undefined, name),
    `type of the section: found ${type}, expected ${expected}`,
  );
}

function noSymbol(ref: number | string, name: string): number {
  if (ref === 0) return 0;
  throw new ElfError(
    "ELF_BAD_REFERENCE",
    placeIn(undefined, name),
    `symbol: found ${ref}, expected a section of symbols to have it`,
  );
}
