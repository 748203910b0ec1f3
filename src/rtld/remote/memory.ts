/** Memory of a process, through a stub. */
import type { RemoteLink } from "./link.ts";
import { escaped, fromHex, toHex } from "./packet.ts";

/** What is read at least: a part of a page, so that a line is mapped as a whole or not at all. */
const LINE = 512;
/** As {@link LINE}, where packets are short. */
const SHORT_LINE = 128;
/** Bytes of a packet beside the data. */
const HEAD = 48;

/** What was read it keeps while nothing runs. */
export class RemoteMemory {
  readonly #link: RemoteLink;
  readonly #turn: () => void;
  /** Most bytes that are asked for at once. */
  readonly #most: number;
  readonly #size: number;
  readonly #lines = new Map<bigint, Uint8Array | undefined>();
  #hasBinary = true;

  /**
   * @param packetSize most bytes of a packet that the stub takes
   * @param turn turns the stub to the process
   */
  constructor(link: RemoteLink, packetSize: number, turn: () => void) {
    this.#link = link;
    this.#turn = turn;
    this.#most = Math.max(Math.floor((packetSize - HEAD) / 2), SHORT_LINE);
    this.#size = this.#most < LINE ? SHORT_LINE : LINE;
  }

  /** Forgets what was read: the process has run. */
  forget(): void {
    this.#lines.clear();
  }

  /** All of `length` bytes at an address; `undefined` if one of them is not mapped. */
  read(address: bigint, length: number): Uint8Array | undefined {
    const bytes = new Uint8Array(length);
    const end = address + BigInt(length);
    for (let at = address; at < end; ) {
      const start = at - (at % BigInt(this.#size));
      const line = this.#line(start, end);
      const skipped = Number(at - start);
      const taken = Math.min(this.#size - skipped, Number(end - at));
      const part = line?.subarray(skipped, skipped + taken) ?? this.#fetch(at, taken);
      if (part?.length !== taken) return undefined;
      bytes.set(part, Number(at - address));
      at += BigInt(taken);
    }
    return bytes;
  }

  /** Writes bytes. @returns false if nothing is mapped there */
  write(address: bigint, bytes: Uint8Array): boolean {
    this.#lines.clear();
    this.#turn();
    for (let done = 0; done < bytes.length; ) {
      // In binary a byte takes two where it is escaped.
      const piece = bytes.subarray(done, done + this.#most);
      if (!this.#put(address + BigInt(done), piece)) return false;
      done += piece.length;
    }
    return true;
  }

  #put(address: bigint, bytes: Uint8Array): boolean {
    const where = `${address.toString(16)},${bytes.length.toString(16)}`;
    const answer = this.#hasBinary ? this.#link.ask(`X${where}:${escaped(bytes)}`) : "";
    if (answer === "") {
      this.#hasBinary = false;
      return this.#link.ask(`M${where}:${toHex(bytes)}`) === "OK";
    }
    return answer === "OK";
  }

  /** A line, read with those behind it that are needed up to `end`; `undefined` if it is not mapped as a whole. */
  #line(start: bigint, end: bigint): Uint8Array | undefined {
    if (this.#lines.has(start)) return this.#lines.get(start);
    const size = this.#size;
    const wanted = Number((end - start + BigInt(size) - 1n) / BigInt(size));
    const count = Math.min(wanted, Math.floor(this.#most / size));
    const bytes = this.#fetch(start, count * size);
    // Of several that could not be read together, one by one.
    if (bytes === undefined && count > 1) return this.#line(start, start + 1n);
    for (let i = 0; i < count; i++) {
      this.#lines.set(start + BigInt(i * size), bytes?.subarray(i * size, (i + 1) * size));
    }
    return bytes?.subarray(0, size);
  }

  #fetch(address: bigint, length: number): Uint8Array | undefined {
    const bytes = new Uint8Array(length);
    this.#turn();
    for (let done = 0; done < length; ) {
      const count = Math.min(length - done, this.#most);
      const answer = this.#link.ask(`m${(address + BigInt(done)).toString(16)},${count.toString(16)}`);
      const piece = fromHex(answer);
      // A stub may give less than it was asked for, where the memory ends.
      if (piece === undefined || piece.length === 0 || piece.length > count) return undefined;
      bytes.set(piece, done);
      done += piece.length;
    }
    return bytes;
  }
}
