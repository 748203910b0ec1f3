/** Symbol versions [LSB Core, "Symbol Versioning"]. */
import { Cursor } from "../bytes/cursor.ts";
import { readU16 } from "../bytes/endian.ts";
import { VER_NDX, VERSYM_HIDDEN, VERSYM_VERSION } from "./constants/version.ts";
import type { ElfImage } from "./image.ts";
import type { StringTable } from "./strings.ts";

/** The version of one symbol. */
export interface SymbolVersion {
  /** Version name, `GLIBC_2.34`. */
  readonly name: string;
  /** Of a definition: found only if asked for by version (`name@version`, not `name@@version`). */
  readonly hidden: boolean;
  /** Of an undefined symbol: the library that is to provide it. */
  readonly file?: string;
}

/** A version that the file defines: an entry of `.gnu.version_d`. */
export interface VersionDefinition {
  /** Offset of the entry in its section. */
  readonly offset: number;
  /** `vd_version`, 1. */
  readonly revision: number;
  /** `vd_flags`, `VER_FLG_` bits. */
  readonly flags: number;
  /** `vd_ndx`: what `.gnu.version` calls this version. */
  readonly index: number;
  /** `vd_hash`: SysV hash of the name. */
  readonly hash: number;
  /** The version's name, then those of the versions that it includes. */
  readonly names: readonly string[];
}

/** Versions needed from one library: an entry of `.gnu.version_r`. */
export interface VersionNeed {
  readonly offset: number;
  /** `vn_version`, 1. */
  readonly revision: number;
  /** Library, as in `DT_NEEDED`. */
  readonly file: string;
  readonly versions: readonly {
    readonly offset: number;
    readonly hash: number;
    /** `vna_flags`, `VER_FLG_` bits. */
    readonly flags: number;
    /** `vna_other`: what `.gnu.version` calls this version. */
    readonly index: number;
    readonly name: string;
  }[];
}

/** A version table's bytes, its number of entries, where its names are, and what messages call it. */
export interface VersionSource {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly strings: StringTable;
  readonly part: string;
}

/** Versions of a file's dynamic symbols. */
export class VersionTable {
  readonly definitions: readonly VersionDefinition[];
  readonly needs: readonly VersionNeed[];
  readonly #versym: Uint8Array | undefined;
  readonly #image: ElfImage;
  readonly #byIndex = new Map<number, { readonly name: string; readonly file?: string }>();

  constructor(
    image: ElfImage,
    versym: Uint8Array | undefined,
    definitions: VersionSource | undefined,
    needs: VersionSource | undefined,
  ) {
    this.#versym = versym;
    this.#image = image;
    this.definitions = definitions === undefined ? [] : readDefinitions(image, definitions);
    this.needs = needs === undefined ? [] : readNeeds(image, needs);
    for (const { index, names } of this.definitions) {
      this.#byIndex.set(index & VERSYM_VERSION, { name: names[0] ?? "" });
    }
    for (const { file, versions } of this.needs) {
      for (const { index, name } of versions) this.#byIndex.set(index & VERSYM_VERSION, { name, file });
    }
  }

  /** Number of symbols that have an entry in `.gnu.version`. */
  get length(): number {
    return this.#versym === undefined ? 0 : this.#versym.length >>> 1;
  }

