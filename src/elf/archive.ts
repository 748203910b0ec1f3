/**
 * `ar` archives: members with GNU or BSD long names, thin archives, and the symbol index in its 32-bit, 64-bit and
 * BSD forms [ar(5), and the GNU and BSD extensions as binutils writes them].
 */
import { readSize64, readU32 } from "../bytes/endian.ts";
import { type ByteSource, bufferSource, sliceSource } from "../bytes/source.ts";
import { decodeUtf8, findNul } from "../bytes/text.ts";
import { ElfError, type ElfErrorCode } from "../errors.ts";
import { placeIn } from "./place.ts";

const MAGIC = "!<arch>\n";
const THIN_MAGIC = "!<thin>\n";
const HEADER_SIZE = 60;

/** How to open an archive. */
export interface ArchiveOptions {
  /** What messages call the archive; by default the source's own name. */
  readonly name?: string;
  /** Opens a member of a thin archive, given its path relative to the archive's directory. Who opened it closes it. */
  readonly resolve?: (path: string) => ByteSource;
}

/** One member of an archive. */
export interface ArchiveMember {
  readonly name: string;
  /** Offset of the member's header in the archive; what the symbol index refers to. */
  readonly offset: number;
  /** Bytes of contents. */
  readonly size: number;
  /** Modification time, in seconds since 1970. */
  readonly date: number;
  readonly uid: number;
  readonly gid: number;
  /** Permission bits and file type. */
  readonly mode: number;
  /** The contents are in a file of their own: the archive is thin. */
  readonly external: boolean;
  /** The contents, as a source named `archive(member)`. */
  open(): ByteSource;
}

/** An entry of the symbol index. */
export interface ArchiveSymbol {
  readonly name: string;
  /** {@link ArchiveMember.offset} of the member that defines it. */
  readonly member: number;
}

/** Whether `bytes` begin as an archive does. */
export function isArchive(bytes: Uint8Array): boolean {
  const magic = decodeUtf8(bytes, 0, Math.min(bytes.length, 8));
  return magic === MAGIC || magic === THIN_MAGIC;
}

interface RawMember extends Omit<ArchiveMember, "open" | "name" | "external"> {
  readonly rawName: string;
  /** Where the contents start; of a BSD long name, after the name. */
  readonly start: number;
}

/** An archive. Opening reads its mark; the members' headers are read at the first question about them. */
export class Archive {
  /** Members are files of their own, which the archive only names. */
  readonly thin: boolean;
  readonly #source: ByteSource;
  readonly #options: ArchiveOptions;
  #members: readonly ArchiveMember[] | undefined;
  #index: { readonly raw: RawMember; readonly form: "gnu32" | "gnu64" | "bsd32" | "bsd64" } | undefined;
  #symbols: readonly ArchiveSymbol[] | undefined;
  #byOffset: ReadonlyMap<number, ArchiveMember> | undefined;

  private constructor(source: ByteSource, thin: boolean, options: ArchiveOptions) {
    this.#source = source;
    this.thin = thin;
    this.#options = options;
  }

  /**
   * Opens an archive.
   *
   * @throws ElfError `ELF_BAD_MAGIC`
   */
  static open(input: ByteSource | Uint8Array, options: ArchiveOptions = {}): Archive {
    const source = input instanceof Uint8Array ? bufferSource(input, options.name) : input;
    const magic = source.read(0, Math.min(8, source.size));
    if (!isArchive(magic)) {
      throw new ElfError(
        "ELF_BAD_MAGIC",
        placeIn(options.name ?? source.name),
        "found no ar mark, expected !<arch> or !<thin>",
      );
    }
    return new Archive(source, magic[2] === 0x74, options);
  }

  /** What messages call the archive. */
  get name(): string | undefined {
    return this.#options.name ?? this.#source.name;
  }

  /** All members, in order, without the archive's own tables. */
  get members(): readonly ArchiveMember[] {
    this.#members ??= this.#readMembers();
    return this.#members;
  }

  /** The member whose header is at `offset`, as the symbol index gives it. */
  memberAt(offset: number): ArchiveMember {
    this.#byOffset ??= new Map(this.members.map((one) => [one.offset, one]));
    const member = this.#byOffset.get(offset);
    if (member !== undefined) return member;
    throw this.#error("ELF_BAD_REFERENCE", offset, "found no member here, expected one");
  }

