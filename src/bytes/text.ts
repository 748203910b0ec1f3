/** Names in binary tables: NUL-terminated UTF-8, most of them short and ASCII. */

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();
/** Up to this many bytes a loop over characters beats the decoder's set-up cost. */
const SHORT = 48;

/** Index of the first NUL at or after `from`, or -1. */
export function findNul(bytes: Uint8Array, from: number): number {
  return bytes.indexOf(0, from);
}

/** Bytes `start` to `end` (exclusive) as text. Bytes that are not UTF-8 come out as U+FFFD. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > SHORT) return decoder.decode(bytes.subarray(start, end));
  let text = "";
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte >= 0x80) return decoder.decode(bytes.subarray(start, end));
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Names met lately, by their bytes: to compare those costs less than to make a string. */
export class InternTable {
  readonly #names: (string | undefined)[];
  readonly #made: string[];
  readonly #make: (name: string) => string;

  /**
   * @param slots names that it keeps, a power of two
   * @param make what is asked for of a name, made once while it is kept
   */
  constructor(slots: number, make: (name: string) => string = (name) => name) {
    this.#names = new Array(slots).fill(undefined);
    this.#made = new Array(slots).fill("");
    this.#make = make;
  }

  /** What is made of the name in bytes `start` to `end`: the same string for the same bytes, mostly. */
  get(bytes: Uint8Array, start: number, end: number): string {
    let hash = end - start;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (bytes[i] ?? 0)) | 0;
    const slot = (hash ^ (hash >>> 10)) & (this.#names.length - 1);
    const known = this.#names[slot];
    if (known !== undefined && isAscii(known, bytes, start, end)) return this.#made[slot] ?? "";
    const name = decodeUtf8(bytes, start, end);
    const made = this.#make(name);
    if (name.length <= SHORT) {
      this.#names[slot] = name;
      this.#made[slot] = made;
    }
    return made;
  }
}

/** Names of sections and members: files have the same ones. */
const interned = new InternTable(1024);

/** The same as {@link decodeUtf8}, for names that come again and again: the same string for the same bytes, mostly. */
export function internUtf8(bytes: Uint8Array, start: number, end: number): string {
  return interned.get(bytes, start, end);
}

/** Whether bytes are a text, all ASCII. */
function isAscii(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) {
    const byte = bytes[start + i] ?? 0;
    if (byte >= 0x80 || byte !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** Text as UTF-8, without a terminator. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}
