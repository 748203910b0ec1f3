/** Breakpoints that a stub keeps, or that are written into the program where it can't. */
import { EM } from "../../elf/constants/machine.ts";
import { RemoteError } from "../../errors.ts";
import { instructionAddress } from "../machine/address.ts";
import type { DataModel } from "../proc/service.ts";
import type { RemoteLink } from "./link.ts";
import type { RemoteMemory } from "./memory.ts";

/** A machine's breakpoint instruction, in the order of bytes that its code has. */
interface Trap {
  readonly bytes: readonly number[];
  /** Whether the program counter is behind it then. */
  readonly isBehind: boolean;
}

const INT3: Trap = { bytes: [0xcc], isBehind: true };
const TRAPS: ReadonlyMap<number, Trap> = new Map([
  [EM.EM_X86_64, INT3],
  [EM.EM_386, INT3],
  // brk #0
  [EM.EM_AARCH64, { bytes: [0x00, 0x00, 0x20, 0xd4], isBehind: false }],
]);

/** What tells the stub how wide the instruction is [GDB manual, "Z0"], beside what is told by the machine's traps. */
const KINDS: ReadonlyMap<number, number> = new Map([
  [EM.EM_RISCV, 2],
  [EM.EM_S390, 2],
]);

/** Of Thumb, whose instructions may have two bytes. */
const THUMB = 2;

/** A breakpoint that a thread came to. */
export interface Met {
  readonly address: bigint;
  /** Whether the program counter is behind it, and is to be set to it. */
  readonly isBehind: boolean;
}

/** Breakpoints of one process. */
export class RemoteBreakpoints {
  readonly #link: RemoteLink;
  readonly #memory: RemoteMemory;
  readonly #turn: () => void;
  /** Those that are wanted; for those in memory what they replace. */
  readonly #wanted = new Map<bigint, Uint8Array | undefined>();
  /** Whether the stub keeps them; not known before the first. */
  #areKept: boolean | undefined;

  /** @param turn turns the stub to the process */
  constructor(link: RemoteLink, memory: RemoteMemory, turn: () => void) {
    this.#link = link;
    this.#memory = memory;
    this.#turn = turn;
  }

  /** Where they are. */
  get addresses(): readonly bigint[] {
    return [...this.#wanted.keys()];
  }

  has(address: bigint): boolean {
    return this.#wanted.has(address);
  }

  /** The one that a thread met that stopped at `pc`, by what the machine does there. */
  metAt(pc: bigint, { machine }: DataModel): Met | undefined {
    const trap = TRAPS.get(machine);
    const behind = pc - BigInt(trap?.bytes.length ?? 0);
    if (this.#areKept === false && trap?.isBehind === true && this.has(behind)) {
      return { address: behind, isBehind: true };
    }
    if (this.has(pc)) return { address: pc, isBehind: false };
    const thumb = pc | 1n;
    return machine === EM.EM_ARM && this.has(thumb) ? { address: thumb, isBehind: false } : undefined;
  }

  /** Puts one. @throws RemoteError `RSP_REFUSED` if nothing is mapped there */
  insert(address: bigint, model: DataModel): void {
    if (this.has(address)) return;
    this.#wanted.set(address, undefined);
    try {
      this.lower(address, model);
    } catch (error) {
      this.#wanted.delete(address);
      throw error;
    }
  }

  /** Takes one away. Where none is, nothing happens. */
  remove(address: bigint, model: DataModel): void {
    if (!this.has(address)) return;
    this.lift(address, model);
    this.#wanted.delete(address);
  }

  /** Lets the instruction be executed until {@link lower}. */
  lift(address: bigint, model: DataModel): void {
    if (!this.has(address)) return;
    const replaced = this.#wanted.get(address);
    if (replaced !== undefined) this.#memory.write(address, replaced);
    else this.#ask("z0", address, model);
  }

  /** Takes all away from a child that has a copy of the memory, to which the stub is turned: here they stay. */
  removeFrom(child: RemoteMemory, model: DataModel): void {
    for (const [address, replaced] of this.#wanted) {
      if (replaced !== undefined) child.write(address, replaced);
      else this.#link.ask(`z0,${this.#packet(address, model)}`);
    }
  }

  /** Undoes {@link lift}. @throws RemoteError `RSP_REFUSED` if nothing is mapped there any more */
  lower(address: bigint, model: DataModel): void {
    if (!this.has(address)) return;
    const answer = this.#areKept === false ? "" : this.#ask("Z0", address, model);
    if (answer === "") {
      this.#areKept = false;
      this.#write(address, model);
      return;
    }
    this.#areKept = true;
    if (answer !== "OK") throw this.#refused(address);
  }

  /** Does something while some of them are away; what it writes where they were is under them then. */
  without<T>(some: readonly bigint[], model: DataModel, action: () => T): T {
    for (const address of some) {
      this.lift(address, model);
      if (this.has(address)) this.#wanted.set(address, undefined);
    }
    const result = action();
    for (const address of some) this.lower(address, model);
    return result;
  }

  /** Forgets all of them: the memory that had them is gone. */
  forget(): void {
    this.#wanted.clear();
  }

  /** Bytes as the program has them. Changes `bytes`, which begin at `address`. */
  hide(address: bigint, bytes: Uint8Array): void {
    for (const [at, replaced] of this.#wanted) {
      replaced?.forEach((byte, i) => {
        const offset = at + BigInt(i) - address;
        if (offset >= 0n && offset < BigInt(bytes.length)) bytes[Number(offset)] = byte;
      });
    }
  }

  #ask(what: "z0" | "Z0", address: bigint, model: DataModel): string {
    this.#turn();
    return this.#link.ask(`${what},${this.#packet(address, model)}`);
  }

  #packet(address: bigint, model: DataModel): string {
    const at = instructionAddress(address, model);
    const kind = TRAPS.get(model.machine)?.bytes.length ?? KINDS.get(model.machine) ?? 4;
    return `${at.toString(16)},${at === address ? kind : THUMB}`;
  }

  #write(address: bigint, { machine }: DataModel): void {
    const trap = TRAPS.get(machine);
    if (trap === undefined) {
      const what = "found no breakpoints, and a machine whose breakpoint instruction is not known";
      throw new RemoteError("RSP_UNSUPPORTED", this.#link.name, what);
    }
    const replaced = this.#wanted.get(address) ?? this.#memory.read(address, trap.bytes.length);
    if (replaced === undefined || !this.#memory.write(address, Uint8Array.from(trap.bytes))) {
      throw this.#refused(address);
    }
    this.#wanted.set(address, replaced);
  }

  #refused(address: bigint): RemoteError {
    const what = `found no code at 0x${address.toString(16)}, expected an instruction for a breakpoint`;
    return new RemoteError("RSP_REFUSED", this.#link.name, what);
  }
}
