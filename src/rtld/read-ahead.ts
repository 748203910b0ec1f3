/** Memory of a process, read in larger pieces than are asked for: what link maps lead to mostly lies close together. */
import type { MemoryReader } from "../dwfl/process/memory-image.ts";

const PAGE = 4096;
/** Most that is read at once; who asks for one piece behind the other gets twice as much each time. */
const MOST = 16 * PAGE;
/** Pieces that are kept. */
const KEPT = 4;

interface Piece {
  readonly start: bigint;
  readonly bytes: Uint8Array;
}

/** What it read it keeps, so it is good for as long as the process does not run. The bytes that it gives out are views. */
export class ReadAhead implements MemoryReader {
  readonly name: string;
  readonly #memory: MemoryReader;
  /** Latest first. */
  #pieces: Piece[] = [];

  constructor(memory: MemoryReader) {
    this.name = memory.name;
    this.#memory = memory;
  }

  /** Forgets what was read: the process has run. */
  forget(): void {
    this.#pieces = [];
  }

  read(address: bigint, length: number): Uint8Array | undefined {
    // What is computed from damaged data may be no address.
    if (address < 0n) return undefined;
    for (const { start, bytes } of this.#pieces) {
      const offset = Number(address - start);
      if (offset >= 0 && offset + length <= bytes.length) return bytes.subarray(offset, offset + length);
    }
    return this.#fetch(address, length);
  }

  #fetch(address: bigint, length: number): Uint8Array | undefined {
    const offset = Number(address % BigInt(PAGE));
    const start = address - BigInt(offset);
    const before = this.#pieces.find((one) => isBehind(one, start));
    const wanted = before === undefined ? PAGE : Math.min(2 * before.bytes.length, MOST);
    // Memory may end before all that is wanted.
    for (let size = wanted; size >= offset + length; size /= 2) {
      const bytes = this.#memory.read(start, size);
      if (bytes === undefined) continue;
      this.#pieces = [{ start, bytes }, ...this.#pieces.slice(0, KEPT - 1)];
      return bytes.subarray(offset, offset + length);
    }
    return this.#memory.read(address, length);
  }
}

/** Whether an address follows closely on what was read. */
function isBehind({ start, bytes }: Piece, address: bigint): boolean {
  const distance = Number(address - start) - bytes.length;
  return distance >= -PAGE && distance < MOST;
}
