/**
 * `.debug_names`: hash tables from names to entries of units [DWARF5 6.1.1]. A file has one, or, if its linker did not
 * merge them, one for each object.
 */
import { decodeUtf8 } from "../../../bytes/text.ts";
import { DW_FORM } from "../../constants/form.ts";
import type { Dwarf, DwarfUnit } from "../../dwarf.ts";
import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";
import { readInitialLength } from "../unit/header.ts";
import { type NameAbbrev, readNameAbbrevs } from "./abbrev.ts";
import { caseFoldingHash, foldCase } from "./hash.ts";
import { referredUnit } from "./reference.ts";

/** All name indexes of a file. @throws DwarfError at one whose header is bad */
export function* nameIndexes(dwarf: Dwarf): IterableIterator<NameIndex> {
  for (const section of dwarf.sections.named("debug_names")) {
    const reader = dwarf.reader(section);
    for (let offset = 0; offset < reader.bytes.length; ) {
      const index = new NameIndex(dwarf, reader, offset);
      yield index;
      offset = index.end;
    }
  }
}

/** One name index. Names are numbered from 0; the tables themselves count from 1. */
export class NameIndex {
  readonly dwarf: Dwarf;
  readonly reader: FieldReader;
  /** Of its initial length, in the section. */
  readonly offset: number;
  /** Behind its last byte. */
  readonly end: number;
  /** Bytes of an offset: 4, or 8 in the 64-bit format. */
  readonly offsetSize: 4 | 8;
  readonly version: number;
  /** Compilation units, type units of this file, and type units of split files. */
  readonly unitCount: number;
  readonly localTypeCount: number;
  readonly foreignTypeCount: number;
  /** Of the hash table; 0 where there is none. */
  readonly bucketCount: number;
  /** Names that there are. */
  readonly length: number;
  /** What the producer says of itself; `LLVM0700`. */
  readonly augmentation: string;
  /** Where the entries of names count from. */
  readonly pool: number;
  readonly #units: number;
  readonly #localTypes: number;
  readonly #foreignTypes: number;
  readonly #buckets: number;
  readonly #hashes: number;
  readonly #strings: number;
  readonly #entries: number;
  readonly #abbrevStart: number;
  #abbrevs: ReadonlyMap<number, NameAbbrev> | undefined;

  /**
   * Reads the header at an offset. Made by {@link nameIndexes}.
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED, DWARF_BAD_VALUE
   */
  constructor(dwarf: Dwarf, reader: FieldReader, offset: number) {
    const { section } = reader;
    const { start, end, offsetSize } = readInitialLength(section, offset);
    const fixed = start + 32;
    const field = (index: number): number => reader.offset(start + 4 + 4 * index, 4);
    if (fixed > end) fail(`name index: ends after ${end - start} bytes`);
    this.dwarf = dwarf;
    this.reader = reader;
    this.offset = offset;
    this.end = end;
    this.offsetSize = offsetSize;
    this.version = reader.raw(start, 2);
    if (this.version !== 5) {
      const what = `name index of version ${this.version}: expected 5`;
      throw dwarfError(section, "DWARF_UNSUPPORTED", start, what);
    }
    this.unitCount = field(0);
    this.localTypeCount = field(1);
    this.foreignTypeCount = field(2);
    this.bucketCount = field(3);
    this.length = field(4);
    // The specification wants its size rounded up to a multiple of 4, and so do those who write none of that.
    const augmentationSize = Math.ceil(field(6) / 4) * 4;
    if (fixed + augmentationSize > end) fail(`augmentation of ${augmentationSize} bytes: past the index`);
    this.augmentation = decodeUtf8(reader.bytes, fixed, fixed + augmentationSize).replace(/\0+$/, "");
    this.#units = fixed + augmentationSize;
    this.#localTypes = this.#units + this.unitCount * offsetSize;
    this.#foreignTypes = this.#localTypes + this.localTypeCount * offsetSize;
    this.#buckets = this.#foreignTypes + this.foreignTypeCount * 8;
    this.#hashes = this.#buckets + this.bucketCount * 4;
    this.#strings = this.#hashes + (this.bucketCount === 0 ? 0 : this.length * 4);
    this.#entries = this.#strings + this.length * offsetSize;
    this.#abbrevStart = this.#entries + this.length * offsetSize;
    this.pool = this.#abbrevStart + field(5);
    if (this.pool > end)
      fail(`tables of ${this.pool - fixed} bytes: past the index, which has ${end - fixed}`);

    function fail(what: string): never {
      throw dwarfError(section, "DWARF_TRUNCATED", offset, what);
    }
  }

