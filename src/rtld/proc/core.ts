/** A process as its core file has it. */
import type { AuxVector } from "../../dwfl/process/auxv.ts";
import type { CoreOptions } from "../../dwfl/process/core.ts";
import { CoreMemory } from "../../dwfl/process/core-memory.ts";
import { imageAt } from "../../dwfl/process/memory-image.ts";
import { Dwfl } from "../../dwfl/session.ts";
import { ET } from "../../elf/constants/header.ts";
import { AT } from "../../elf/constants/note.ts";
import type { FileMapping } from "../../elf/core-note.ts";
import { RtldError } from "../../errors.ts";
import { type OpenedElf, openElf } from "../../host/file.ts";
import { CoreFiles } from "./core-files.ts";
import { lookupInLinkMap, lookupInSession } from "./observed.ts";
import type { DataModel, LogListener, ProcService } from "./service.ts";

/** Serves an agent from a core file; what was not dumped is read from the files that were mapped. */
export class CoreProcess implements ProcService, Disposable {
  readonly name: string;
  readonly #opened: OpenedElf;
  readonly #options: CoreOptions;
  readonly #log: LogListener;
  readonly #auxv = new Map<number, bigint>();
  readonly #files: CoreFiles;
  /** Whether it says which files were mapped. */
  readonly #hasMappings: boolean;
  /** Registers by thread; the first thread is the one that the process died of. */
  readonly #registers = new Map<number, Uint8Array>();

  private constructor(path: string, opened: OpenedElf, options: CoreOptions, log: LogListener) {
    this.name = path;
    this.#opened = opened;
    this.#options = options;
    this.#log = log;
    const { elf } = opened;
    if (elf.header.type !== ET.ET_CORE) {
      throw new RtldError("RD_ERR", path, "found another kind of ELF file, expected a core file");
    }
    const mappings: FileMapping[] = [];
    for (const { content } of elf.notes()) {
      if (content.kind === "auxv") for (const { type, value } of content.entries) this.#auxv.set(type, value);
      if (content.kind === "file-mappings") mappings.push(...content.mappings);
      if (content.kind === "prstatus") this.#registers.set(content.pid, content.registers);
    }
    this.#hasMappings = mappings.length > 0;
    const memory = new CoreMemory(elf);
    const facts = { memory, auxv: this.#auxv, model: this.pdmodel(), mappings };
    this.#files = new CoreFiles(facts, options);
    if (options.executable !== undefined) checkProgram(options.executable, memory, this.#auxv);
  }

  /**
   * Opens a core file; the caller closes it.
   *
   * @throws HostError if it can't be read, ElfError if it is malformed, RtldError if it is no core file, or that of another
   * program than the one that is named
   */
  static open(path: string, options: CoreOptions = {}, log: LogListener = () => {}): CoreProcess {
    const opened = openElf(path);
    try {
      return new CoreProcess(path, opened, options, log);
    } catch (error) {
      opened.close();
      throw error;
    }
  }

  /** Ids of the threads, the one that the process died of first. */
  get threads(): readonly number[] {
    return [...this.#registers.keys()];
  }

  pdmodel(): DataModel {
    const { is64, little, machine } = this.#opened.elf.header;
    return { is64, little, machine };
  }

  pread(address: bigint, length: number): Uint8Array | undefined {
    return this.#files.read(address, length);
  }

  /** Refuses: a core file is not changed. */
  pwrite(): boolean {
    return false;
  }

  pglobalLookup(object: string | undefined, symbol: string): bigint | undefined {
    if (!this.#hasMappings) {
      const memory = { name: this.name, read: (at: bigint, size: number) => this.pread(at, size) };
      const facts = { auxv: this.#auxv, model: this.pdmodel() };
      return lookupInLinkMap(memory, facts, (path) => this.pfile(path), object, symbol);
    }
    using session = new Dwfl({ debuginfod: false });
    session.reportCore(this.#opened.elf, this.#options);
    return lookupInSession(session, object, symbol);
  }

  pauxv(): AuxVector {
    return this.#auxv;
  }

  lgetregs(lwpid: number): Uint8Array | undefined {
    return this.#registers.get(lwpid);
  }

  /** Refuses: a core file is not changed. */
  lsetregs(): boolean {
    return false;
  }

  plwp(): number | undefined {
    return this.threads[0];
  }

  /** Does nothing: nothing runs. */
  pstop(): void {}

  /** @throws RtldError always: nothing can run */
  pcontinue(): void {
    throw new RtldError("RD_DBERR", this.name, "found a core file, expected a process that can run");
  }

  pfile(path: string): string | undefined {
    return this.#files.path(path);
  }

  pprogram(): string | undefined {
    return this.#files.path("");
  }

  plog(message: string): void {
    this.#log(message);
  }

  /** Closes what was opened. Twice is harmless. */
  close(): void {
    this.#opened.close();
    this.#files.close();
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Compares the build id of a program with that in what was dumped of it. What was left out can't be compared.
 *
 * @throws RtldError if they are not the same
 */
function checkProgram(path: string, memory: CoreMemory, auxv: AuxVector): void {
  // Its header, and as a rule its build id, are in the page of the program headers.
  const headers = auxv.get(AT.AT_PHDR) ?? 0n;
  const image = imageAt(memory, headers - (headers % (auxv.get(AT.AT_PAGESZ) ?? 4096n)), path);
  if (image?.buildId === undefined) return;
  using file = openElf(path);
  const found = file.elf.buildId();
  if (found === image.buildId) return;
  const what = `build id: found ${found ?? "none"}, expected ${image.buildId} as in ${memory.name}`;
  throw new RtldError("RD_ERR", path, what);
}
