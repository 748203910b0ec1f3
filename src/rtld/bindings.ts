/** Which functions of which objects the run-time linker binds calls to: when they are called first, or before. */
import { EM } from "../elf/constants/machine.ts";
import { AT } from "../elf/constants/note.ts";
import type { FunctionSlot } from "./function-slots.ts";
import type { LoadObject } from "./load-object.ts";
import { X86_64_PLT } from "./machine/x86_64.ts";
import type { ProcService } from "./proc/service.ts";
import { Registers } from "./registers.ts";

/** One function that calls were bound to. */
export interface Binding {
  readonly symbol: string;
  /** The object whose calls they are. */
  readonly from: LoadObject;
  /** The object that has the function; `undefined` if none that is known does. */
  readonly to: LoadObject | undefined;
  /** Address of the function. */
  readonly address: bigint;
  /** Whether that was done at the first call; otherwise it was when `from` was loaded. */
  readonly isLazy: boolean;
}

/** What is needed of the agent. */
export interface BindingsHost {
  readonly process: ProcService;
  /** The objects as of the last reading. */
  objects(): Iterable<LoadObject>;
  /** The one that an address is in, of those. */
  objectAt(address: bigint): LoadObject | undefined;
}

/** Bytes of the binder that are searched for its end; that of glibc has some 200. */
const BINDER = 1024;
/** Behind the pointer to itself and its link map, a global offset table has the address of the binder. */
const BINDER_SLOT = 16n;

/** Bindings of one process while it executes one program, of functions whose names match. */
export class Bindings {
  readonly #host: BindingsHost;
  readonly #matches: RegExp;
  readonly #slots = new WeakMap<LoadObject, readonly FunctionSlot[]>();
  readonly #loader: bigint | undefined;
  #exit: bigint | undefined;

  /** @param matches names of functions */
  constructor(host: BindingsHost, matches: RegExp) {
    this.#host = host;
    this.#matches = matches;
    this.#loader = host.process.pauxv().get(AT.AT_BASE);
  }

  /**
   * Where the run-time linker passes with each function that it binds at its first call: the last instruction of its binder.
   * `undefined` as long as no object is known that calls it, or if the machine is not x86_64.
   */
  get binderExitAddress(): bigint | undefined {
    if (this.#exit !== undefined) return this.#exit;
    if (this.#host.process.pdmodel().machine !== EM.EM_X86_64) return undefined;
    for (const object of this.#host.objects()) {
      const binder = this.#binderOf(object);
      const code = binder === undefined ? undefined : this.#host.process.pread(binder, BINDER);
      const exit = code === undefined ? undefined : X86_64_PLT.exitOf(code);
      if (binder === undefined || exit === undefined) continue;
      this.#exit = binder + BigInt(exit);
      return this.#exit;
    }
    return undefined;
  }

  /**
   * What was bound for a thread that stopped at {@link binderExitAddress}; `undefined` if its name does not match.
   *
   * glibc's binder jumps to what it found by `%r11`, and has just taken from the stack what the linkage table put there: the
   * link map of the object, and the number of the function in it [glibc, sysdeps/x86_64/dl-trampoline.h].
   */
  made(lwpid: number): Binding | undefined {
    const { process } = this.#host;
    const bytes = process.lgetregs(lwpid);
    const registers = bytes === undefined ? undefined : new Registers(bytes);
    if (registers === undefined) return undefined;
    const [linkMap, index] = [this.#word(registers.sp - 16n), this.#word(registers.sp - 8n)];
    if (linkMap === undefined || index === undefined) return undefined;
    const from = [...this.#host.objects()].find((one) => one.linkMap === linkMap);
    const slot = from && this.#slotsOf(from).find((one) => one.index === Number(index));
    if (from === undefined || slot === undefined) return undefined;
    return this.#binding(from, slot, registers.get("r11"), true);
  }

  /** What is bound of the calls of an object that was relocated; those that wait for their first call are not among them. */
  *of(from: LoadObject): Generator<Binding> {
    const isLazy = this.#binderOf(from) !== undefined;
    for (const slot of this.#slotsOf(from)) {
      const address = this.#word(slot.at);
      if (address === undefined || address === 0n) continue;
      // Until it is bound, it leads back into the object's own linkage table.
      if (isLazy && slot.index !== undefined && from.has(address)) continue;
      yield this.#binding(from, slot, address, false);
    }
  }

  #binding(from: LoadObject, { name }: FunctionSlot, address: bigint, isLazy: boolean): Binding {
    return { symbol: name, from, to: this.#host.objectAt(address), address, isLazy };
  }

  #slotsOf(object: LoadObject): readonly FunctionSlot[] {
    let slots = this.#slots.get(object);
    if (slots === undefined) {
      slots = object.functionSlots.filter((one) => this.#matches.test(one.name));
      this.#slots.set(object, slots);
    }
    return slots;
  }

  /** The run-time linker has put it there if the object's calls are bound when they are made first. */
  #binderOf(object: LoadObject): bigint | undefined {
    const { pltGot } = object;
    const binder = pltGot === undefined ? undefined : this.#word(pltGot + BINDER_SLOT);
    if (binder === undefined || binder === 0n) return undefined;
    return this.#host.objectAt(binder)?.bias === this.#loader ? binder : undefined;
  }

  #word(address: bigint): bigint | undefined {
    const bytes = this.#host.process.pread(BigInt.asUintN(64, address), 8);
    return bytes === undefined
      ? undefined
      : new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  }
}
