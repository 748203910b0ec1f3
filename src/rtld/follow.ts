/** Follows the run-time linker of a process from event to event, through the programs and children that it executes. */
import { HostError, RtldError } from "../errors.ts";
import { RtldAgent } from "./agent.ts";
import { type BindingOptions, BindingWatch } from "./binding-watch.ts";
import type { rd_event_e, rd_state_e } from "./constants.ts";
import { DlCaller } from "./dl-caller.ts";
import type { LoadObject } from "./load-object.ts";
import { LiveProcess } from "./proc/live.ts";
import type { ControlledProcess, TargetEvent } from "./target/controlled.ts";

/** What happened in a process that is followed. The thread that it is about waits until the listener returns. */
export interface LinkerEvent {
  readonly pid: number;
  /** The thread; of an exit, the process. */
  readonly tid: number;
  /** When it was noticed: milliseconds as `performance.now` counts them. */
  readonly time: number;
  /**
   * What the run-time linker tells; or `exec` of a program; `attach` to a process or a new child, with what is loaded already; `exit`; or `error`:
   * of this program nothing can be told, and it runs on. `init`, if it is asked for: initializers begin to run.
   */
  readonly event:
    | Exclude<rd_event_e, "RD_NONE">
    | RelocationEvent
    | "attach"
    | "exec"
    | "init"
    | "exit"
    | "error";
  readonly state: rd_state_e;
  /** Objects that are there since the event before. */
  readonly added: readonly LoadObject[];
  /** Objects that are gone since the event before. */
  readonly removed: readonly LoadObject[];
  /** Of an exit: the code, unless a signal ended the process. */
  readonly code?: number;
  /** Of an exit: the signal that ended the process. */
  readonly signal?: number;
  /** Of an `init`: the object whose initializers begin; those of the one before are done. */
  readonly object?: LoadObject;
  /** Of an `error`. */
  readonly error?: RtldError;
  /** The process; its memory is that of the moment. */
  readonly process: LiveProcess;
  /**
   * Of an `RD_DLACTIVITY`: the object that asked for it by dlopen(3) or its like. `undefined` where that can't be known.
   * Found when it is asked for, which must be while the listener has not returned.
   */
  readonly by: LoadObject | undefined;
}

/**
 * What was opened is being relocated, behind its `RD_CONSISTENT`, or is done. Told by run-time linkers that have SDT probes.
 */
export type RelocationEvent = (typeof RELOCATION)[number];

const RELOCATION = ["reloc_start", "reloc_complete"] as const;

/** What to tell of besides. */
export interface FollowOptions {
  /** Bindings of functions; each that is made at a call costs a stop. */
  readonly bindings?: BindingOptions;
  /**
   * Initializers of what is linked to a program, object by object, each of which costs a stop: what comes between two of
   * them is what they cost. Of what is opened later RD_DLACTIVITY tells.
   */
  readonly initializers?: boolean;
}

/** Told of each event, in order. */
export type LinkerListener = (event: LinkerEvent) => void;

const NO_CHANGES = { added: [], removed: [] } as const;
const NOTHING = { state: "RD_NOSTATE", ...NO_CHANGES } as const;

/**
 * Follows a process whose threads are stopped, as starting and attaching leave it, until it ends or
 * is let go of; and its children, if the target takes them under control. Takes all events of the target.
 *
 * @returns when all that is followed ended. What the listener throws of a child, which is let go of then, is thrown at the end
 */
export async function followLinker(
  target: ControlledProcess,
  listener: LinkerListener,
  options: FollowOptions = {},
): Promise<void> {
  using follower = new Follower(target, listener, options);
  const children: Promise<void>[] = [];
  follower.begin(target.origin === "spawn" || target.origin === "exec" ? "exec" : "attach");
  target.continue();
  for (;;) {
    const event = await target.next();
    if (event.kind === "detach") break;
    if (event.kind === "fork") {
      const { child } = event;
      const followed = followLinker(child, listener, options).catch((error: unknown) => {
        // Nobody else would let it go on, and others may wait for it.
        child.detach();
        throw error;
      });
      // Who waits for all of them is told.
      followed.catch(() => {});
      children.push(followed);
    } else follower.on(event);
    if (event.kind === "exit") break;
  }
  await Promise.all(children);
}

/** Follows one process. */
class Follower implements Disposable {
  readonly #target: ControlledProcess;
  readonly #process: LiveProcess;
  readonly #listener: LinkerListener;
  readonly #options: FollowOptions;
  #bindings: BindingWatch | undefined;
  readonly #probes = new Map<bigint, RelocationEvent>();
  /** Objects by where their initializers begin, which has not come yet. */
  readonly #initializers = new Map<bigint, LoadObject>();
  #agent: RtldAgent | undefined;
  #caller: DlCaller | undefined;
  /** When what is told next was noticed. */
  #time = 0;

  constructor(target: ControlledProcess, listener: LinkerListener, options: FollowOptions) {
    this.#options = options;
    this.#target = target;
    this.#process = new LiveProcess(target);
    this.#listener = listener;
  }

