/** String tables, built [gABI, "String Table"]. */
import { encodeUtf8 } from "../../bytes/text.ts";
import { ElfError } from "../../errors.ts";
import { placeIn } from "../place.ts";

/**
 * How far names share room: `same` stores equal names once; `suffix` also lets a name live in the tail of a longer
 * one (`bar` in `foobar`), as assemblers and linkers do, which takes a sort.
 */
export type StringSharing = "same" | "suffix";

/**
 * A string table that is being made. {@link add} all names, {@link finish}, then ask {@link offset} for the places.
 *
 * Inside, a name is its UTF-8 bytes as a string of characters 0 to 255, so that names of other tables which are not
 * UTF-8 pass through unharmed.
 */
export class StringTableBuilder {
  readonly #sharing: StringSharing;
  readonly #ids = new Map<string, number>();
  /** Sharing `same`: the table so far; an id is an offset. */
  #bytes: Uint8Array;
  #length: number;
  /** Sharing `suffix`: names by id, and their offsets once finished. */
  readonly #names: string[] = [""];
  #offsets: Uint32Array | undefined;

  /** @param seed a table whose names keep their offsets; new names go behind it. Only with sharing `same`. */
  constructor(sharing: StringSharing = "same", seed?: Uint8Array) {
    this.#sharing = sharing;
    this.#length = Math.max(1, seed?.length ?? 0);
    this.#bytes = new Uint8Array(seed === undefined ? 64 : seed.length * 2 + 64);
    if (seed !== undefined) {
      this.#bytes.set(seed);
      // A table without its last NUL must not run on into what follows.
      if (seed.length > 0 && seed[seed.length - 1] !== 0) this.#length++;
    }
    this.#ids.set("", 0);
  }

  /**
   * Adds a name and gives its id, for {@link offset}.
   *
   * @throws ElfError `ELF_BAD_VALUE` if it holds a NUL
   */
  add(name: string): number {
    return this.#enter(isAscii(name) ? name : binaryOf(encodeUtf8(name)));
  }

  /** As {@link add}, of a name given as its bytes, each a character 0 to 255; see {@link binaryAt}. */
  addBinary(name: string): number {
    return this.#enter(name);
  }

  /** Completes the table and gives its bytes. */
  finish(): Uint8Array {
    if (this.#sharing === "suffix") this.#shareSuffixes();
    return this.#bytes.subarray(0, this.#length);
  }

  /** Where the name with `id` is, once finished. */
  offset(id: number): number {
    return this.#sharing === "same" ? id : (this.#offsets?.[id] ?? 0);
  }

  #enter(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    if (name.includes("\0")) {
      throw new ElfError(
        "ELF_BAD_VALUE",
        placeIn(undefined, "string table"),
        `found a NUL in the name ${JSON.stringify(name)}, expected none`,
      );
    }
    const id = this.#sharing === "same" ? this.#append(name) : this.#names.push(name) - 1;
    this.#ids.set(name, id);
    return id;
  }

  #append(name: string): number {
    const at = this.#length;
    const end = at + name.length + 1;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(end * 2);
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    const bytes = this.#bytes;
    for (let i = 0; i < name.length; i++) bytes[at + i] = name.charCodeAt(i);
    bytes[end - 1] = 0;
    this.#length = end;
    return at;
  }

  /** Sorted by their ends, longest first, a name that is the tail of another comes right behind one that holds it. */
  #shareSuffixes(): void {
    const names = this.#names;
    const order = Uint32Array.from(names.keys()).sort((a, b) => compareTails(names[b] ?? "", names[a] ?? ""));
    const offsets = new Uint32Array(names.length);
    let holder = "";
    let holderAt = 0;
    for (const id of order) {
      const name = names[id] ?? "";
      if (name === "") continue;
      if (!holder.endsWith(name)) {
        holder = name;
        holderAt = this.#append(name);
      }
      offsets[id] = holderAt + holder.length - name.length;
    }
    this.#offsets = offsets;
  }
}

/** The NUL-terminated name at `offset` of a string table as a binary string; what runs past the table is cut off. */
export function binaryAt(table: Uint8Array, offset: number): string {
  let name = "";
  for (let i = offset; i < table.length; i++) {
    const byte = table[i] ?? 0;
    if (byte === 0) break;
    name += String.fromCharCode(byte);
  }
  return name;
}

/** Bytes as a string of characters 0 to 255. */
function binaryOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

function isAscii(name: string): boolean {
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) >= 0x80) return false;
  return true;
}

/** Order of two names read from their ends; of a name and its tail, the tail is the smaller. */
function compareTails(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 1; i <= shorter; i++) {
    const difference = a.charCodeAt(a.length - i) - b.charCodeAt(b.length - i);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
