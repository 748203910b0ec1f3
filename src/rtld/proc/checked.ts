/** What a debugger's service throws is an error of the agent's: `RD_DBERR`. */
import type { AuxVector } from "../../dwfl/process/auxv.ts";
import { RtldError } from "../../errors.ts";
import type { DataModel, ProcService } from "./service.ts";

/** Calls a service, and says `RD_DBERR` of what that throws. */
export class CheckedService implements ProcService {
  readonly #service: ProcService;

  constructor(service: ProcService) {
    this.#service = service;
  }

  get name(): string {
    return this.#service.name;
  }

  pdmodel(): DataModel {
    return this.#ask("ps_pdmodel", (service) => service.pdmodel());
  }

  pread(address: bigint, length: number): Uint8Array | undefined {
    try {
      return this.#service.pread(address, length);
    } catch (error) {
      throw this.#failure("ps_pread", error);
    }
  }

  pwrite(address: bigint, bytes: Uint8Array): boolean {
    return this.#ask("ps_pwrite", (service) => service.pwrite(address, bytes));
  }

  pglobalLookup(object: string | undefined, symbol: string): bigint | undefined {
    return this.#ask("ps_pglobal_lookup", (service) => service.pglobalLookup(object, symbol));
  }

  pauxv(): AuxVector {
    return this.#ask("ps_pauxv", (service) => service.pauxv());
  }

  lgetregs(lwpid: number): Uint8Array | undefined {
    return this.#ask("ps_lgetregs", (service) => service.lgetregs(lwpid));
  }

  lsetregs(lwpid: number, registers: Uint8Array): boolean {
    return this.#ask("ps_lsetregs", (service) => service.lsetregs(lwpid, registers));
  }

  plwp(): number | undefined {
    return this.#ask("plwp", (service) => service.plwp());
  }

  pstop(): void {
    this.#ask("ps_pstop", (service) => service.pstop());
  }

  pcontinue(): void {
    this.#ask("ps_pcontinue", (service) => service.pcontinue());
  }

  pfile(path: string): string | undefined {
    return this.#ask("pfile", (service) => service.pfile(path));
  }

  pprogram(): string | undefined {
    return this.#ask("pprogram", (service) => service.pprogram?.());
  }

  plog(message: string): void {
    this.#ask("ps_plog", (service) => service.plog(message));
  }

  #ask<T>(call: string, ask: (service: ProcService) => T): T {
    try {
      return ask(this.#service);
    } catch (error) {
      throw this.#failure(call, error);
    }
  }

  #failure(call: string, error: unknown): RtldError {
    if (error instanceof RtldError) return error;
    const what = error instanceof Error ? error.message : String(error);
    return new RtldError("RD_DBERR", this.#service.name, `${call}: ${what}`);
  }
}
