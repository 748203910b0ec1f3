/** One module of a session: an ELF file, its debug file, and where they are. Everything is read at the first need. */
import { dirname } from "node:path";
import { Dwarf } from "../../dwarf/dwarf.ts";
import type { Resolver } from "../../dwarf/relocation/resolver.ts";
import { SHT } from "../../elf/constants/section.ts";
import { STB } from "../../elf/constants/symbol.ts";
import type { ElfFile } from "../../elf/file.ts";
import type { ElfSection } from "../../elf/section.ts";
import { BinderyError, DwflError } from "../../errors.ts";
import type { DebuginfodClient } from "../debuginfod/client.ts";
import type { FindResult } from "../find/attempt.ts";
import { Companions } from "../find/companions.ts";
import { findDebugFile, findLocalDebugFile, type LocalFindOptions } from "../find/find.ts";
import { type AddressSpan, loadedSpan, threadBlock } from "./layout.ts";
import { openFile } from "./offline.ts";
import { type FilePlace, isRelocatable, ModulePlacement } from "./placement.ts";
import type { ModuleFile, ModulePlace, ModuleReport } from "./report.ts";
import { SectionMap } from "./section-map.ts";
import { type ModuleSymbol, ModuleSymbols, type SymbolMatch } from "./symbols.ts";

/** What a module needs of its session. */
export interface ModuleHost {
  /** Where debug files are looked for on disk. */
  readonly find: LocalFindOptions;
  /** Who is asked after the disk; `undefined`: nobody. */
  debuginfod(): DebuginfodClient | undefined;
  /** Who is asked for the address of a section before the place that was reported. */
  readonly sectionAddress: ((module: Module, section: ElfSection) => bigint | undefined) | undefined;
  /** Address of a symbol that this module does not define. */
  symbolAddress(module: Module, name: string): bigint | undefined;
  /** The range of a module became known. */
  located(): void;
  /** A module has another place now. */
  moved(module: Module): void;
}

/** A module of a session. Made by the session, which closes it. */
export class Module {
  readonly #host: ModuleHost;
  readonly #report: ModuleReport;
  #placement: ModulePlacement;
  #main: { readonly file: ModuleFile } | { readonly error: BinderyError } | undefined;
  #debug: { readonly search: FindResult; readonly file: ModuleFile | undefined } | undefined;
  #map: SectionMap | undefined;
  #dwarf: { readonly dwarf: Dwarf | undefined } | undefined;
  #companions: Companions | undefined;
  #symbols: ModuleSymbols | undefined;
  #closed = false;

  constructor(host: ModuleHost, report: ModuleReport) {
    this.#host = host;
    this.#report = report;
    this.#placement = this.#placedAt(report.place, report.span, report.asks);
  }

  /** What the session calls the module: `a.out`, `libm.so.6`, `xfs`, `kernel`. */
  get name(): string {
    return this.#report.name;
  }

