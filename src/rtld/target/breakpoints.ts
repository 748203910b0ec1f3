/** Breakpoint instructions in the memory of a process, and what was there before. */
import { HostError } from "../../errors.ts";
import type { ProcessMemory } from "../../host/process-memory.ts";

/** `int3`. */
const TRAP = 0xcc;

/** The breakpoints of one memory, which processes share between vfork and exec. */
export class Breakpoints {
  readonly #memory: ProcessMemory;
  /** What each of them replaces. */
  readonly #replaced = new Map<bigint, number>();
  /** Where some were, which a thread may have executed before. */
  readonly #removed = new Set<bigint>();

  constructor(memory: ProcessMemory) {
    this.#memory = memory;
  }

  /** Where breakpoints are. */
  get addresses(): readonly bigint[] {
    return [...this.#replaced.keys()];
  }

  has(address: bigint): boolean {
    return this.#replaced.has(address);
  }

  /** The byte that the program has at a breakpoint; `undefined` where none is. */
  replaced(address: bigint): number | undefined {
    return this.#replaced.get(address);
  }

  /** Puts one. Where one is already, nothing happens. @throws HostError if no code is there */
  insert(address: bigint): void {
    if (this.#replaced.has(address)) return;
    const [byte] = this.#memory.read(address, 1) ?? [];
    if (byte === undefined || !this.#memory.write(address, Uint8Array.of(TRAP))) {
      const what = `found nothing mapped at 0x${address.toString(16)}, expected an instruction`;
      throw new HostError("HOST_UNSUPPORTED", "breakpoint", what);
    }
    this.#replaced.set(address, byte);
    this.#removed.delete(address);
  }

  /** Takes one away. Where none is, or the code is not mapped any more, nothing happens. */
  remove(address: bigint): void {
    this.lift(address);
    if (this.#replaced.delete(address)) this.#removed.add(address);
  }

  /** Lets the instruction be executed until {@link lower}. */
  lift(address: bigint): void {
    const byte = this.#replaced.get(address);
    // What was mapped anew there since is not ours to change.
    if (byte === undefined || this.#memory.read(address, 1)?.[0] !== TRAP) return;
    this.#memory.write(address, Uint8Array.of(byte));
  }

  /** Undoes {@link lift}. */
  lower(address: bigint): void {
    if (this.#replaced.has(address)) this.#memory.write(address, Uint8Array.of(TRAP));
  }

  /** Takes away all of them, in this memory or in a copy of it. */
  removeFrom(memory: ProcessMemory): void {
    for (const [address, byte] of this.#replaced) {
      if (memory.read(address, 1)?.[0] === TRAP) memory.write(address, Uint8Array.of(byte));
    }
  }

  /** Takes away all of them. */
  removeAll(): void {
    this.removeFrom(this.#memory);
    this.#replaced.clear();
  }

  /** Forgets all of them: the memory that had them is gone. */
  forgetAll(): void {
    this.#replaced.clear();
    this.#removed.clear();
  }

  /** Bytes as the program has them: without breakpoints. Changes `bytes`, which begin at `address`. */
  hide(address: bigint, bytes: Uint8Array): void {
    for (const [at, byte] of this.#replaced) {
      const offset = at - address;
      if (offset >= 0n && offset < BigInt(bytes.length)) bytes[Number(offset)] = byte;
    }
  }

  /** Keeps breakpoints where bytes are written: they go under them. Changes `bytes`. */
  slipUnder(address: bigint, bytes: Uint8Array): void {
    for (const at of this.#replaced.keys()) {
      const offset = at - address;
      if (offset < 0n || offset >= BigInt(bytes.length)) continue;
      this.#replaced.set(at, bytes[Number(offset)] ?? 0);
      bytes[Number(offset)] = TRAP;
    }
  }

  /** Whether a breakpoint instruction that ended behind an address is the program's own, `int $3` of two bytes included. */
  isForeign(address: bigint): boolean {
    if (this.has(address)) return false;
    return !this.#removed.has(address) || this.#memory.read(address, 1)?.[0] === TRAP;
  }
}
