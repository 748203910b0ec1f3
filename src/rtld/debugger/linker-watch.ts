/** The run-time linker of a process under a debugger: its events, and what is loaded. */
import { EM } from "../../elf/constants/machine.ts";
import { HostError, RtldError } from "../../errors.ts";
import { RtldAgent } from "../agent.ts";
import type { RdEventMsg, RdPltInfo } from "../constants.ts";
import type { LoadObject } from "../load-object.ts";
import type { LiveProcess } from "../proc/live.ts";

/** Who puts stops where the run-time linker tells of itself. */
export interface WatchSites {
  add(address: bigint): void;
  delete(address: bigint): void;
}

/** `call` with a 32-bit distance. */
const CALL = 0xe8;
/** `bl`, by its upper six bits. */
const BL = 0x25;

/** Follows the agent through the life of one process, and the programs that it executes. */
export class LinkerWatch {
  readonly #process: LiveProcess;
  readonly #sites: WatchSites;
  #agent: RtldAgent | undefined;
  #error: RtldError | undefined;
  #objects: readonly LoadObject[] = [];

  constructor(process: LiveProcess, sites: WatchSites) {
    this.#process = process;
    this.#sites = sites;
  }

  /** The agent. @throws RtldError `RD_NODYNAM` and others: why there is none */
  get agent(): RtldAgent {
    if (this.#agent !== undefined) return this.#agent;
    throw this.#error ?? new RtldError("RD_NOBASE", this.#process.name, "found no program, expected one");
  }

  /** Why there is no agent; `undefined` if there is one. */
  get error(): RtldError | undefined {
    return this.#error;
  }

  /** What was loaded when it was last read; it is read at each event. */
  get objects(): readonly LoadObject[] {
    return this.#objects;
  }

  /** Begins with a program: the one that was started, attached to or executed. */
  begin(): void {
    this.#objects = [];
    this.#agent = undefined;
    this.#error = undefined;
    try {
      const agent = RtldAgent.new(this.#process);
      for (const name of ["RD_PREINIT", "RD_POSTINIT", "RD_DLACTIVITY"] as const) {
        const notify = agent.eventAddr(name);
        if (notify.type === "RD_NOTIFY_BPT") this.#sites.add(notify.bptaddr);
      }
      this.#agent = agent;
      this.#readIfConsistent();
    } catch (error) {
      this.#error = rtldError(error, this.#process.name);
    }
  }

  /**
   * A thread came to where the run-time linker tells of itself.
   *
   * @returns of what it tells; `undefined` if it can't be known, for which {@link error} is the reason
   */
  arrived(tid: number): RdEventMsg | undefined {
    const agent = this.#agent;
    if (agent === undefined) return undefined;
    this.#process.lwp = tid;
    try {
      const message = agent.eventGetmsg();
      const entry = message.type === "RD_POSTINIT" ? agent.eventAddr("RD_POSTINIT") : undefined;
      if (entry?.type === "RD_NOTIFY_BPT") this.#sites.delete(entry.bptaddr);
      this.#readIfConsistent();
      return message;
    } catch (error) {
      this.#error = rtldError(error, this.#process.name);
      return undefined;
    } finally {
      this.#process.lwp = undefined;
    }
  }

  /** Reads the link maps. @throws RtldError `RD_NOMAPS` while there are none, or they are being changed, and others */
  read(): readonly LoadObject[] {
    this.#objects = this.agent.objects;
    return this.#objects;
  }

  /** The object that an address is in. */
  objectAt(address: bigint): LoadObject | undefined {
    return this.#objects.find(({ base, end }) => address >= base && address < end);
  }

  /**
   * How to come past the linkage table's entry at an address; `undefined` if none is there.
   *
   * @param from the instruction before: a file without section headers does not say where its tables are, so that only what
   * is called is taken for an entry
   */
  pltAt(pc: bigint, tid: number, from: bigint): RdPltInfo | undefined {
    const object = this.objectAt(pc);
    if (this.#agent === undefined || object === undefined) return undefined;
    const { pltBase, pltSize } = object;
    const isIn = pltSize === 0 ? this.#isCall(from) : pc >= pltBase && pc < pltBase + BigInt(pltSize);
    if (!isIn) return undefined;
    try {
      const info = this.#agent.pltResolution(pc, tid, pltBase);
      return info.skipMethod === "RD_RESOLVE_NONE" ? undefined : info;
    } catch (error) {
      if (error instanceof RtldError) return undefined;
      throw error;
    }
  }

  #isCall(address: bigint): boolean {
    const bytes = this.#process.pread(address, 4);
    if (this.#process.pdmodel().machine === EM.EM_AARCH64) return (bytes?.[3] ?? 0) >>> 2 === BL;
    return bytes?.[0] === CALL;
  }

  #readIfConsistent(): void {
    try {
      this.read();
    } catch (error) {
      if (!(error instanceof RtldError && error.code === "RD_NOMAPS")) throw error;
    }
  }
}

/** What can't be done to a process, which may have been killed meanwhile, is its debugger's failure. */
function rtldError(error: unknown, name: string): RtldError {
  if (error instanceof RtldError) return error;
  if (error instanceof HostError) return new RtldError("RD_DBERR", name, error.message);
  throw error;
}
