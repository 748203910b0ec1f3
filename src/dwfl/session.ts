/** Sessions: the modules of a process, a core file, a kernel or some files, and what is where in them. */
import { basename } from "node:path";
import { ET } from "../elf/constants/header.ts";
import type { ElfFile } from "../elf/file.ts";
import type { ElfSection } from "../elf/section.ts";
import { DwflError } from "../errors.ts";
import { openElf } from "../host/file.ts";
import { DebuginfodClient } from "./debuginfod/client.ts";
import type { ProgressListener } from "./debuginfod/progress.ts";
import { deadKernelReports, kernelReports } from "./kernel/kernel.ts";
import type { DeadKernelOptions, KernelOptions } from "./kernel/options.ts";
import { OfflineSpace } from "./module/layout.ts";
import { Module } from "./module/module.ts";
import { borrowedFile, offlineReports, openFile } from "./module/offline.ts";
import { lastAtOrBefore } from "./module/placement.ts";
import type { ModulePlace, ModuleReport } from "./module/report.ts";
import type { ModuleSymbol, SymbolMatch } from "./module/symbols.ts";
import { findDefinition } from "./module/undefined-symbol.ts";
import { type CoreOptions, coreReports } from "./process/core.ts";
import { type ProcessOptions, processReports } from "./process/proc.ts";

/** How a session finds things. */
export interface DwflOptions {
  /** Global debug directories, in order; `/usr/lib/debug` by default. */
  readonly debugDirectories?: readonly string[];
  /**
   * The client that {@link Module.fetchDebug} and {@link Module.fetchFile} ask; `false` for none. By default one that
   * follows the environment.
   */
  readonly debuginfod?: DebuginfodClient | false;
  /**
   * Says where a section of a relocatable file is, if it was reported without a place. Asked at the first need of that
   * section, once. Without an answer, the section is where the session puts it, or the kernel says it is.
   */
  readonly sectionAddress?: (module: Module, section: ElfSection) => bigint | undefined;
  /** Told how far downloads are, if `debuginfod` is not given: of that, its own listeners are. */
  readonly progress?: ProgressListener;
  /** First address that is given to files that nobody placed; 0x10000 by default. */
  readonly offlineBase?: bigint;
}

/** A module, as a caller describes it. */
export interface ModuleOptions {
  /** What to call the module. */
  readonly name: string;
  /** The main file, or its path, which is opened when it is needed. */
  readonly file: string | ElfFile;
  /** Path of a file that is given opened; debug files are looked for from there. */
  readonly path?: string;
  /** Where the module is; by default at free addresses, taken at the first need. */
  readonly place?: ModulePlace;
}

/**
 * A session. It owns its modules and their open files; {@link close} closes them.
 *
 * A report adds all modules that it speaks of, or, if it throws, none.
 */
export class Dwfl implements Disposable {
  readonly #options: DwflOptions;
  readonly #space: OfflineSpace;
  /** In the order they were reported. */
  #reported: Module[] = [];
  /** Those whose range is known, in order of address; `undefined` after a change. */
  #sorted: { readonly start: bigint; readonly end: bigint; readonly module: Module }[] | undefined;
  /** Whether every range that can be known without giving out addresses is known. */
  #settled = false;
  readonly #owned: { close(): void }[] = [];
  #client: DebuginfodClient | undefined;
  #closed = false;

  constructor(options: DwflOptions = {}) {
    this.#options = options;
    this.#space = new OfflineSpace(options.offlineBase);
  }

