/** A process under this one's control. */
import type { AuxVector } from "../../dwfl/process/auxv.ts";
import { EM } from "../../elf/constants/machine.ts";
import { narrowRegisters, widenRegisters } from "../machine/compat.ts";
import { Registers } from "../registers.ts";
import type { ControlledProcess } from "../target/controlled.ts";
import { LocalFacts, type ProcessFacts } from "./facts.ts";
import type { DataModel, LogListener, ProcService } from "./service.ts";

/** Serves an agent from a process under control, which stays its owner's. */
export class LiveProcess implements ProcService {
  readonly name: string;
  readonly target: ControlledProcess;
  /** The thread whose event is being looked at; who takes events from the target sets it. */
  lwp: number | undefined;
  readonly #facts: ProcessFacts;
  readonly #log: LogListener;

  constructor(target: ControlledProcess, log: LogListener = () => {}) {
    this.name = `process ${target.pid}`;
    this.target = target;
    this.#facts = target.facts ?? new LocalFacts(target.pid);
    this.#log = log;
  }

  pdmodel(): DataModel {
    return this.#facts.model();
  }

  pread(address: bigint, length: number): Uint8Array | undefined {
    return this.target.read(address, length);
  }

  pwrite(address: bigint, bytes: Uint8Array): boolean {
    return this.target.write(address, bytes);
  }

  pglobalLookup(object: string | undefined, symbol: string): bigint | undefined {
    return this.#facts.lookup(object, symbol);
  }

  pauxv(): AuxVector {
    return this.#facts.auxv();
  }

  lgetregs(lwpid: number): Uint8Array | undefined {
    const registers = this.target.registers(lwpid);
    if (registers === undefined) return undefined;
    return (this.#isCompat(registers) ? narrowRegisters(registers) : registers).bytes;
  }

  lsetregs(lwpid: number, bytes: Uint8Array): boolean {
    const registers = this.target.registers(lwpid);
    const changed = Registers.of(bytes, this.pdmodel());
    if (registers === undefined || changed?.bytes.length !== bytes.length) return false;
    if (!this.#isCompat(registers)) return this.target.setRegisters(lwpid, changed);
    widenRegisters(changed, registers);
    return this.target.setRegisters(lwpid, registers);
  }

  plwp(): number | undefined {
    return this.lwp;
  }

  pstop(): void {
    this.target.stop();
  }

  pcontinue(): void {
    this.target.continue();
  }

  pfile(path: string): string | undefined {
    return this.#facts.file(path);
  }

  pprogram(): string | undefined {
    return this.#facts.program?.();
  }

  /** What is mapped, as `/proc/PID/maps` has it; `undefined` if that can't be had. */
  maps(): string | undefined {
    return this.#facts.maps();
  }

  plog(message: string): void {
    this.#log(message);
  }

  /** Whether they are those of a 32-bit program as a kernel of 64 bits has them. */
  #isCompat(registers: Registers): boolean {
    return registers.names.includes("rip") && this.pdmodel().machine === EM.EM_386;
  }
}
