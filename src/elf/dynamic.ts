/** The dynamic section: what the run-time linker is told [gABI, "Dynamic Section"]. */
import { readU32, readU64 } from "../bytes/endian.ts";
import { DT, dynamicTagName } from "./constants/dynamic.ts";
import { layoutOf } from "./header.ts";
import type { ElfImage } from "./image.ts";
import type { StringTable } from "./strings.ts";

/** One entry of the dynamic section. */
export interface DynamicEntry {
  /** `d_tag`, a `DT_` value; of a 64-bit file its low 32 bits. */
  readonly tag: number;
  /** `d_un`: a number or an address, as the tag says. */
  readonly value: bigint;
}

/** Tags whose value is an offset in the dynamic string table. */
const STRINGS: ReadonlySet<number> = new Set([
  DT.DT_NEEDED,
  DT.DT_SONAME,
  DT.DT_RPATH,
  DT.DT_RUNPATH,
  DT.DT_AUXILIARY,
  DT.DT_FILTER,
  DT.DT_CONFIG,
  DT.DT_DEPAUDIT,
  DT.DT_AUDIT,
]);

/** The entries of a dynamic section, up to and with its first `DT_NULL`. */
export class DynamicTable {
  readonly entries: readonly DynamicEntry[];
  /** What messages call the table. */
  readonly part: string;
  readonly #machine: number;
  readonly #strings: () => StringTable;
  readonly #first = new Map<number, bigint>();

  constructor(
    image: ElfImage,
    bytes: Uint8Array,
    part: string,
    strings: (table: DynamicTable) => StringTable,
  ) {
    const { is64, little } = image;
    const { dynsize } = layoutOf(is64);
    const entries: DynamicEntry[] = [];
    for (let at = 0; at + dynsize <= bytes.length; at += dynsize) {
      const tag = readU32(bytes, is64 && !little ? at + 4 : at, little);
      const value = is64 ? readU64(bytes, at + 8, little) : BigInt(readU32(bytes, at + 4, little));
      entries.push({ tag, value });
      if (!this.#first.has(tag)) this.#first.set(tag, value);
      if (tag === DT.DT_NULL) break;
    }
    this.entries = entries;
    this.part = part;
    this.#machine = image.machine;
    let table: StringTable | undefined;
    this.#strings = () => {
      table ??= strings(this);
      return table;
    };
  }

  /** Value of the first entry with `tag`, or `undefined`. */
  get(tag: number): bigint | undefined {
    return this.#first.get(tag);
  }

  /** Values of all entries with `tag`, in order. */
  all(tag: number): bigint[] {
    return this.entries.filter((one) => one.tag === tag).map((one) => one.value);
  }

  /** The dynamic string table. Throws an `ElfError` if it can't be found. */
  get strings(): StringTable {
    return this.#strings();
  }

  /** The text of an entry whose tag says it has one (`DT_NEEDED`, …); of others `undefined`. */
  stringOf(entry: DynamicEntry): string | undefined {
    return STRINGS.has(entry.tag) ? this.strings.at(Number(entry.value)) : undefined;
  }

  /** `DT_NEEDED`: libraries that this one needs, in order. */
  get needed(): string[] {
    return this.all(DT.DT_NEEDED).map((offset) => this.strings.at(Number(offset)));
  }

  /** `DT_SONAME`: the name by which others need this library. */
  get soname(): string | undefined {
    return this.#text(DT.DT_SONAME);
  }

  /** `DT_RUNPATH`: where to look for what is needed; colons separate directories. */
  get runpath(): string | undefined {
    return this.#text(DT.DT_RUNPATH);
  }

  /** `DT_RPATH`, which `DT_RUNPATH` replaced. */
  get rpath(): string | undefined {
    return this.#text(DT.DT_RPATH);
  }

  /** `DT_NEEDED` and so on, with the file's machine's own tags. */
  tagName(tag: number): string {
    return dynamicTagName(tag, this.#machine);
  }

  #text(tag: number): string | undefined {
    const offset = this.get(tag);
    return offset === undefined ? undefined : this.strings.at(Number(offset));
  }
}
