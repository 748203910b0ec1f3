/** What is known of a process behind a stub, beside its memory, registers and threads. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readU16 } from "../../bytes/endian.ts";
import { type AuxVector, readAuxVector } from "../../dwfl/process/auxv.ts";
import { readString } from "../../dwfl/process/link-map.ts";
import type { MemoryReader } from "../../dwfl/process/memory-image.ts";
import { EM } from "../../elf/constants/machine.ts";
import { AT } from "../../elf/constants/note.ts";
import { isElf } from "../../elf/header.ts";
import { RemoteError } from "../../errors.ts";
import type { ProcessFacts } from "../proc/facts.ts";
import { lookupInLinkMap } from "../proc/observed.ts";
import type { DataModel } from "../proc/service.ts";
import { fileBelow } from "../proc/sysroot.ts";

/** Where the files of a process behind a stub are here. */
export interface RemoteFiles {
  /** Path of the program. */
  readonly executable?: string;
  /**
   * Directory that the paths of the process count from. By default files come from the stub, where it serves any, else from
   * the root.
   */
  readonly sysroot?: string;
}

/** What facts are made of. */
export interface FactsHost {
  /** Memory of the process, without breakpoints. */
  readonly memory: MemoryReader;
  /** The machine that the stub's target description names; `EM_NONE` if it names none. */
  readonly machine: number;
  /** An object as `qXfer` has it. @throws RemoteError if the stub does not have it */
  object(name: string, annex: string): Uint8Array;
  /** Path here of a file that the stub serves; `undefined` if it serves none. */
  served(path: string): { readonly path: string | undefined } | undefined;
  /** `/proc/PID/maps` of the machine; `undefined` if it can't be had. */
  maps(): string | undefined;
}

/** What is read once for each program that the process executes. */
interface Program {
  readonly auxv: AuxVector;
  readonly model: DataModel;
}

/** Of a process behind a stub: what its auxiliary vector says, and the program's header in memory. */
export class RemoteFacts implements ProcessFacts {
  readonly #host: FactsHost;
  readonly #files: RemoteFiles;
  #program: Program | undefined;

  constructor(host: FactsHost, files: RemoteFiles) {
    this.#host = host;
    this.#files = files;
  }

  /** Forgets all: the process executes another program. */
  forget(): void {
    this.#program = undefined;
  }

  /** @throws RemoteError if the stub does not give the auxiliary vector */
  model(): DataModel {
    return this.#read().model;
  }

  /** @throws RemoteError if the stub does not give it */
  auxv(): AuxVector {
    return this.#read().auxv;
  }

  /** @throws RemoteError if the stub does not answer */
  file(path: string): string | undefined {
    const { executable, sysroot } = this.#files;
    if (path === "" && executable !== undefined) return executable;
    const named = path === "" ? this.#programPath() : path;
    if (named === undefined) return undefined;
    const served = sysroot === undefined ? this.#host.served(named) : undefined;
    if (served !== undefined) return served.path;
    if (path !== "") return fileBelow(sysroot ?? "/", path, this.model().machine);
    const inside = join(sysroot ?? "/", named);
    // An emulator runs a program from anywhere, and takes only its libraries from another root.
    return existsSync(inside) ? inside : named;
  }

  lookup(object: string | undefined, symbol: string): bigint | undefined {
    const fileAt = (path: string) => this.file(path);
    return lookupInLinkMap(this.#host.memory, this.#read(), fileAt, object, symbol);
  }

  maps(): string | undefined {
    return this.#host.maps();
  }

  #read(): Program {
    this.#program ??= this.#find();
    return this.#program;
  }

  #find(): Program {
    const bytes = this.#host.object("auxv", "");
    for (const little of [true, false]) {
      const auxv = readAuxVector(bytes, little);
      // The size of a program header, which is one of two, is read wrongly in the other order.
      const size = auxv.get(AT.AT_PHENT);
      if (size !== 56n && size !== 32n) continue;
      const is64 = size === 56n;
      return { auxv, model: { is64, little, machine: this.#machine(auxv, is64, little) } };
    }
    const what = "found an auxiliary vector whose AT_PHENT is neither 56 nor 32";
    throw new RemoteError("RSP_BAD_REPLY", this.#host.memory.name, what);
  }

  /** As the program's header in memory has it, which is in the page of AT_PHDR, or right before that. */
  #machine(auxv: AuxVector, is64: boolean, little: boolean): number {
    const headers = auxv.get(AT.AT_PHDR) ?? 0n;
    for (const at of [headers - (is64 ? 64n : 52n), headers & ~0xfffn]) {
      const header = this.#host.memory.read(at, 20);
      if (header !== undefined && isElf(header)) return readU16(header, 18, little);
    }
    return this.#host.machine || EM.EM_NONE;
  }

  /** Path of the program, where the process is. */
  #programPath(): string | undefined {
    try {
      return Buffer.from(this.#host.object("exec-file", "")).toString();
    } catch (error) {
      if (!(error instanceof RemoteError) || !isAbsent(error)) throw error;
    }
    return readString(this.#host.memory, this.auxv().get(AT.AT_EXECFN) ?? 0n);
  }
}

/** Whether a stub only does not have something. */
export function isAbsent({ code }: RemoteError): boolean {
  return code === "RSP_UNSUPPORTED" || code === "RSP_REFUSED";
}