  /** The entry of `.gnu.version` for symbol `symbol`: an index and {@link VERSYM_HIDDEN}; `undefined` past the table. */
  entry(symbol: number): number | undefined {
    if (this.#versym === undefined || symbol < 0 || symbol >= this.length) return undefined;
    return readU16(this.#versym, symbol * 2, this.#image.little);
  }

  /** What version index `index` stands for: a name, and the library if it is a need. */
  named(index: number): { readonly name: string; readonly file?: string } | undefined {
    return this.#byIndex.get(index & VERSYM_VERSION);
  }

  /**
   * The version of symbol `symbol`; `undefined` for local and unversioned (global) ones.
   *
   * @throws ElfError `ELF_BAD_REFERENCE` if its version is neither defined nor needed
   */
  of(symbol: number): SymbolVersion | undefined {
    const entry = this.entry(symbol);
    if (entry === undefined || (entry & VERSYM_VERSION) <= VER_NDX.VER_NDX_GLOBAL) return undefined;
    const known = this.named(entry);
    if (known === undefined) {
      throw this.#image.error(
        "ELF_BAD_REFERENCE",
        ".gnu.version",
        symbol * 2,
        `version of symbol ${symbol}: found index ${entry & VERSYM_VERSION}, expected one that is defined or needed`,
      );
    }
    return { ...known, hidden: (entry & VERSYM_HIDDEN) !== 0 };
  }
}

/** Elfxx_Verdef and Elfxx_Verdaux, the same in both classes. */
function readDefinitions(image: ElfImage, source: VersionSource): VersionDefinition[] {
  const { bytes, strings, part } = source;
  let budget = Math.floor(bytes.length / 8);
  return walk(image, source, 20, (cursor, offset) => {
    const revision = cursor.u16();
    const flags = cursor.u16();
    const index = cursor.u16();
    const count = cursor.u16();
    const hash = cursor.u32();
    const aux = cursor.u32();
    const next = cursor.u32();
    const names: string[] = [];
    let at = offset + aux;
    for (let i = 0; i < count; i++) {
      if (budget-- === 0) throw shared(image, part, offset);
      const entry = new Cursor(bytes, image.little, image.fault(part), at);
      names.push(strings.at(entry.u32()));
      const step = entry.u32();
      if (step === 0) break;
      at = advance(image, part, at, step, 8);
    }
    return { next, value: { offset, revision, flags, index, hash, names } };
  });
}

/** Elfxx_Verneed and Elfxx_Vernaux, the same in both classes. */
function readNeeds(image: ElfImage, source: VersionSource): VersionNeed[] {
  const { bytes, strings, part } = source;
  let budget = Math.floor(bytes.length / 16);
  return walk(image, source, 16, (cursor, offset) => {
    const revision = cursor.u16();
    const count = cursor.u16();
    const file = strings.at(cursor.u32());
    const aux = cursor.u32();
    const next = cursor.u32();
    const versions: VersionNeed["versions"][number][] = [];
    let at = offset + aux;
    for (let i = 0; i < count; i++) {
      if (budget-- === 0) throw shared(image, part, offset);
      const entry = new Cursor(bytes, image.little, image.fault(part), at);
      const hash = entry.u32();
      const flags = entry.u16();
      const index = entry.u16();
      const name = strings.at(entry.u32());
      const step = entry.u32();
      versions.push({ offset: at, hash, flags, index, name });
      if (step === 0) break;
      at = advance(image, part, at, step, 16);
    }
    return { next, value: { offset, revision, file, versions } };
  });
}

/** Follows a chain of entries, each with the distance to the next, 0 for the last. */
function walk<T>(
  image: ElfImage,
  { bytes, count, part }: VersionSource,
  size: number,
  read: (cursor: Cursor, offset: number) => { next: number; value: T },
): T[] {
  const found: T[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const { next, value } = read(new Cursor(bytes, image.little, image.fault(part), at), at);
    found.push(value);
    if (next === 0) break;
    at = advance(image, part, at, next, size);
  }
  return found;
}

/** Entries may not overlap: a step shorter than an entry would let a small table pass for a huge one. */
function advance(image: ElfImage, part: string, at: number, step: number, size: number): number {
  if (step < size) {
    throw image.error(
      "ELF_BAD_VALUE",
      part,
      at,
      `distance to the next entry: found ${step}, expected 0 or at least ${size}`,
    );
  }
  return at + step;
}

/** Entries that share their parts could make a small table say very much; each part counts once. */
function shared(image: ElfImage, part: string, offset: number): Error {
  return image.error("ELF_LOOP", part, offset, "found more parts of entries than the table has room for");
}
