/** What is told by the bytes of a linkage table, whatever the machine. */

/** All of `length` bytes of a process's memory, without breakpoints. */
export type ReadMemory = (address: bigint, length: number) => Uint8Array | undefined;

/** Memory as code refers to it. */
export interface PltMemory {
  readonly read: ReadMemory;
  /** A word as wide as an address; `undefined` if nothing is mapped there. */
  word(address: bigint): bigint | undefined;
  /** Address of the global offset table of the object that the code belongs to, which i386 keeps in a register. */
  got(register: string): bigint | undefined;
}

/** Instructions that go where a word in memory says. */
export interface Indirect {
  /** Address of that word. */
  readonly slot: bigint;
  /** Instructions up to and with the last. */
  readonly steps: number;
}

/** Knows the linkage tables of one machine. */
export interface PltDecoder {
  /** The entry at an address, or a call past the table; `undefined` for other code. */
  indirectAt(memory: PltMemory, pc: bigint): Indirect | undefined;
  /** The binder that a function's slot leads to while it is not bound; `undefined` for code that leads to none. */
  binderOf(memory: PltMemory, at: bigint): bigint | undefined;
  /** Where in the binder's code its last instruction is, which goes into the function. */
  exitOf(binder: Uint8Array): number | undefined;
}

/** Some instructions, of which those that can't be read are nothing. Little-endian, as code of the machines here is. */
export class Code {
  readonly #view: DataView;
  position = 0;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  byte(ahead = 0): number | undefined {
    const at = this.position + ahead;
    return at < this.#view.byteLength ? this.#view.getUint8(at) : undefined;
  }

  /** Signed 32 bits; 0 past the end. */
  signed(ahead = 0): number {
    const at = this.position + ahead;
    return at + 4 <= this.#view.byteLength ? this.#view.getInt32(at, true) : 0;
  }

  /** Unsigned 32 bits; 0 past the end. */
  unsigned(ahead = 0): number {
    return this.signed(ahead) >>> 0;
  }

  skip(length: number): void {
    this.position += length;
  }

  /** Skips an instruction of four bytes. @returns whether it was there */
  skipIf(instruction: number): boolean {
    const found = this.unsigned() === instruction;
    if (found) this.position += 4;
    return found;
  }
}
