/** Which files of code a process has: by what is mapped, for those here, and by the run-time linker's list for others. */
import { basename } from "node:path";
import { openFile } from "../../dwfl/module/offline.ts";
import type { ModuleReport } from "../../dwfl/module/report.ts";
import { programHeaders, readString } from "../../dwfl/process/link-map.ts";
import { imageAt, type MemoryReader } from "../../dwfl/process/memory-image.ts";
import { processReports } from "../../dwfl/process/proc.ts";
import { readTextIfAny } from "../../dwfl/process/text-file.ts";
import { vdsoReport } from "../../dwfl/process/vdso.ts";
import { AT } from "../../elf/constants/note.ts";
import { PT } from "../../elf/constants/segment.ts";
import { HostError, RemoteError } from "../../errors.ts";
import type { LoadObject } from "../load-object.ts";
import type { LiveProcess } from "../proc/live.ts";

/** Files of a process, while it is stopped. */
export interface CodeSource {
  /** What is mapped, in words: while they stay the same, the files do. */
  state(): string;
  /** The files that the state speaks of; none of a process that ended. */
  reports(state: string): readonly ModuleReport[];
}

/** Mappings whose changes are the process's own, in `/proc/PID/maps`. */
const PRIVATE = /^([0-9a-f]+)-\S+ ...p /gm;

/** Of a process on this machine. */
export class LocalCode implements CodeSource {
  readonly #pid: number;

  constructor(pid: number) {
    this.#pid = pid;
  }

  state(): string {
    return readTextIfAny(`/proc/${this.#pid}/maps`) ?? "";
  }

  /** What is mapped by the loader; what a program shares with itself besides, to write to it, is no file of code. */
  reports(maps: string): readonly ModuleReport[] {
    try {
      const own = [...maps.matchAll(PRIVATE)].map(([, start]) => BigInt(`0x${start}`));
      return processReports(this.#pid, {}).filter(
        ({ span }) => span === undefined || own.some((at) => at >= span.start && at < span.end),
      );
    } catch (error) {
      // It ended.
      if (error instanceof HostError) return [];
      throw error;
    }
  }
}

/** What is loaded somewhere. */
interface Loaded {
  /** Path there; empty of the program. */
  readonly path: string;
  readonly name: string;
  readonly bias: bigint;
  readonly start: bigint;
  readonly end: bigint;
  readonly isProgram: boolean;
  /** It is the kernel's, and has no file. */
  readonly isInMemory: boolean;
}

/** Of a process elsewhere, of which nobody says what is mapped. */
export class RemoteCode implements CodeSource {
  readonly #process: LiveProcess;
  readonly #objects: () => readonly LoadObject[];
  readonly #memory: MemoryReader;
  #loaded: readonly Loaded[] = [];

  /** @param objects what is loaded, as of the last event of the run-time linker; nothing before that */
  constructor(process: LiveProcess, objects: () => readonly LoadObject[]) {
    this.#process = process;
    this.#objects = objects;
    this.#memory = { name: process.name, read: (address, length) => process.pread(address, length) };
  }

  state(): string {
    try {
      const objects = this.#objects();
      this.#loaded = objects.length > 0 ? objects.map(loadedBy) : this.#first();
    } catch (error) {
      // The connection broke.
      if (!(error instanceof RemoteError)) throw error;
      this.#loaded = [];
    }
    return this.#loaded.map(({ name, start, end }) => `${start} ${end} ${name}`).join("\n");
  }

  reports(): readonly ModuleReport[] {
    return this.#loaded.flatMap((one) => this.#report(one) ?? []);
  }

  #report({ path, name, bias, start, end, isProgram, isInMemory }: Loaded): ModuleReport | undefined {
    const span = { start, end };
    if (isInMemory) return vdsoReport(span, this.#memory);
    const file = this.#process.pfile(path);
    if (file === undefined) return undefined;
    return { name: basename(name), path: file, open: () => openFile(file), place: { bias }, span, isProgram };
  }

  /** The program and its run-time linker, by what the kernel said of them. */
  #first(): Loaded[] {
    const auxv = this.#process.pauxv();
    const headers = programHeaders(this.#memory, auxv, this.#process.pdmodel()) ?? [];
    const own = headers.find(({ type }) => type === PT.PT_PHDR);
    const bias = own === undefined ? 0n : (auxv.get(AT.AT_PHDR) ?? 0n) - own.vaddr;
    const name = readString(this.#memory, auxv.get(AT.AT_EXECFN) ?? 0n) ?? "";
    const program = spanOf(headers, bias);
    const found: Loaded[] = [];
    if (program !== undefined) {
      found.push({ path: "", name, bias, ...program, isProgram: true, isInMemory: false });
    }
    const interpreter = headers.find(({ type }) => type === PT.PT_INTERP);
    const path = interpreter && readString(this.#memory, interpreter.vaddr + bias);
    const base = auxv.get(AT.AT_BASE) ?? 0n;
    const image = path === undefined || base === 0n ? undefined : imageAt(this.#memory, base, path);
    const span = image && spanOf(image.elf.segments, image.bias);
    if (path !== undefined && image !== undefined && span !== undefined) {
      found.push({ path, name: path, bias: image.bias, ...span, isProgram: false, isInMemory: false });
    }
    return found;
  }
}

function loadedBy({ name, bias, base, end, isProgram, flags }: LoadObject): Loaded {
  return { path: isProgram ? "" : name, name, bias, start: base, end, isProgram, isInMemory: flags !== 0 };
}

function spanOf(
  headers: Iterable<{ readonly type: number; readonly vaddr: bigint; readonly memsz: bigint }>,
  bias: bigint,
): { readonly start: bigint; readonly end: bigint } | undefined {
  let span: { start: bigint; end: bigint } | undefined;
  for (const { type, vaddr, memsz } of headers) {
    if (type !== PT.PT_LOAD) continue;
    span ??= { start: bias + (vaddr & ~0xfffn), end: 0n };
    span.end = bias + vaddr + memsz;
  }
  return span;
}
