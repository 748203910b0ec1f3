/**
 * Canonical texts as they travel in a module: of all its symbols together, each definition once, compressed.
 *
 *     table   = %x89 "BT" %x01 length zlib             length in 4 bytes, little-endian, of the lines in UTF-8
 *     lines   = "types " address-size " " groups " " symbols LF *group *symbol
 *     group   = count LF *(definition LF)              references to other groups by their position, from 0: `@12`
 *     symbol  = text LF
 *
 * A group comes behind those that it refers to. Digests and signatures are not in it: who reads it makes them again from
 * the texts, so a table that was damaged has no symbol with the signature that is looked for.
 */
import { deflate } from "pako";
import { readU32 } from "../../bytes/endian.ts";
import { encodeUtf8 } from "../../bytes/text.ts";
import { decodeZlib } from "../../bytes/zlib.ts";
import { DynldError } from "../../errors.ts";
import type { CSymbol } from "../ctype.ts";
import type { CDefined } from "./emit.ts";
import { digestOf } from "./hash.ts";
import { type References, TypeParser } from "./parse.ts";
import { groupsOf, type SignedSymbol } from "./signature.ts";

const MAGIC = [0x89, 0x42, 0x54, 0x01];
const HEADER = MAGIC.length + 4;
/** Bytes of text that a table may have: ten times that of the largest kernel module. */
const LONGEST = 1 << 26;
/** More than deflate can make of a byte. */
const ZLIB_RATIO = 1032;

const REFERENCES = /'(?:[^\\']|\\.)*'|@([0-9a-f]{16})/g;
const POSITIONS = /'(?:[^\\']|\\.)*'|@(\d+)/g;

/** The texts of symbols as bytes. @throws DynldError DYNLD_BAD_ARGUMENT when they are of machines with other addresses */
export function encodeTypes(symbols: Iterable<SignedSymbol>): Uint8Array {
  const signed = [...new Map([...symbols].map((one) => [one.signature, one])).values()];
  const addressSize = signed[0]?.symbol.addressSize ?? 8;
  const other = signed.find(({ symbol }) => symbol.addressSize !== addressSize)?.symbol;
  if (other !== undefined) {
    const what = `${other.name}: found addresses of ${other.addressSize} bytes, expected ${addressSize} as before`;
    throw new DynldError("DYNLD_BAD_ARGUMENT", {}, what, { symbol: other.name });
  }
  const groups = groupsOf(signed);
  const positions = new Map(groups.map(({ digest }, position) => [digest, position]));
  const placed = (text: string): string =>
    text.replace(REFERENCES, (all, digest: string | undefined) =>
      digest === undefined ? all : `@${positions.get(digest) ?? ""}`,
    );
  const lines = [`types ${addressSize} ${groups.length} ${signed.length}`];
  for (const { count, text } of groups) lines.push(String(count), placed(text));
  for (const { text } of signed) lines.push(placed(text));
  const bytes = encodeUtf8(`${lines.join("\n")}\n`);
  const compressed = deflate(bytes, { level: 9 });
  const table = new Uint8Array(HEADER + compressed.length);
  table.set(MAGIC);
  new DataView(table.buffer).setUint32(MAGIC.length, bytes.length, true);
  table.set(compressed, HEADER);
  return table;
}

/** The types of a module. Texts are read when one is asked for. */
export class TypeTable {
  readonly #texts = new Map<bigint, string>();
  readonly #references: References;

  private constructor(texts: ReadonlyMap<bigint, string>, references: References) {
    this.#texts = new Map(texts);
    this.#references = references;
  }

