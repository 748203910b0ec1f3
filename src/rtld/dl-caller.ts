/**
 * Who asked the run-time linker to load or unload: the object whose call of dlopen(3) and its like is being carried out, found
 * by undoing the frames of the run-time linker and of the C library.
 */
import { DW_REG_X86_64 } from "../dwarf/constants/register.ts";
import { EM } from "../elf/constants/machine.ts";
import { AT } from "../elf/constants/note.ts";
import { BinderyError } from "../errors.ts";
import { CallFrames, type CodeSpan, frameRegisters } from "./call-frames.ts";
import type { LoadObject } from "./load-object.ts";
import type { ProcService } from "./proc/service.ts";
import { ReadAhead } from "./read-ahead.ts";
import type { Registers } from "./registers.ts";

/** Frames that are undone at most. */
const MOST_FRAMES = 64;
/** What of the C library programs call. */
const ENTRIES = ["dlopen", "dlmopen", "dlclose"];
/** What has to be known to undo a frame. */
const KEPT = ["rbx", "rbp", "rsp", "r12", "r13", "r14", "r15", "rip"] as const;

/** What is needed of the agent. */
export interface DlCallerHost {
  readonly process: ProcService;
  /** Registers of a stopped thread. */
  registers(tid: number): Registers | undefined;
  /** The object that an address is in, as far as they are known. */
  objectAt(address: bigint): LoadObject | undefined;
}

/** A call that asked for objects to be loaded or unloaded. */
export interface DlCall {
  /** The object that called. */
  readonly object: LoadObject;
  /** Where the call returns to; `undefined` if it is one that the C library makes for itself. */
  readonly returns: bigint | undefined;
}

/** What is read of the run-time linker, and of the library that has what programs call. */
interface Library {
  readonly frames: CallFrames;
  /** Functions that programs call to load and unload. */
  readonly entries: readonly CodeSpan[];
}

/** Finds callers in one process while it executes one program. */
export class DlCaller implements Disposable {
  readonly #host: DlCallerHost;
  readonly #loader: bigint;
  readonly #isKnownMachine: boolean;
  readonly #libraries = new Map<LoadObject, Library | undefined>();

  constructor(host: DlCallerHost) {
    this.#host = host;
    this.#loader = host.process.pauxv().get(AT.AT_BASE) ?? 0n;
    this.#isKnownMachine = host.process.pdmodel().machine === EM.EM_X86_64;
  }

  /**
   * The object that called, for a thread that stopped in the run-time linker; `undefined` where that can't be known.
   * What the C library loads for purposes of its own it asked for itself.
   */
  of(tid: number): LoadObject | undefined {
    return this.callOf(tid)?.object;
  }

  /** As {@link of}, and where the call returns. */
  callOf(tid: number): DlCall | undefined {
    const { process } = this.#host;
    const stack = new ReadAhead({
      name: process.name,
      read: (address, length) => process.pread(address, length),
    });
    const frame = this.#innermost(tid);
    if (frame === undefined) return undefined;
    let library: LoadObject | undefined;
    let isAsked = false;
    for (let count = 0; count < MOST_FRAMES; count++) {
      const pc = frame[DW_REG_X86_64.rip] ?? 0n;
      // A call may be the last instruction of its function.
      const at = count === 0 ? pc : pc - 1n;
      const object = this.#objectAt(at);
      if (object === undefined) return undefined;
      if (object.bias !== this.#loader) {
        if (library !== undefined && object !== library)
          return isAsked ? { object, returns: pc } : { object: library, returns: undefined };
        const entries = this.#read(object)?.entries ?? [];
        if (entries.length === 0) return { object, returns: pc };
        library = object;
        isAsked ||= entries.some(({ start, end }) => at >= start && at < end);
      }
      if (this.#read(object)?.frames.undo(at, frame, stack) !== true) return undefined;
    }
    return undefined;
  }

  /** Closes what was opened. */
  [Symbol.dispose](): void {
    for (const library of this.#libraries.values()) library?.frames.close();
    this.#libraries.clear();
  }

  /** The two libraries that are in all of these calls stay where they are. */
  #objectAt(address: bigint): LoadObject | undefined {
    for (const [object, library] of this.#libraries) {
      if (library !== undefined && object.has(address)) return object;
    }
    return this.#host.objectAt(address);
  }

  #innermost(tid: number): BigUint64Array | undefined {
    const registers = this.#isKnownMachine ? this.#host.registers(tid) : undefined;
    if (registers === undefined) return undefined;
    const frame = frameRegisters();
    for (const name of KEPT) frame[DW_REG_X86_64[name]] = registers.get(name);
    return frame;
  }

  #read(object: LoadObject): Library | undefined {
    if (!this.#libraries.has(object)) this.#libraries.set(object, this.#open(object));
    return this.#libraries.get(object);
  }

  #open(object: LoadObject): Library | undefined {
    const path = this.#host.process.pfile(object.isProgram ? "" : object.name);
    if (path === undefined) return undefined;
    try {
      const frames = new CallFrames(path, object.bias);
      const entries = ENTRIES.flatMap((name) => frames.spanOf(name) ?? []);
      if (entries.length > 0 || object.bias === this.#loader) return { frames, entries };
      frames.close();
      return undefined;
    } catch (error) {
      if (error instanceof BinderyError) return undefined;
      throw error;
    }
  }
}
