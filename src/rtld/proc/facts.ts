/** What is known of a process beside its memory, registers and threads, whichever machine it runs on. */
import type { AuxVector } from "../../dwfl/process/auxv.ts";
import { readTextIfAny } from "../../dwfl/process/text-file.ts";
import {
  auxvOfProcess,
  fileOfProcess,
  lookupInProcess,
  modelOfProcess,
  programOfProcess,
} from "./observed.ts";
import type { DataModel } from "./service.ts";

/** Answers what a {@link ProcService} is asked for besides. */
export interface ProcessFacts {
  /** See `ProcService.pdmodel`. */
  model(): DataModel;
  /** See `ProcService.pauxv`. */
  auxv(): AuxVector;
  /** See `ProcService.pfile`. */
  file(path: string): string | undefined;
  /** See `ProcService.pprogram`. */
  program?(): string | undefined;
  /** See `ProcService.pglobalLookup`. */
  lookup(object: string | undefined, symbol: string): bigint | undefined;
  /** What is mapped, as `/proc/PID/maps` has it; `undefined` if that can't be had. */
  maps(): string | undefined;
}

/** Of a process on this machine: what `/proc` says of it. */
export class LocalFacts implements ProcessFacts {
  readonly #pid: number;

  constructor(pid: number) {
    this.#pid = pid;
  }

  model(): DataModel {
    return modelOfProcess(this.auxv());
  }

  auxv(): AuxVector {
    return auxvOfProcess(this.#pid);
  }

  file(path: string): string | undefined {
    return fileOfProcess(this.#pid, path);
  }

  program(): string | undefined {
    return programOfProcess(this.#pid);
  }

  lookup(object: string | undefined, symbol: string): bigint | undefined {
    return lookupInProcess(this.#pid, object, symbol);
  }

  maps(): string | undefined {
    return readTextIfAny(`/proc/${this.#pid}/maps`);
  }
}