  /**
   * Reads a table.
   * @throws DynldError DYNLD_BAD_MAGIC, DYNLD_TRUNCATED, DYNLD_TOO_BIG, DYNLD_BAD_VALUE
   */
  static decode(bytes: Uint8Array): TypeTable {
    const lines = new Lines(linesOf(bytes));
    const [, addressSize = 0, groups = 0, symbols = 0] = lines.numbers(/^types ([1-8]) (\d+) (\d+)$/);
    const digests: string[] = [];
    const byDigest = new Map<string, CDefined[]>();
    const find = (reference: string): CDefined | undefined => {
      const [, digest = "", index = "0"] = /^@([0-9a-f]{16})(?:\.(\d+))?$/.exec(reference) ?? [];
      return byDigest.get(digest)?.[Number(index)];
    };
    const named = (text: string): string =>
      text.replace(POSITIONS, (all, position: string | undefined) =>
        position === undefined ? all : `@${digests[Number(position)] ?? "?"}`,
      );
    for (let i = 0; i < groups; i++) {
      const [, count = 0] = lines.numbers(/^(\d+)$/);
      const texts = lines.take(count).map(named);
      const digest = digestOf(texts.join("\n"));
      const own: CDefined[] = [];
      const inside: References = {
        find: (reference) => (reference[0] === "#" ? own[Number(reference.slice(1))] : find(reference)),
      };
      const opened = texts.map((text) => new TypeParser(text, inside, addressSize).definition());
      own.push(...opened.map(({ type }) => type));
      for (const one of opened) one.fill();
      digests.push(digest);
      byDigest.set(digest, own);
    }
    const texts = new Map<bigint, string>();
    for (const line of lines.take(symbols)) {
      const text = named(line);
      texts.set(BigInt(`0x${digestOf(text)}`), text);
    }
    lines.end();
    return new TypeTable(texts, { find });
  }

  /** Signatures of the symbols in it. */
  get signatures(): Iterable<bigint> {
    return this.#texts.keys();
  }

  /** The text that a signature is the hash of. */
  text(signature: bigint): string | undefined {
    return this.#texts.get(signature);
  }

  /**
   * The symbol of that name with a signature; `undefined` where the table has no text for the signature.
   * @throws DynldError DYNLD_BAD_VALUE
   */
  symbol(name: string, signature: bigint): CSymbol | undefined {
    const text = this.#texts.get(signature);
    return text === undefined ? undefined : TypeParser.symbol(text, name, this.#references);
  }
}

/** The lines of a table, one after the other. */
class Lines {
  readonly #lines: readonly string[];
  #at = 0;

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  /** The next `count` lines. */
  take(count: number): readonly string[] {
    if (this.#at + count > this.#lines.length) {
      const what = `types: found ${this.#lines.length} lines, expected ${this.#at + count} or more`;
      throw new DynldError("DYNLD_TRUNCATED", {}, what);
    }
    const taken = this.#lines.slice(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }

  /** The numbers in the next line; the first is not one. */
  numbers(pattern: RegExp): number[] {
    const [line = ""] = this.take(1);
    const found = pattern.exec(line);
    if (found === null) {
      const what = `types, line ${this.#at}: found ${JSON.stringify(line.slice(0, 32))}, expected a count`;
      throw new DynldError("DYNLD_BAD_VALUE", {}, what);
    }
    return found.map(Number);
  }

  end(): void {
    const left = this.#lines.length - this.#at;
    if (left > 0)
      throw new DynldError("DYNLD_BAD_VALUE", {}, `types: found ${left} lines behind the last symbol`);
  }
}

function linesOf(bytes: Uint8Array): string[] {
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) {
    throw new DynldError("DYNLD_BAD_MAGIC", {}, "types: found other bytes than a table of types begins with");
  }
  if (bytes.length < HEADER)
    throw new DynldError("DYNLD_TRUNCATED", {}, `types: found ${bytes.length} bytes`);
  const length = readU32(bytes, MAGIC.length, true);
  if (length > LONGEST || length > ZLIB_RATIO * bytes.length) {
    throw new DynldError("DYNLD_TOO_BIG", {}, `types: found ${length} bytes of text, expected less`);
  }
  let text: Uint8Array;
  try {
    text = decodeZlib(bytes.subarray(HEADER), length);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DynldError("DYNLD_BAD_VALUE", {}, `types: can't be decompressed: ${why}`, { cause: error });
  }
  const lines = new TextDecoder().decode(text).split("\n");
  if (text.length !== length || lines.pop() !== "") {
    throw new DynldError(
      "DYNLD_TRUNCATED",
      {},
      `types: found ${text.length} bytes of text, expected ${length}`,
    );
  }
  return lines;
}
