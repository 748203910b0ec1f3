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

/** What is at an address that frames return to. */
interface Site {
  readonly object: LoadObject;
  /** Of the two libraries; `undefined` of all other objects. */
  readonly library: Library | undefined;
  readonly isEntry: boolean;
}

/** Finds callers in one process while it executes one program. */
export class DlCaller implements Disposable {
  readonly #host: DlCallerHost;
  readonly #loader: bigint;
  readonly #isKnownMachine: boolean;
  readonly #libraries = new Map<LoadObject, Library>();
  /** Objects that are none of the two. */
  readonly #others = new WeakSet<LoadObject>();
  readonly #sites = new Map<bigint, Site>();

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
      const pc: bigint = frame[DW_REG_X86_64.rip] ?? 0n;
      // A call may be the last instruction of its function.
      const at: bigint = count === 0 ? pc : pc - 1n;
      const site: Site | undefined = this.#sites.get(at) ?? this.#siteAt(at, library);
      if (site === undefined) return undefined;
      const { object } = site;
      if (object.bias !== this.#loader) {
        if (library !== undefined && object !== library)
          return isAsked ? { object, returns: pc } : { object: library, returns: undefined };
        if (site.library === undefined) return { object, returns: pc };
        library = object;
        isAsked ||= site.isEntry;
      }
      if (site.library?.frames.undo(at, frame, stack) !== true) return undefined;
    }
    return undefined;
  }

  /** Closes what was opened. */
  [Symbol.dispose](): void {
    for (const { frames } of this.#libraries.values()) frames.close();
    this.#libraries.clear();
  }

  /** The two libraries that are in all of these calls stay where they are, and so do the places in them. */
  #siteAt(address: bigint, asked: LoadObject | undefined): Site | undefined {
    const object = this.#host.objectAt(address);
    if (object === undefined) return undefined;
    // Who called the C library is not looked into.
    const isCaller = asked !== undefined && object !== asked && object.bias !== this.#loader;
    const library = isCaller ? undefined : this.#read(object);
    const isEntry = library?.entries.some(({ start, end }) => address >= start && address < end) === true;
    const site = { object, library, isEntry };
    if (library !== undefined) this.#sites.set(address, site);
    return site;
  }

  #innermost(tid: number): BigUint64Array | undefined {
    const registers = this.#isKnownMachine ? this.#host.registers(tid) : undefined;
    if (registers === undefined) return undefined;
    const frame = frameRegisters();
    for (const name of KEPT) frame[DW_REG_X86_64[name]] = registers.get(name);
    return frame;
  }

  #read(object: LoadObject): Library | undefined {
    const known = this.#libraries.get(object);
    if (known !== undefined || this.#others.has(object)) return known;
    const library = this.#open(object);
    if (library === undefined) this.#others.add(object);
    else this.#libraries.set(object, library);
    return library;
  }

  #open(object: LoadObject): Library | undefined {
    const path = this.#host.process.pfile(object.isProgram ? "" : object.name);
    if (path === undefined) return undefined;
    try {
      const frames = new CallFrames(path, object.bias);
      const entries = ENTRIES.flatMap((name) => frames.spanOf(name) ?? []);
      const isKnown = entries.length > 0 || object.bias === this.#loader;
      if (isKnown && object.isOf(frames.buildId)) return { frames, entries };
      frames.close();
      return undefined;
    } catch (error) {
      if (error instanceof BinderyError) return undefined;
      throw error;
    }
  }
}