  /** Abbreviations by code. */
  get abbrevs(): ReadonlyMap<number, NameAbbrev> {
    const { reader, pool } = this;
    this.#abbrevs ??= readNameAbbrevs(reader.bytes, this.#abbrevStart, pool, reader.section);
    return this.#abbrevs;
  }

  /** The compilation unit of a number. @throws DwarfError DWARF_BAD_REFERENCE */
  unit(index: number): DwarfUnit {
    this.#check("unit", index, this.unitCount);
    return referredUnit(this.dwarf, this.reader, this.#units + index * this.offsetSize, this.offsetSize);
  }

  /**
   * The type unit of a number, those of the file first.
   * @returns `undefined` for one of a split file: see {@link foreignSignature}
   * @throws DwarfError DWARF_BAD_REFERENCE
   */
  typeUnit(index: number): DwarfUnit | undefined {
    const { dwarf, reader, offsetSize, localTypeCount } = this;
    if (index >= localTypeCount) return dwarf.index.type(this.foreignSignature(index - localTypeCount));
    this.#check("type unit", index, localTypeCount);
    return referredUnit(dwarf, reader, this.#localTypes + index * offsetSize, offsetSize);
  }

  /** The signature of a type unit of a split file, numbered from 0. @throws DwarfError DWARF_BAD_REFERENCE */
  foreignSignature(index: number): bigint {
    this.#check("foreign type unit", index, this.foreignTypeCount);
    return this.reader.final(this.#foreignTypes + index * 8, 8);
  }

  /** A name. @throws DwarfError DWARF_BAD_REFERENCE when its string has no end */
  name(index: number): string {
    this.#check("name", index, this.length);
    const { dwarf, reader, offsetSize } = this;
    const offset = reader.offset(this.#strings + index * offsetSize, offsetSize);
    return dwarf.stringOf(DW_FORM.DW_FORM_strp, offset) ?? "";
  }

  /** The hash of a name as the table has it; `undefined` without a hash table. */
  hash(index: number): number | undefined {
    this.#check("name", index, this.length);
    return this.bucketCount === 0 ? undefined : this.reader.raw(this.#hashes + 4 * index, 4);
  }

  /** The first name of a bucket; -1 of an empty one. @throws DwarfError DWARF_BAD_REFERENCE */
  bucket(index: number): number {
    this.#check("bucket", index, this.bucketCount);
    const first = this.reader.raw(this.#buckets + 4 * index, 4) - 1;
    if (first >= 0) this.#check("name", first, this.length);
    return first;
  }

  /** Where the entries of a name are in the section, for a `NameEntryCursor`. @throws DwarfError DWARF_BAD_REFERENCE when they are past the index */
  entries(index: number): number {
    this.#check("name", index, this.length);
    const at = this.#entries + index * this.offsetSize;
    const offset = this.pool + this.reader.offset(at, this.offsetSize);
    if (offset < this.end) return offset;
    return this.#fail(at, `entries at 0x${offset.toString(16)}: past the index`);
  }

  /**
   * The number of a name, by the hash table where there is one; -1 when it is not in the index.
   * @throws DwarfError DWARF_BAD_REFERENCE
   */
  find(name: string): number {
    return this.#search(name, (candidate) => candidate === name).next().value ?? -1;
  }

  /** The numbers of all names that differ from this one at most in case. @throws DwarfError DWARF_BAD_REFERENCE */
  findFolded(name: string): IterableIterator<number> {
    const folded = foldCase(name);
    return this.#search(name, (candidate) => foldCase(candidate) === folded);
  }

  *#search(name: string, matches: (candidate: string) => boolean): IterableIterator<number> {
    const { bucketCount, length, reader } = this;
    if (bucketCount === 0) {
      for (let i = 0; i < length; i++) if (matches(this.name(i))) yield i;
      return;
    }
    const hash = caseFoldingHash(name);
    const wanted = hash % bucketCount;
    const first = this.bucket(wanted);
    if (first < 0) return;
    for (let i = first; i < length; i++) {
      const its = reader.raw(this.#hashes + 4 * i, 4);
      if (its % bucketCount !== wanted) return;
      if (its === hash && matches(this.name(i))) yield i;
    }
  }

  #check(what: string, index: number, count: number): void {
    if (!(index >= 0 && index < count))
      this.#fail(this.offset, `${what} ${index}: the name index has ${count}`);
  }

  #fail(at: number, what: string): never {
    throw dwarfError(this.reader.section, "DWARF_BAD_REFERENCE", at, what);
  }
}
