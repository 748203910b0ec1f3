/** One session of `bindery rdb`: carries out commands, and tells what happens to the process. */
import { existsSync } from "node:fs";
import { type Debugger, type DebuggerEvent, RtldAgent, type Stop } from "../../rtld/index.ts";
import type { Output } from "../output.ts";
import { type AddressTerm, CommandError } from "./parse.ts";
import { hex, instructionAt, Names, signalText } from "./text.ts";

export class Session {
  readonly debugger: Debugger;
  readonly names: Names;
  /** Whether events of the run-time linker are printed. */
  showsEvents = false;
  /** Whether no more commands are wanted. */
  isOver = false;
  readonly #output: Output;
  #isInterrupted = false;
  /** Source line of the instruction that was shown last. */
  #line = "";

  private constructor(output: Output, target: Debugger) {
    this.#output = output;
    this.debugger = target;
    this.names = new Names(target);
  }

  /** @param start makes the debugger, which tells the session what happens */
  static async open(
    output: Output,
    start: (listener: (event: DebuggerEvent) => void) => Debugger | Promise<Debugger>,
  ): Promise<Session> {
    // Before it is made nothing happens that is to be told.
    let tell = (_: DebuggerEvent) => {};
    const session = new Session(output, await start((event) => tell(event)));
    tell = (event) => session.#tell(event);
    return session;
  }

  /** Prints a line. */
  print(text: string): void {
    this.#output.line(text);
  }

  /** Where the thread is. @throws CommandError if there is none */
  get pc(): bigint {
    this.needProcess();
    const { registers, thread } = this.debugger;
    if (registers === undefined) throw new CommandError(`thread ${thread} is gone`);
    return registers.pc;
  }

  /** @throws CommandError if the process ended */
  needProcess(): void {
    const { end, target } = this.debugger;
    if (end !== undefined) throw new CommandError("the process has terminated");
    if (target.hasEnded) throw new CommandError("the process has terminated; cont tells how");
  }

  /** Value of a sum. @throws CommandError for a symbol that nothing defines */
  addressOf({ symbols, offset }: AddressTerm): bigint {
    let sum = offset;
    for (const symbol of symbols) {
      const address = this.debugger.code.addressOf(symbol);
      if (address === undefined) throw new CommandError(`unknown symbol: ${symbol}`);
      sum += address;
    }
    return BigInt.asUintN(64, sum);
  }

  /** Stops the process, and what is being done with it. */
  interrupt(): void {
    this.#isInterrupted = true;
    this.debugger.interrupt();
  }

  /** Lets the process run, and says why it stopped. */
  async run(go: () => Promise<Stop>): Promise<Stop> {
    this.#output.flush();
    const stop = await go();
    if (stop.kind !== "step") this.#tellStop(stop);
    return stop;
  }

  /** Executes some instructions of the thread, one after the other, and shows each unless it is to be silent. */
  async step(count: number, isSilent: boolean): Promise<void> {
    this.#isInterrupted = false;
    for (let i = 0; i < count; i++) {
      if (!isSilent) this.showInstruction();
      const stop = await this.run(() => this.debugger.step());
      if (stop.kind !== "step") return;
      if (!this.#isInterrupted) continue;
      this.#tellStop({ kind: "interrupt", tid: stop.tid });
      return;
    }
  }

  /** Shows the instruction that is next, and its line if that is another one than before. */
  showInstruction(): void {
    const { pc } = this;
    const line = this.names.line(pc);
    const remark = line === "" || line === this.#line ? "" : `  #${line}`;
    this.#line = line;
    this.print(instructionAt(this.debugger, this.names, pc).text + remark);
  }

  /** Shows some instructions from an address on. */
  disassemble(address: bigint, count: number): void {
    let at = address;
    for (let i = 0; i < count; i++) {
      const { text, length } = instructionAt(this.debugger, this.names, at);
      this.print(text);
      if (length === 0) return;
      at += BigInt(length);
    }
  }

  /** Lets go of the process, if it is still there. */
  finish(): void {
    if (this.debugger.end !== undefined) return;
    const { pid, facts, hasEnded } = this.debugger.target;
    this.debugger.detach();
    // One that is elsewhere can't be looked for.
    const isThere = facts === undefined ? existsSync(`/proc/${pid}`) : !hasEnded;
    if (isThere) this.print(`process ${pid} goes on without rdb`);
  }

  #tellStop(stop: Stop): void {
    if (stop.kind === "exit") {
      const { code, signal } = stop;
      const how =
        signal === undefined
          ? code === undefined
            ? ""
            : ` exit code ${code}`
          : ` signal ${signalText(signal)}`;
      this.print(`process terminated.${how}`);
      return;
    }
    const { tid } = stop;
    const { pc } = this;
    if (stop.kind === "breakpoint") this.print(`break point reached at addr: ${hex(pc)}`);
    if (stop.kind === "signal") this.print(`signal ${signalText(stop.signal)} at addr: ${hex(pc)}`);
    if (stop.kind === "interrupt") this.print(`interrupted at addr: ${hex(pc)}`);
    const who = this.debugger.target.threads.length > 1 ? `thread ${tid}: ` : "";
    this.print(`  ${who}${this.names.of(pc)}${this.names.line(pc)}`);
  }

  #tell(event: DebuggerEvent): void {
    if (event.kind === "linker") this.#tellLinker(event);
    if (event.kind === "lost-linker")
      this.print(`rdb: ${RtldAgent.errstr(event.error.code)}: ${event.error.message}`);
    if (event.kind === "exec") this.print("the process executes another program");
    if (event.kind === "unbound")
      this.print(`break point pending: ${event.breakpoint.text} is not loaded any more`);
    if (event.kind === "bound") {
      this.print(`break point set at: ${hex(event.breakpoint.address ?? 0n)} (${event.breakpoint.text})`);
    }
    this.#output.flush();
  }

  #tellLinker({ message }: Extract<DebuggerEvent, { kind: "linker" }>): void {
    if (!this.showsEvents) return;
    const { type, state } = message;
    if (type === "RD_PREINIT") this.print("preinit reached");
    if (type === "RD_POSTINIT") this.print("postinit reached");
    if (type === "RD_DLACTIVITY") this.print(`dlactivity: state changed to: ${state}`);
  }
}
