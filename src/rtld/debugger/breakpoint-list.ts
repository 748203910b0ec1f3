/** The breakpoints of a process: each goes where its symbol is, as objects come and go. */
import { HostError } from "../../errors.ts";
import type { Registers } from "../registers.ts";
import { Breakpoint, type BreakpointPlace, type BreakpointSites } from "./breakpoint.ts";
import type { CodeMap } from "./code-map.ts";
import type { ReadProcess } from "./jit-list.ts";
import type { DebuggerListener } from "./stop.ts";

/**
 * Who needs a stop at an address: a breakpoint, or its way there; the run-time linker's events, objects that the process
 * makes, a way past a linkage table.
 */
export type SiteOwner = Breakpoint | Choice | "linker" | "jit" | "table";

/** A thread in the code that chooses the function of a breakpoint, at the return from there. */
class Choice {
  readonly breakpoint: Breakpoint;
  readonly tid: number;
  readonly address: bigint;
  /** The stack pointer when it has returned. */
  readonly sp: bigint;

  constructor(breakpoint: Breakpoint, tid: number, address: bigint, sp: bigint) {
    this.breakpoint = breakpoint;
    this.tid = tid;
    this.address = address;
    this.sp = sp;
  }
}

/** What breakpoints need of their process. */
export interface BreakpointHost {
  readonly code: CodeMap;
  /** Memory without breakpoints. */
  readonly read: ReadProcess;
  readonly sites: BreakpointSites<SiteOwner>;
  /** Registers of a stopped thread, as its program has them. */
  registersOf(tid: number): Registers | undefined;
  /** Told what got an address, and what lost it. */
  readonly listener: DebuggerListener;
}

export class BreakpointList {
  readonly #host: BreakpointHost;
  readonly #all = new Set<Breakpoint>();

  constructor(host: BreakpointHost) {
    this.#host = host;
  }

  /** In the order they were set. */
  get all(): readonly Breakpoint[] {
    return [...this.#all];
  }

  /** Sets one. @throws HostError if nothing is mapped at a plain address */
  set(place: BreakpointPlace): Breakpoint {
    const breakpoint = new Breakpoint(place);
    if (place.symbol === undefined) {
      this.#host.sites.add(place.offset, breakpoint);
      breakpoint.address = place.offset;
    } else this.#bindOne(breakpoint);
    this.#all.add(breakpoint);
    return breakpoint;
  }

  /** Takes one away. Twice is harmless. */
  delete(breakpoint: Breakpoint): void {
    this.#all.delete(breakpoint);
    this.#move(breakpoint, undefined);
  }

  /** Finds their symbols anew: something was loaded, unloaded or made. */
  bind(): void {
    for (const breakpoint of this.#all) {
      const before = breakpoint.address;
      if (breakpoint.place.symbol !== undefined) this.#bindOne(breakpoint);
      if (before === breakpoint.address) continue;
      this.#host.listener({ kind: breakpoint.isPending ? "unbound" : "bound", breakpoint });
    }
  }

  /** The memory that had them is gone. Plain addresses mean nothing in another program: those are gone, too. */
  forgetAddresses(): void {
    for (const breakpoint of this.#all) {
      breakpoint.address = undefined;
      breakpoint.symbolAddress = undefined;
      if (breakpoint.place.symbol === undefined) this.#all.delete(breakpoint);
    }
  }

  /** A thread stopped. @returns the breakpoint that it is at */
  arrived(tid: number, address: bigint): Breakpoint | undefined {
    let found: Breakpoint | undefined;
    for (const owner of [...this.#host.sites.at(address)]) {
      if (owner instanceof Choice) this.#onReturn(owner, tid);
      else if (!(owner instanceof Breakpoint)) continue;
      else if (owner.isAtResolver) this.#awaitReturn(owner, tid);
      else found ??= owner;
    }
    return found;
  }

  /** What chooses the function is being called: what it returns is the function. */
  #awaitReturn(breakpoint: Breakpoint, tid: number): void {
    const registers = this.#host.registersOf(tid);
    if (registers === undefined) return;
    const back = this.#returnOf(registers);
    if (back === undefined) return;
    const { address, sp } = back;
    const choice = new Choice(breakpoint, tid, address, sp);
    this.#host.sites.add(address, choice);
  }

  /** Where a function returns to that was just called, and the stack pointer then. */
  #returnOf(registers: Registers): { readonly address: bigint; readonly sp: bigint } | undefined {
    const { sp, names } = registers;
    // Calls of aarch64 leave it in a register.
    if (names.includes("x30")) return { address: registers.get("x30"), sp };
    const is64 = names.includes("rsp");
    const bytes = this.#host.read(sp, is64 ? 8 : 4);
    if (bytes === undefined) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const address = is64 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true));
    return { address, sp: sp + BigInt(bytes.length) };
  }

  #onReturn(choice: Choice, tid: number): void {
    const { breakpoint, address, sp } = choice;
    const registers = this.#host.registersOf(tid);
    if (choice.tid !== tid || sp !== registers?.sp) return;
    this.#host.sites.delete(address, choice);
    if (!this.#all.has(breakpoint) || !breakpoint.isAtResolver) return;
    const chosen = registers.get(registers.names.includes("rax") ? "rax" : "eax");
    this.#move(breakpoint, chosen + breakpoint.place.offset);
    this.#host.listener({ kind: "bound", breakpoint });
  }

  #bindOne(breakpoint: Breakpoint): void {
    const { code } = this.#host;
    const { symbol = "", offset } = breakpoint.place;
    const { symbolAddress: before, isProvisional } = breakpoint;
    if (before !== undefined && !isProvisional && code.defines(symbol, before)) return;
    const found = code.find(symbol);
    if (found !== undefined && found.address === before) return;
    breakpoint.symbolAddress = found?.address;
    breakpoint.isIndirect = found?.isIndirect === true;
    breakpoint.isProvisional = found?.isLocal === true;
    const chosen = found?.isIndirect === true ? code.chosenBy(found, symbol) : undefined;
    if (found === undefined) this.#move(breakpoint, undefined);
    // In what chooses a function, it stops at the start: the offset is into the function.
    else if (breakpoint.isIndirect && chosen === undefined) this.#move(breakpoint, found.address);
    else this.#move(breakpoint, (chosen ?? found.address) + offset);
  }

  #move(breakpoint: Breakpoint, address: bigint | undefined): void {
    const { sites } = this.#host;
    if (breakpoint.address !== undefined) sites.delete(breakpoint.address, breakpoint);
    breakpoint.address = undefined;
    if (address === undefined) return;
    try {
      sites.add(address, breakpoint);
      breakpoint.address = address;
    } catch (error) {
      // A symbol that is nowhere in memory is as good as none.
      if (!(error instanceof HostError)) throw error;
    }
  }
}