  /** Looks for the run-time linker, and puts breakpoints where it tells of itself. */
  begin(event: "attach" | "exec"): void {
    const { pid } = this.#target;
    this.#time = performance.now();
    try {
      this.#caller?.[Symbol.dispose]();
      const agent = RtldAgent.new(this.#process);
      this.#agent = agent;
      this.#probes.clear();
      this.#initializers.clear();
      for (const { name, address } of agent.probes) {
        const known = RELOCATION.find((one) => one === name);
        if (known === undefined) continue;
        this.#probes.set(address, known);
        this.#target.insertBreakpoint(address);
      }
      const process = this.#process;
      const caller = new DlCaller({
        process,
        registers: (tid) => this.#target.registers(tid),
        objectAt: (address) => agent.objectAt(address),
      });
      this.#caller = caller;
      const { bindings } = this.#options;
      this.#bindings =
        bindings && new BindingWatch({ process, agent, caller, isTold: this.#probes.size > 0 }, bindings);
      for (const name of ["RD_PREINIT", "RD_POSTINIT", "RD_DLACTIVITY"] as const) {
        const notify = agent.eventAddr(name);
        if (notify.type === "RD_NOTIFY_BPT") this.#target.insertBreakpoint(notify.bptaddr);
      }
      const changes = this.#changes();
      this.#tell(pid, { ...NOTHING, event, ...changes });
      if (!this.#target.hasEnded) this.#bindings?.relocated(pid, changes.added);
    } catch (error) {
      this.#agent = undefined;
      this.#fail(pid, error);
    }
  }

  /** Closes what was opened. */
  [Symbol.dispose](): void {
    this.#caller?.[Symbol.dispose]();
  }

  on(event: TargetEvent): void {
    this.#time = performance.now();
    if (event.kind === "exit") {
      const { code, signal } = event;
      const how = { ...(code === undefined ? {} : { code }), ...(signal === undefined ? {} : { signal }) };
      this.#tell(this.#target.pid, { ...NOTHING, event: "exit", ...how });
    } else if (event.kind === "exec") {
      this.begin("exec");
      this.#target.continue(event.tid);
    } else if (event.kind === "breakpoint") {
      this.#onBreakpoint(event.tid, event.address);
      this.#target.continue(event.tid);
    }
  }

  #onBreakpoint(tid: number, address: bigint): void {
    if (this.#agent === undefined) return;
    this.#process.lwp = tid;
    try {
      if (this.#bindings?.reached(tid, address) === true) return;
      const object = this.#initializers.get(address);
      if (object !== undefined) {
        this.#initializers.delete(address);
        this.#target.removeBreakpoint(address);
        this.#tell(tid, { ...NOTHING, event: "init", object });
        return;
      }
      const probe = this.#probes.get(address);
      if (probe !== undefined) {
        this.#tell(tid, { ...NOTHING, event: probe });
        if (probe === "reloc_complete") this.#bindings?.complete(tid);
        return;
      }
      const { type, state, added, removed } = this.#agent.eventChange();
      if (type === "RD_NONE") return;
      if (type === "RD_POSTINIT") {
        const entry = this.#agent.eventAddr(type);
        if (entry.type === "RD_NOTIFY_BPT") this.#target.removeBreakpoint(entry.bptaddr);
      }
      // Before it is told, for what follows is time that the program runs.
      if (type === "RD_PREINIT" && this.#options.initializers === true) this.#awaitInitializers(added);
      this.#tell(tid, { event: type, state, added, removed });
      // The listener may have let go of it.
      if (this.#target.hasEnded) return;
      if (type === "RD_DLACTIVITY") this.#bindings?.loaded(tid, added);
      else this.#bindings?.relocated(tid, added);
    } catch (error) {
      this.#fail(tid, error);
    } finally {
      this.#process.lwp = undefined;
    }
  }

  #awaitInitializers(objects: readonly LoadObject[]): void {
    for (const object of objects) {
      // The program calls its own.
      const address = object.isProgram ? undefined : object.firstInitializer;
      if (address === undefined || this.#initializers.has(address)) continue;
      this.#target.insertBreakpoint(address);
      this.#initializers.set(address, object);
    }
  }

  /** None while the link maps are not there or are being changed: what changes is told once they are consistent. */
  #changes(): Pick<LinkerEvent, "added" | "removed"> {
    try {
      return this.#agent?.update() ?? NO_CHANGES;
    } catch (error) {
      if (error instanceof RtldError && error.code === "RD_NOMAPS") return NO_CHANGES;
      throw error;
    }
  }

  /** What can't be done to a process, which may have been killed meanwhile, is its debugger's failure. */
  #fail(tid: number, cause: unknown): void {
    if (!(cause instanceof RtldError || cause instanceof HostError)) throw cause;
    const error =
      cause instanceof RtldError ? cause : new RtldError("RD_DBERR", this.#process.name, cause.message);
    this.#tell(tid, { ...NOTHING, event: "error", error });
  }

  #tell(tid: number, event: Omit<LinkerEvent, "pid" | "tid" | "time" | "process" | "by">): void {
    const caller = event.event === "RD_DLACTIVITY" ? this.#caller : undefined;
    this.#listener({
      pid: this.#target.pid,
      tid,
      time: this.#time,
      process: this.#process,
      get by() {
        return caller?.of(tid);
      },
      ...event,
    });
  }
}
