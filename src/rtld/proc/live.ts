/** A process under this one's control. */
import type { AuxVector } from "../../dwfl/process/auxv.ts";
import type { MachineLayout } from "../../dwfl/process/link-map.ts";
import { REGISTERS_SIZE } from "../../host/ptrace.ts";
import { Registers } from "../registers.ts";
import type { ControlledProcess } from "../target/controlled.ts";
import { auxvOfProcess, fileOfProcess, layoutOfProcess, lookupInProcess } from "./observed.ts";
import type { LogListener, ProcService } from "./service.ts";

/** Serves an agent from a process under control, which stays its owner's. */
export class LiveProcess implements ProcService {
  readonly name: string;
  readonly target: ControlledProcess;
  /** The thread whose event is being looked at; who takes events from the target sets it. */
  lwp: number | undefined;
  readonly #log: LogListener;

  constructor(target: ControlledProcess, log: LogListener = () => {}) {
    this.name = `process ${target.pid}`;
    this.target = target;
    this.#log = log;
  }

  pdmodel(): MachineLayout {
    return layoutOfProcess(this.pauxv());
  }

  pread(address: bigint, length: number): Uint8Array | undefined {
    return this.target.read(address, length);
  }

  pwrite(address: bigint, bytes: Uint8Array): boolean {
    return this.target.write(address, bytes);
  }

  pglobalLookup(object: string | undefined, symbol: string): bigint | undefined {
    return lookupInProcess(this.target.pid, object, symbol);
  }

  pauxv(): AuxVector {
    return auxvOfProcess(this.target.pid);
  }

  lgetregs(lwpid: number): Uint8Array | undefined {
    return this.target.registers(lwpid)?.bytes;
  }

  lsetregs(lwpid: number, registers: Uint8Array): boolean {
    if (registers.length !== REGISTERS_SIZE) return false;
    return this.target.setRegisters(lwpid, new Registers(registers));
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
    return fileOfProcess(this.target.pid, path);
  }

  plog(message: string): void {
    this.#log(message);
  }
}