  /** The symbol index: which member defines which symbol. Empty if the archive has none. */
  symbols(): readonly ArchiveSymbol[] {
    this.#symbols ??= this.#readSymbols();
    return this.#symbols;
  }

  #readMembers(): ArchiveMember[] {
    const members: ArchiveMember[] = [];
    let longNames: Uint8Array = new Uint8Array(0);
    for (let at = 8; at < this.#source.size; ) {
      // A last odd byte is padding.
      if (this.#source.size - at < 2) break;
      const raw = this.#readHeader(at);
      const special = this.#special(raw);
      if (special === "names") longNames = this.#source.read(raw.start, raw.size);
      else if (special !== undefined) this.#index ??= { raw, form: special };
      else members.push(this.#member(raw, longNames));
      const inside = !this.thin || special !== undefined;
      const end = inside ? raw.start + raw.size : raw.start;
      if (end > this.#source.size) {
        throw this.#error(
          "ELF_TRUNCATED",
          at,
          `member: found ${this.#source.size - raw.start} bytes, expected ${raw.size}`,
        );
      }
      at = end + (end % 2);
    }
    return members;
  }

  #readHeader(offset: number): RawMember {
    if (offset + HEADER_SIZE > this.#source.size) {
      const left = this.#source.size - offset;
      throw this.#error(
        "ELF_TRUNCATED",
        offset,
        `member header: found ${left} bytes, expected ${HEADER_SIZE}`,
      );
    }
    const bytes = this.#source.read(offset, HEADER_SIZE);
    if (bytes[58] !== 0x60 || bytes[59] !== 0x0a) {
      throw this.#error(
        "ELF_BAD_VALUE",
        offset + 58,
        "member header: found no end mark, expected ` and a line feed",
      );
    }
    const number = (start: number, end: number, radix: number, what: string): number => {
      const text = decodeUtf8(bytes, start, end).trimEnd();
      if (text === "") return 0;
      const value = /^[0-9]+$/.test(text) ? Number.parseInt(text, radix) : Number.NaN;
      if (Number.isNaN(value)) {
        throw this.#error(
          "ELF_BAD_VALUE",
          offset + start,
          `${what} of the member: found "${text}", expected a number`,
        );
      }
      return value;
    };
    const rawName = decodeUtf8(bytes, 0, 16).trimEnd();
    const size = number(48, 58, 10, "size");
    const fields = {
      rawName,
      offset,
      date: number(16, 28, 10, "date"),
      uid: number(28, 34, 10, "user"),
      gid: number(34, 40, 10, "group"),
      mode: number(40, 48, 8, "mode"),
    };
    const start = offset + HEADER_SIZE;
    // BSD: the name is the first bytes of the contents, padded with NUL.
    const bsd = /^#1\/([0-9]+)$/.exec(rawName);
    if (bsd === null) return { ...fields, start, size };
    const length = Number(bsd[1]);
    if (length > size || start + length > this.#source.size) {
      throw this.#error(
        "ELF_BAD_VALUE",
        offset,
        `name of the member: found ${length} bytes, expected at most ${size}`,
      );
    }
    const name = this.#source.read(start, length);
    const end = findNul(name, 0);
    return {
      ...fields,
      rawName: `#1/${decodeUtf8(name, 0, end < 0 ? length : end)}`,
      start: start + length,
      size: size - length,
    };
  }

  #special(raw: RawMember): "names" | "gnu32" | "gnu64" | "bsd32" | "bsd64" | undefined {
    switch (raw.rawName) {
      case "//":
        return "names";
      case "/":
        return "gnu32";
      case "/SYM64/":
        return "gnu64";
      case "__.SYMDEF":
      case "#1/__.SYMDEF":
      case "#1/__.SYMDEF SORTED":
        return "bsd32";
      case "#1/__.SYMDEF_64":
      case "#1/__.SYMDEF_64 SORTED":
        return "bsd64";
      default:
        return undefined;
    }
  }

  #member(raw: RawMember, longNames: Uint8Array): ArchiveMember {
    const { offset, size, date, uid, gid, mode } = raw;
    const name = this.#memberName(raw, longNames);
    const external = this.thin;
    const open = (): ByteSource => {
      const label = `${this.name ?? "archive"}(${name})`;
      if (!external) return sliceSource(this.#source, raw.start, size, label);
      const { resolve } = this.#options;
      if (resolve !== undefined) return resolve(name);
      throw this.#error(
        "ELF_UNSUPPORTED",
        offset,
        `member ${name} of a thin archive: found no resolver, expected one`,
      );
    };
    return { name, offset, size, date, uid, gid, mode, external, open };
  }

  /** GNU: `name/`, or `/offset` into the table of long names; BSD: `name`, or `#1/name` as it was read. */
  #memberName(raw: RawMember, longNames: Uint8Array): string {
    const { rawName, offset } = raw;
    if (rawName.startsWith("#1/")) return rawName.slice(3);
    const long = /^\/([0-9]+)(?::[0-9]+)?$/.exec(rawName);
    if (long === null) return rawName.endsWith("/") ? rawName.slice(0, -1) : rawName;
    const start = Number(long[1]);
    if (start >= longNames.length) {
      throw this.#error(
        "ELF_BAD_REFERENCE",
        offset,
        `name of the member: found offset ${start}, expected less than the ${longNames.length} bytes of long names`,
      );
    }
    // Entries end with "/\n"; a path may hold a slash.
    const feed = longNames.indexOf(0x0a, start);
    const end = feed < 0 ? longNames.length : feed;
    const text = decodeUtf8(longNames, start, end);
    return text.endsWith("/") ? text.slice(0, -1) : text;
  }

  #readSymbols(): ArchiveSymbol[] {
    // The walk over the members is what finds the index.
    this.#members ??= this.#readMembers();
    const index = this.#index;
    if (index === undefined) return [];
    const { raw, form } = index;
    const bytes = this.#source.read(raw.start, raw.size);
    return form === "gnu32" || form === "gnu64"
      ? this.#gnuSymbols(bytes, raw, form === "gnu64" ? 8 : 4)
      : this.#bsdSymbols(bytes, raw, form === "bsd64" ? 8 : 4);
  }

  /** A count, as many member offsets, then as many names; all big-endian. */
  #gnuSymbols(bytes: Uint8Array, raw: RawMember, word: 4 | 8): ArchiveSymbol[] {
    const read = (at: number) => (word === 8 ? readSize64(bytes, at, false) : readU32(bytes, at, false));
    const count = bytes.length < word ? 0 : read(0);
    // Each symbol takes an offset and at least a NUL.
    if (!(word + count * (word + 1) <= bytes.length)) throw this.#badIndex(raw, count, bytes.length);
    const symbols: ArchiveSymbol[] = [];
    let at = word + count * word;
    for (let i = 0; i < count; i++) {
      const end = findNul(bytes, at);
      if (end < 0)
        throw this.#error("ELF_TRUNCATED", raw.start + at, "symbol index: found a name without an end");
      symbols.push({ name: decodeUtf8(bytes, at, end), member: read(word + i * word) });
      at = end + 1;
    }
    return symbols;
  }

  /** `struct ranlib`: size in bytes, pairs of name offset and member offset, size of the names, names; little-endian. */
  #bsdSymbols(bytes: Uint8Array, raw: RawMember, word: 4 | 8): ArchiveSymbol[] {
    const read = (at: number) => (word === 8 ? readSize64(bytes, at, true) : readU32(bytes, at, true));
    const size = bytes.length < word ? 0 : read(0);
    const names = 2 * word + size;
    if (size % (2 * word) !== 0 || !(names <= bytes.length)) throw this.#badIndex(raw, size, bytes.length);
    return Array.from({ length: size / (2 * word) }, (_, i) => {
      const at = word + i * 2 * word;
      const start = names + read(at);
      const end = start < bytes.length ? findNul(bytes, start) : -1;
      if (end < 0)
        throw this.#error(
          "ELF_BAD_REFERENCE",
          raw.start + at,
          "symbol index: found a name outside the table",
        );
      return { name: decodeUtf8(bytes, start, end), member: read(at + word) };
    });
  }

  #badIndex(raw: RawMember, found: number, bytes: number): ElfError {
    return this.#error(
      "ELF_BAD_VALUE",
      raw.start,
      `symbol index: found a count of ${found}, expected it to fit ${bytes} bytes`,
    );
  }

  #error(code: ElfErrorCode, offset: number, what: string): ElfError {
    return new ElfError(code, placeIn(this.name, undefined, offset), what);
  }
}