  /** Path of the main file; `undefined` if it has none. */
  get path(): string | undefined {
    return this.#main !== undefined && "file" in this.#main
      ? (this.#main.file.path ?? this.#report.path)
      : this.#report.path;
  }

  /** The range of addresses, as far as it is known without opening a file or asking anyone. */
  get knownSpan(): AddressSpan | undefined {
    return this.#placement.knownSpan;
  }

  /** Where the module is: its range, which opens the file where that must say. @throws DwflError `DWFL_NOT_PLACED` */
  get span(): AddressSpan {
    return this.#placement.span();
  }

  /** Whether this is the program itself, in a process or core file that says so. */
  get isProgram(): boolean {
    return this.#report.isProgram === true;
  }

  /** Whether this is a loadable module of a kernel. */
  get isKernelModule(): boolean {
    return this.#report.isKernelModule === true;
  }

  /** Whether the main file is open. */
  get isOpen(): boolean {
    return this.#main !== undefined && "file" in this.#main;
  }

  /** Whether the module takes addresses only when it is asked for one. */
  get isFree(): boolean {
    return this.#placement.isFree;
  }

  /** Whether nobody said where the module is, so that it has no addresses. */
  get isUnplaced(): boolean {
    return this.#placement.isUnknown;
  }

  /** First address. @throws DwflError `DWFL_NOT_PLACED` */
  get start(): bigint {
    return this.span.start;
  }

  /** Address behind the last. @throws DwflError `DWFL_NOT_PLACED` */
  get end(): bigint {
    return this.span.end;
  }

  /**
   * The main file, opened at the first need.
   *
   * @throws HostError, ElfError or DwflError, the same at each question, if it can't be opened
   */
  get elf(): ElfFile {
    this.#main ??= this.#open();
    if ("error" in this.#main) throw this.#main.error;
    return this.#main.file.elf;
  }

  /** Why the main file can't be opened; `undefined` if it can. Opens it. */
  get error(): BinderyError | undefined {
    this.#main ??= this.#open();
    return "error" in this.#main ? this.#main.error : undefined;
  }

  /** The build id in hexadecimal: of what is in memory, where that tells it, else of the main file. */
  get buildId(): string | undefined {
    return this.#report.buildId ?? this.elf.buildId();
  }

  /** What is added to addresses of a linked file; 0 for a relocatable one. @throws DwflError `DWFL_NOT_PLACED` */
  get bias(): bigint {
    return this.#placement.bias();
  }

  /**
   * The separate debug file, looked for on disk at the first need; `undefined` if the main file has its debug sections
   * itself, or none was found.
   */
  get debug(): ElfFile | undefined {
    return this.#debugState().file?.elf;
  }

  /** How the debug file was found, or where it was looked for; of a module with its own debug sections nothing was tried. */
  get debugSearch(): FindResult {
    return this.#debugState().search;
  }

  /**
   * Looks for the debug file on disk, then asks debuginfod servers. What was known without it (symbols, no debug
   * information) is found anew.
   *
   * @throws HostError if debuginfod's cache can't be used; the signal's reason
   */
  async fetchDebug(signal?: AbortSignal): Promise<FindResult> {
    const known = this.#debugState();
    if (known.file !== undefined || this.#hasDebugSections()) return known.search;
    const search = await findDebugFile(this.elf, {
      ...this.#findOptions(this.#host.find),
      debuginfod: this.#host.debuginfod() ?? false,
      ...(signal === undefined ? {} : { signal }),
    });
    this.#debug = { search, file: this.#openDebug(search) };
    if (this.#debug.file !== undefined) this.#forget();
    return search;
  }

  /**
   * Asks debuginfod servers for the main file, by the build id that is in memory, where there is no file of it on disk.
   *
   * @returns whether the module has its file now
   * @throws HostError if debuginfod's cache can't be used; the signal's reason
   */
  async fetchFile(signal?: AbortSignal): Promise<boolean> {
    if (this.error === undefined && this.#main !== undefined && "file" in this.#main) {
      if (this.#main.file.path !== undefined) return true;
    }
    const { buildId, path } = this.#report;
    const servers = this.#host.debuginfod();
    if (buildId === undefined || servers === undefined) return false;
    const answer = await servers.find(buildId, "executable", signal);
    if (answer.path === undefined) return false;
    this.release();
    this.#main = { file: { ...openFile(answer.path), path: path ?? answer.path } };
    return true;
  }

  /**
   * The debug information, of the main or the debug file; `undefined` if there is none. Addresses in it are resolved as
   * they are read: through this module's sections, and the symbols of the session's other modules. Those of a linked file
   * are the file's own: {@link bias} is for the caller to add.
   */
  get dwarf(): Dwarf | undefined {
    this.#dwarf ??= { dwarf: this.#openDwarf() };
    return this.#dwarf.dwarf;
  }

  /** Final address of a loaded section of the main file, asked for at the first need; `undefined` if not known. */
  sectionAddress(index: number): bigint | undefined {
    return this.#placement.sectionAddress(index);
  }

  /** Where a final address is in the main file; `undefined` if it is not in the module. */
  placeOf(address: bigint): FilePlace | undefined {
    return this.#placement.placeOf(address);
  }

  /** Final address of a place in the main file; `undefined` if its section's is not known. */
  addressOf(section: number | undefined, offset: bigint): bigint | undefined {
    if (section === undefined) {
      return isRelocatable(this.elf) ? undefined : this.#placement.addressOf(offset);
    }
    const start = this.sectionAddress(section);
    return start === undefined ? undefined : BigInt.asUintN(64, start + offset);
  }

  /** Where a final address is in the file that {@link dwarf} reads: section and offset as its addresses have them. */
  dwarfPlaceOf(address: bigint): FilePlace | undefined {
    const place = this.placeOf(address);
    if (place === undefined || this.dwarf === undefined) return place;
    if (place.section === undefined) return { section: undefined, offset: place.offset - this.#dwarfShift() };
    const section = this.#sectionMap().toDebug(place.section);
    return section === undefined ? undefined : { section, offset: place.offset };
  }

  /** Final address of a place in the file that {@link dwarf} reads. */
  dwarfAddressOf(section: number | undefined, offset: bigint): bigint | undefined {
    if (section === undefined) return this.addressOf(undefined, offset + this.#dwarfShift());
    const own = this.#sectionMap().toMain(section);
    return own === undefined ? undefined : this.addressOf(own, offset);
  }

  /** The defined symbols of the main file, its debug file and its `.gnu_debugdata`; read at the first need. */
  get symbols(): ModuleSymbols {
    this.#symbols ??= new ModuleSymbols(this.#symbolHolder());
    return this.#symbols;
  }

  /** The symbol that a final address belongs to; see {@link ModuleSymbols.at} for which of several. */
  symbolAt(address: bigint): SymbolMatch | undefined {
    const place = this.placeOf(address);
    return place === undefined ? undefined : this.symbols.match(place);
  }

  /** The defined symbol of that name; of several a global one before a weak and a local one. */
  symbolNamed(name: string): ModuleSymbol | undefined {
    return this.symbols.named(name)[0];
  }

  /**
   * Gives the module another place, or again the one that was reported. Nothing is read or parsed again: what was resolved
   * through the old place is forgotten, and asked for again when it is needed.
   */
  place(place?: ModulePlace): void {
    const { place: reported, span, asks } = this.#report;
    this.#placement =
      place === undefined ? this.#placedAt(reported, span, asks) : this.#placedAt(place, undefined, false);
    this.#host.moved(this);
    this.forgetAddresses();
  }

  /** Forgets what was resolved through places; the session calls it when another module moved. */
  forgetAddresses(): void {
    this.#dwarf?.dwarf?.place(this.#resolver());
  }

  /** Closes the files and forgets what was read; both are opened again when they are needed. */
  release(): void {
    if (this.#main !== undefined && "file" in this.#main) this.#main.file.close();
    this.#debug?.file?.close();
    this.#main = undefined;
    this.#debug = undefined;
    this.#forget();
  }

  /** Closes the files for good; the session calls it. */
  close(): void {
    this.release();
    this.#closed = true;
  }

  #open(): { readonly file: ModuleFile } | { readonly error: BinderyError } {
    if (this.#closed) {
      return {
        error: new DwflError("DWFL_CLOSED", this.name, "found a closed session, expected an open one"),
      };
    }
    try {
      return { file: this.#report.open() };
    } catch (error) {
      if (error instanceof BinderyError) return { error };
      throw error;
    }
  }

  #forget(): void {
    this.#companions?.close();
    this.#companions = undefined;
    this.#map = undefined;
    this.#dwarf = undefined;
    this.#symbols = undefined;
  }

  #placedAt(place: ModuleReport["place"], span: AddressSpan | undefined, asks = true): ModulePlacement {
    const { sectionAddress } = this.#host;
    const elf = () => this.elf;
    const needs = {
      name: this.name,
      get elf() {
        return elf();
      },
      ask:
        sectionAddress === undefined || !asks
          ? undefined
          : (section: ElfSection) => sectionAddress(this, section),
      located: () => this.#host.located(),
    };
    return new ModulePlacement(needs, place, span);
  }

  #hasDebugSections(): boolean {
    return hasDwarf(this.elf);
  }

  #debugState(): { readonly search: FindResult; readonly file: ModuleFile | undefined } {
    if (this.#debug === undefined) {
      const own = this.#hasDebugSections();
      const search: FindResult = own
        ? { path: undefined, way: undefined, tried: [] }
        : findLocalDebugFile(this.elf, this.#findOptions(this.#host.find));
      this.#debug = { search, file: this.#openDebug(search) };
    }
    return this.#debug;
  }

  #findOptions(find: LocalFindOptions): LocalFindOptions {
    const { path } = this;
    return path === undefined ? find : { ...find, path };
  }

  #openDebug({ path }: FindResult): ModuleFile | undefined {
    return path === undefined ? undefined : openFile(path);
  }

  #openDwarf(): Dwarf | undefined {
    const elf = this.#hasDebugSections() ? this.elf : this.debug;
    if (elf === undefined) return undefined;
    const dwarf = Dwarf.open(elf, this.#resolver());
    const { path } = this;
    const own = elf === this.elf ? path : this.debugSearch.path;
    this.#companions = Companions.attach(dwarf, {
      ...this.#host.find,
      ...(own === undefined ? {} : { path: own }),
      // Split files lie beside the program, wherever its debug file is.
      ...(path === undefined ? {} : { splitDirectories: [dirname(path)] }),
    });
    return dwarf;
  }

  #resolver(): Resolver {
    const mainSection = (elf: ElfFile, index: number) =>
      elf === this.elf ? index : this.#sectionMap().toMain(index);
    return {
      sectionAddress: (elf, index) => {
        const own = mainSection(elf, index);
        return own === undefined ? undefined : this.sectionAddress(own);
      },
      symbolAddress: (_elf, { name, binding }) =>
        // What nobody defines and needs not be defined is 0 [gABI, "Symbol Table"].
        this.#host.symbolAddress(this, name) ?? (binding === STB.STB_WEAK ? 0n : undefined),
      threadOffset: (elf, { special, sectionIndex, value }) => {
        const own = special || !this.#placement.isLaidOut ? undefined : mainSection(elf, sectionIndex);
        const start = own === undefined ? undefined : threadBlock(this.elf).get(own);
        return start === undefined ? undefined : start + value;
      },
    };
  }

  #sectionMap(): SectionMap {
    this.#map ??= new SectionMap(this.elf, this.debug ?? this.elf);
    return this.#map;
  }

  /** How far the main file was moved away from its debug file, as prelink does. */
  #dwarfShift(): bigint {
    const { debug, elf } = this;
    if (debug === undefined) return 0n;
    const [own, other] = [loadedSpan(elf), loadedSpan(debug)];
    return own === undefined || other === undefined ? 0n : own.start - other.start;
  }

  #symbolHolder() {
    const module = this;
    return {
      name: this.name,
      elf: this.elf,
      get debug() {
        return module.debug;
      },
      get map() {
        return module.#sectionMap();
      },
      addressOf: (section: number | undefined, offset: bigint) => module.addressOf(section, offset),
    };
  }
}

/** Whether a file has debug information of its own. */
function hasDwarf(elf: ElfFile): boolean {
  return elf.sections.some(
    ({ type, name }) => type !== SHT.SHT_NOBITS && /^\.z?debug_(info|line)$/.test(name),
  );
}