  /** All modules: those whose range is known in order of address, then the others in the order they were reported. */
  get modules(): readonly Module[] {
    const sorted = this.#byAddress().map((one) => one.module);
    const known = new Set(sorted);
    return [...sorted, ...this.#reported.filter((one) => !known.has(one))];
  }

  /**
   * The module that an address is in. A module that was not asked for an address yet has none. Where a callback places
   * sections, those of all modules whose range nobody told are asked for.
   */
  moduleAt(address: bigint): Module | undefined {
    this.#settle();
    const found = lastAtOrBefore(this.#byAddress(), address);
    return found === undefined || address >= found.end ? undefined : found.module;
  }

  /** The first module reported under a name. Kernel modules are known with `-` and with `_`. */
  moduleNamed(name: string): Module | undefined {
    const wanted = name.replaceAll("-", "_");
    return (
      this.#reported.find((one) => one.name === name) ??
      this.#reported.find((one) => one.name.replaceAll("-", "_") === wanted)
    );
  }

  /** The symbol that an address belongs to, by its module; see {@link Module.symbolAt}. */
  symbolAt(address: bigint): (SymbolMatch & { readonly module: Module }) | undefined {
    const module = this.moduleAt(address);
    const match = module?.symbolAt(address);
    return module === undefined || match === undefined ? undefined : { ...match, module };
  }

  /**
   * The first defined symbol of that name in the modules whose file can be read, in the order they were reported. Modules
   * of a kernel that nobody opened yet are not opened for it.
   */
  symbolNamed(name: string): (ModuleSymbol & { readonly module: Module }) | undefined {
    for (const module of this.#reported) {
      if (module.isKernelModule && !module.isOpen) continue;
      const symbol = module.error === undefined ? module.symbolNamed(name) : undefined;
      if (symbol !== undefined) return { ...symbol, module };
    }
    return undefined;
  }

  /** Reports one module, whose file is opened when it is needed. */
  report(options: ModuleOptions): Module {
    const { name, file, path, place } = options;
    const module = this.#make({
      name,
      path: typeof file === "string" ? file : path,
      open: () => (typeof file === "string" ? openFile(file) : borrowedFile(file, path ?? file.name)),
      place: place ?? { space: this.#space },
      asks: place === undefined,
    });
    this.#add([module]);
    return module;
  }

  /**
   * Reports a file that runs nowhere, or each member of an archive. Relocatable files get addresses for their sections
   * that overlap with none, position-independent ones a base, and executables are where they say.
   *
   * @throws HostError if the file can't be read, ElfError if it is malformed, DwflError if it is a core file
   */
  reportFile(path: string, options: { readonly name?: string } = {}): readonly Module[] {
    const modules = offlineReports(path, options.name ?? basename(path), this.#space).map((one) =>
      this.#make(one),
    );
    try {
      for (const { elf, name } of modules) {
        if (elf.header.type !== ET.ET_CORE) continue;
        const what = "found a core file, expected a program, library or object";
        throw new DwflError("DWFL_BAD_ARGUMENT", name, what);
      }
      // The order of the addresses is that of the report, whatever is asked for first.
      if (this.#options.sectionAddress === undefined) for (const module of modules) module.span;
    } catch (error) {
      for (const module of modules) module.close();
      throw error;
    }
    this.#add(modules);
    return modules;
  }

  /**
   * Reports what is mapped into a live process, which is not stopped: ELF files, each checked to be the one that is in
   * memory where it is opened, and the kernel's own library.
   *
   * @throws HostError if there is no such process, or it may not be looked at
   */
  reportProcess(pid: number, options: ProcessOptions = {}): readonly Module[] {
    return this.#addAll(processReports(pid, options));
  }

  /**
   * Reports what was mapped into the process that a core file is of.
   *
   * @param core the file, which the caller closes after the session, or its path
   * @throws HostError if it can't be read, ElfError if it is malformed, DwflError if it is no core file or says of no module
   */
  reportCore(core: string | ElfFile, options: CoreOptions = {}): readonly Module[] {
    if (typeof core !== "string") return this.#addAll(coreReports(core, options));
    const file = openElf(core);
    try {
      const modules = this.#addAll(coreReports(file.elf, options));
      this.#owned.push(file);
      return modules;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /**
   * Reports the running kernel and its modules. What the kernel hides from this user is not known: such modules have no
   * place.
   *
   * @throws HostError if `/proc` can't be read
   */
  reportKernel(options: KernelOptions = {}): readonly Module[] {
    return this.#addAll(kernelReports(options));
  }

  /**
   * Reports a kernel that does not run here: a `vmlinux` and a directory of modules, of which only names are read now.
   *
   * @throws HostError if the directory can't be read, DwflError for a placement of a module that is not there
   */
  reportDeadKernel(options: DeadKernelOptions): readonly Module[] {
    return this.#addAll(deadKernelReports(options, this.#space));
  }

  /** Closes all files. Twice is harmless; modules throw `DWFL_CLOSED` for what they did not read yet. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const module of this.#reported) module.close();
    for (const file of this.#owned) file.close();
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #addAll(reports: readonly ModuleReport[]): readonly Module[] {
    const modules = reports.map((one) => this.#make(one));
    this.#add(modules);
    return modules;
  }

  #add(modules: readonly Module[]): void {
    if (this.#closed)
      throw new DwflError("DWFL_CLOSED", "session", "found a closed one, expected an open one");
    // What none of them defined, one of these may.
    for (const known of this.#reported) known.forgetAddresses();
    this.#reported.push(...modules);
    this.#sorted = undefined;
    this.#settled = false;
    for (const { knownSpan } of modules) if (knownSpan !== undefined) this.#space.keepFree(knownSpan);
  }

  #make(report: ModuleReport): Module {
    const { debugDirectories, sectionAddress } = this.#options;
    return new Module(
      {
        find: debugDirectories === undefined ? {} : { debugDirectories },
        debuginfod: () => this.#servers(),
        sectionAddress,
        symbolAddress: (module, name) => findDefinition(module, name, this.#reported),
        located: () => {
          this.#sorted = undefined;
        },
        moved: (module) => {
          this.#sorted = undefined;
          this.#settled = false;
          for (const other of this.#reported) if (other !== module) other.forgetAddresses();
        },
      },
      report,
    );
  }

  #servers(): DebuginfodClient | undefined {
    const { debuginfod, progress } = this.#options;
    if (debuginfod === false) return undefined;
    const listeners = progress === undefined ? {} : { progress };
    this.#client ??= debuginfod ?? DebuginfodClient.fromEnvironment(process.env, listeners);
    return this.#client;
  }

  #settle(): void {
    if (this.#settled) return;
    for (const module of this.#reported) {
      if (module.knownSpan === undefined && !module.isFree && !module.isUnplaced) spanOf(module);
    }
    this.#settled = true;
  }

  #byAddress() {
    this.#sorted ??= this.#reported
      .flatMap((module) => {
        const span = module.knownSpan;
        return span === undefined ? [] : [{ ...span, module }];
      })
      .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
    return this.#sorted;
  }
}

/** Makes the range of a module known if it can be; one whose file is damaged, or whose sections nobody knows, has none. */
function spanOf(module: Module): void {
  try {
    if (module.error === undefined) module.span;
  } catch (error) {
    if (!(error instanceof DwflError && error.code === "DWFL_NOT_PLACED")) throw error;
  }
}
