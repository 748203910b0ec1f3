/**
 * What a controlling process does for the agent: the interface that a debugger exports to librtld_db (`ps_pread` and so on)
 * [Linker and Libraries Guide, "Debugger Exported Interface"]. All calls are done when they return.
 */
import type { AuxVector } from "../../dwfl/process/auxv.ts";
import type { MachineLayout } from "../../dwfl/process/link-map.ts";

/** How a process's machine is. */
export interface DataModel extends MachineLayout {
  /** `e_machine` of its program: an `EM_` value. */
  readonly machine: number;
}

/** Access to a process, alive or dumped, by who controls it. */
export interface ProcService {
  /** How messages call the process. */
  readonly name: string;
  /** `ps_pdmodel`: width of words, order of bytes, and which machine it is. */
  pdmodel(): DataModel;
  /** `ps_pread`: all of `length` bytes of memory, without breakpoints; `undefined` if one of them can't be read. */
  pread(address: bigint, length: number): Uint8Array | undefined;
  /** `ps_pwrite`. @returns false if it can't be written */
  pwrite(address: bigint, bytes: Uint8Array): boolean;
  /**
   * `ps_pglobal_lookup`: address of a symbol.
   *
   * @param object file name of the object that defines it; `undefined` for the first that does
   */
  pglobalLookup(object: string | undefined, symbol: string): bigint | undefined;
  /** `ps_pauxv`: what the kernel told the program. */
  pauxv(): AuxVector;
  /** `ps_lgetregs`: registers of a stopped thread, as the machine's `struct user_regs_struct`. */
  lgetregs(lwpid: number): Uint8Array | undefined;
  /** `ps_lsetregs`. @returns false if they can't be changed */
  lsetregs(lwpid: number, registers: Uint8Array): boolean;
  /** The thread whose stop is being looked at: that of the last event. */
  plwp(): number | undefined;
  /** `ps_pstop`: stops all threads. */
  pstop(): void;
  /** `ps_pcontinue`: lets all threads run. */
  pcontinue(): void;
  /** Path by which a file that the process has under a path can be opened here; of the program for the empty path. */
  pfile(path: string): string | undefined;
  /** Path of the program as its own system has it, where that is known; scripts have one that is not what they were started by. */
  pprogram?(): string | undefined;
  /** `ps_plog`: takes what the agent has to say about its work. */
  plog(message: string): void;
}

/** Takes the agent's messages. */
export type LogListener = (message: string) => void;
