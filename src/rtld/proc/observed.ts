/** A process that runs while it is looked at: nothing of it is changed, and none of its threads stopped. */
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { HOST_LITTLE } from "../../bytes/endian.ts";
import { type AuxVector, readAuxVector } from "../../dwfl/process/auxv.ts";
import { readLinkMap } from "../../dwfl/process/link-map.ts";
import type { MemoryReader } from "../../dwfl/process/memory-image.ts";
import { Dwfl } from "../../dwfl/session.ts";
import { AT } from "../../elf/constants/note.ts";
import { HostError } from "../../errors.ts";
import { inProcess, ProcessMemory } from "../../host/process-memory.ts";
import type { DataModel, LogListener, ProcService } from "./service.ts";
import { OWN_MACHINES } from "./sysroot.ts";

/** Looks at a running process, or at this one. Link maps that it changes meanwhile are told by the agent. */
export class ObservedProcess implements ProcService, Disposable {
  readonly name: string;
  readonly pid: number;
  readonly #memory: ProcessMemory;
  readonly #log: LogListener;

  /** @throws HostError if the process is gone, or may not be looked at */
  constructor(pid: number, log: LogListener = () => {}) {
    this.name = `process ${pid}`;
    this.pid = pid;
    this.#memory = new ProcessMemory(pid, "read");
    this.#log = log;
  }

  /** This process. The caller closes it. */
  static own(log?: LogListener): ObservedProcess {
    return new ObservedProcess(process.pid, log);
  }

  pdmodel(): DataModel {
    return modelOfProcess(this.pauxv());
  }

  pread(address: bigint, length: number): Uint8Array | undefined {
    return this.#memory.read(address, length);
  }

  /** Refuses: nothing is changed. */
  pwrite(): boolean {
    return false;
  }

  pglobalLookup(object: string | undefined, symbol: string): bigint | undefined {
    return lookupInProcess(this.pid, object, symbol);
  }

  pauxv(): AuxVector {
    return auxvOfProcess(this.pid);
  }

  /** Knows none: no thread is stopped. */
  lgetregs(): Uint8Array | undefined {
    return undefined;
  }

  /** Refuses: nothing is changed. */
  lsetregs(): boolean {
    return false;
  }

  plwp(): number | undefined {
    return undefined;
  }

  /** @throws HostError always: nothing is changed */
  pstop(): void {
    throw new HostError("HOST_UNSUPPORTED", "pstop", `${this.name} is only looked at`);
  }

  /** Does nothing: it runs. */
  pcontinue(): void {}

  pfile(path: string): string | undefined {
    return fileOfProcess(this.pid, path);
  }

  pprogram(): string | undefined {
    return programOfProcess(this.pid);
  }

  plog(message: string): void {
    this.#log(message);
  }

  /** Closes what was opened. Twice is harmless. */
  close(): void {
    this.#memory.close();
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** What the kernel told a program. @throws HostError if its process is gone */
export function auxvOfProcess(pid: number): AuxVector {
  try {
    const bytes = inProcess(pid, "auxv", (path) => {
      const read = readFileSync(path);
      if (read.length === 0) throw new HostError("HOST_SYSCALL", "read", `${path}: found nothing`);
      return read;
    });
    return readAuxVector(bytes, HOST_LITTLE);
  } catch {
    throw new HostError("HOST_SYSCALL", "open", `/proc/${pid}/auxv: found no process to look at`);
  }
}

/** The machine of a process here, whose width is told by the size of the program headers. */
export function modelOfProcess(auxv: AuxVector): DataModel {
  const is64 = auxv.get(AT.AT_PHENT) !== 32n;
  const [wide, narrow] = OWN_MACHINES;
  return { is64, little: HOST_LITTLE, machine: is64 ? wide : narrow };
}

/** See {@link ProcService.pglobalLookup}. */
export function lookupInProcess(pid: number, object: string | undefined, symbol: string): bigint | undefined {
  using session = new Dwfl({ debuginfod: false });
  session.reportProcess(pid);
  return lookupInSession(session, object, symbol);
}

/** See {@link ProcService.pglobalLookup}. */
export function lookupInSession(
  session: Dwfl,
  object: string | undefined,
  symbol: string,
): bigint | undefined {
  if (object === undefined) return session.symbolNamed(symbol)?.address;
  return session.moduleNamed(basename(object))?.symbolNamed(symbol)?.address;
}

/** Files by the loader's own list, where nothing else says what is mapped. */
export function lookupInLinkMap(
  memory: MemoryReader,
  { auxv, model }: { readonly auxv: AuxVector; readonly model: DataModel },
  fileAt: (path: string) => string | undefined,
  object: string | undefined,
  symbol: string,
): bigint | undefined {
  using session = new Dwfl({ debuginfod: false });
  for (const { name, bias } of readLinkMap(memory, auxv, model) ?? []) {
    const file = fileAt(name);
    if (file === undefined || !existsSync(file)) continue;
    session.report({ name: basename(file), file, place: { bias } });
  }
  return lookupInSession(session, object, symbol);
}

/** See {@link ProcService.pfile}. */
export function fileOfProcess(pid: number, path: string): string | undefined {
  if (path === "") return `/proc/${pid}/exe`;
  return path.startsWith("/") ? join(`/proc/${pid}/root`, path) : relativeFile(pid, path);
}

/** See {@link ProcService.pprogram}. */
export function programOfProcess(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return undefined;
  }
}

function relativeFile(pid: number, path: string): string | undefined {
  try {
    return join(readlinkSync(`/proc/${pid}/cwd`), path);
  } catch {
    return undefined;
  }
}
