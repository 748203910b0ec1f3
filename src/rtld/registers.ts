/** General registers of a thread, as the kernel hands them out. */
import { RtldError } from "../errors.ts";
import { type RegisterLayout, registerLayoutOf, X86_64_REGISTERS } from "./machine/layouts.ts";
import type { DataModel } from "./proc/service.ts";

/** Name of a register, as gdb has it: `rip`, `eip`, `x0`. */
export type RegisterName = string;

/** A thread's registers, copied from where they came: changes count once they are written back. */
export class Registers {
  /** As ptrace(2) and core files have them: `struct user_regs_struct`. */
  readonly bytes: Uint8Array;
  readonly #layout: RegisterLayout;
  readonly #little: boolean;
  readonly #view: DataView;

  /** @param layout of the machine that they are of; of x86_64 if none is given */
  constructor(bytes: Uint8Array, layout: RegisterLayout = X86_64_REGISTERS, little = true) {
    this.bytes = new Uint8Array(layout.names.length * layout.width);
    this.bytes.set(bytes.subarray(0, this.bytes.length));
    this.#layout = layout;
    this.#little = little;
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Registers of a process's machine; `undefined` if that is not known. */
  static of(bytes: Uint8Array, { machine, little }: DataModel): Registers | undefined {
    const layout = registerLayoutOf(machine);
    return layout === undefined ? undefined : new Registers(bytes, layout, little);
  }

  /** Names of all registers of x86_64, in the order of the structure. */
  static get names(): readonly RegisterName[] {
    return X86_64_REGISTERS.names;
  }

  /** Names of all registers, in the order of the structure. */
  get names(): readonly RegisterName[] {
    return this.#layout.names;
  }

  /** Address of the next instruction. */
  get pc(): bigint {
    return this.get(this.#layout.pc);
  }

  set pc(value: bigint) {
    this.set(this.#layout.pc, value);
  }

  /** The stack pointer. */
  get sp(): bigint {
    return this.get(this.#layout.sp);
  }

  set sp(value: bigint) {
    this.set(this.#layout.sp, value);
  }

  /** Value of a register. @throws RtldError if the machine has none of that name */
  get(name: RegisterName): bigint {
    const at = this.#offset(name);
    if (this.#layout.width === 8) return this.#view.getBigUint64(at, this.#little);
    return BigInt(this.#view.getUint32(at, this.#little));
  }

  /** Changes a register. @throws RtldError if the machine has none of that name */
  set(name: RegisterName, value: bigint): void {
    const at = this.#offset(name);
    if (this.#layout.width === 8) this.#view.setBigUint64(at, value, this.#little);
    else this.#view.setUint32(at, Number(BigInt.asUintN(32, value)), this.#little);
  }

  #offset(name: RegisterName): number {
    const index = this.#layout.names.indexOf(name);
    if (index >= 0) return index * this.#layout.width;
    throw new RtldError("RD_ERR", "registers", `found the name ${name}, expected one of a register`);
  }
}
