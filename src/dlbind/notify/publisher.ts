/**
 * Tells everyone who has to be told what was bound and unbound: debuggers, profilers, readers of the file.
 *
 * While no debugger listens, functions are told of by one standing entry in the debug list, over the live tables;
 * keeping that true is storing a few sizes. When a publish finds that somebody listens, he has read that entry as it
 * stood at some moment; so all functions are told anew, in snapshots, and the entry is taken back. When nobody listens
 * any more, the snapshots go and the entry comes back. Data is told of in snapshots always: one entry over the live
 * tables has one section, and that is the text.
 */
import { free, malloc, mapBehind, unmap, viewOf } from "../../host/memory.ts";
import type { NameListener } from "../binder.ts";
import { storeTableSizes } from "../image.ts";
import type { LiveMemory } from "../memory.ts";
import type { PerfOutput } from "../options.ts";
import type { LiveSegment } from "../segment.ts";
import type { LiveTables } from "../tables.ts";
import { DebugLog } from "./debug-log.ts";
import { PerfFeed } from "./perf.ts";
import { type CodeEntry, ENTRY_SIZE, entryAt, Registrar } from "./registrar.ts";
import { standingSpan, updateStanding, writeStanding } from "./standing.ts";

/** An object file that is written where it is to lie. */
export interface DebugFile {
  /** Bytes to be written; more than 0, and a multiple of 4096 where something follows. */
  readonly size: number;
  /** What follows them, to be mapped and not read: an open file, and how many bytes. */
  readonly file?: { readonly descriptor: number; readonly size: number } | undefined;
  /** Writes them all, and keeps nothing of what it is given. */
  readonly write: (bytes: Uint8Array) => void;
}

/** An object file in native memory, and its entry. */
interface Description {
  readonly entry: CodeEntry;
  readonly address: bigint;
  readonly size: number;
  readonly free: () => void;
}

export class Publisher implements NameListener {
  readonly #tables: LiveTables;
  readonly #memory: LiveMemory;
  readonly #perf: PerfFeed | undefined;
  #registrar: Registrar | undefined;
  #standing: CodeEntry | undefined;
  #log: DebugLog;
  /** True while functions are told of by the log, false while by the standing entry. */
  #logsText = false;
  /** Object files that tell of everything, in the place of the log and the standing entry. */
  #isDescribed = false;
  #descriptions: readonly Description[] = [];
  #areListed = false;

  constructor(tables: LiveTables, memory: LiveMemory, perf: readonly PerfOutput[]) {
    this.#tables = tables;
    this.#memory = memory;
    this.#perf = perf.length === 0 ? undefined : new PerfFeed(tables, memory.base, perf);
    this.#log = new DebugLog(tables, memory.base);
  }

  /** From the next {@link publish} on, debuggers are told by these object files, as they are, and by nothing else. */
  describe(files: readonly DebugFile[]): void {
    this.#isDescribed = true;
    this.#descriptions = files.map(storeFile);
  }

  bound(slot: number): void {
    const isLogged = !this.#isDescribed && (this.#logsText || !this.#isText(slot));
    if (isLogged) this.#log.add(slot);
    this.#perf?.add(slot);
  }

  unbinding(slot: number): void {
    this.#log.remove(slot);
  }

  /** True while a debugger waits for news. */
  get isListenedTo(): boolean {
    return this.#registrar?.isListening === true;
  }

  /** True while a debugger knows of functions whose place must not be taken before it was told. */
  mustRest(segment: LiveSegment): boolean {
    return this.#logsText && segment === this.#memory.text;
  }

  publish(): void {
    const { layout, symbols, names, headers } = this.#tables;
    symbols.empty();
    storeTableSizes(headers, layout, symbols.end, names.end);
    this.#perf?.publish();
    this.#registrar ??= Registrar.acquire();
    if (this.#isDescribed) this.#listDescriptions(this.#registrar);
    // The symbols of an object that was made for an address don't count from its start, as the standing entry says.
    else if (this.#registrar.isListening || this.#tables.layout.origin !== 0n)
      this.#publishToListener(this.#registrar);
    else this.#publishStanding(this.#registrar);
    this.#registrar.refresh();
  }

  /** Takes everything back that debuggers were given; a later {@link publish} gives it anew. */
  withdraw(): void {
    if (this.#registrar === undefined) return;
    if (this.#areListed) for (const { entry } of this.#descriptions) this.#registrar.unregister(entry);
    this.#areListed = false;
    if (!this.#isDescribed) {
      this.#restartLog(this.#registrar);
      this.#dropStanding(this.#registrar);
    }
    this.#registrar.refresh();
    this.#registrar.release();
    this.#registrar = undefined;
  }

  /** Gives back what {@link describe} took; {@link withdraw} comes before. */
  close(): void {
    for (const description of this.#descriptions) description.free();
    this.#descriptions = [];
  }

  #listDescriptions(registrar: Registrar): void {
    if (this.#areListed) return;
    for (const { entry, address, size } of this.#descriptions) registrar.register(entry, address, size);
    this.#areListed = true;
  }

  #publishToListener(registrar: Registrar): void {
    if (!this.#logsText) {
      for (const slot of this.#slots()) if (this.#isText(slot)) this.#log.add(slot);
      this.#logsText = true;
    }
    this.#log.publish(registrar);
    this.#dropStanding(registrar);
  }

  #publishStanding(registrar: Registrar): void {
    if (this.#logsText) this.#restartLog(registrar);
    this.#log.publish(registrar);
    const { base, text } = this.#memory;
    if (this.#standing === undefined) writeStanding(this.#tables, base);
    updateStanding(this.#tables, text.end);
    if (this.#standing !== undefined) return;
    const { address, size } = standingSpan(this.#tables.layout, base);
    this.#standing = entryAt(malloc(ENTRY_SIZE));
    registrar.register(this.#standing, address, size);
  }

  /** Begins the log anew, with the data. */
  #restartLog(registrar: Registrar): void {
    this.#log.close(registrar);
    this.#log = new DebugLog(this.#tables, this.#memory.base);
    this.#logsText = false;
    for (const slot of this.#slots()) if (!this.#isText(slot)) this.#log.add(slot);
  }

  *#slots(): IterableIterator<number> {
    const { symbols } = this.#tables;
    for (let slot = 1; slot < symbols.end; slot++) if (symbols.isBound(slot)) yield slot;
  }

  #isText(slot: number): boolean {
    return this.#tables.symbols.valueOf(slot) < this.#tables.layout.rodata.offset;
  }

  #dropStanding(registrar: Registrar): void {
    if (this.#standing === undefined) return;
    drop(registrar, this.#standing);
    this.#standing = undefined;
  }
}

function drop(registrar: Registrar, entry: CodeEntry): void {
  registrar.unregister(entry);
  free(entry.address);
}

/** Gives an object file its place, and an entry. */
function storeFile({ size, file, write }: DebugFile): Description {
  const address = file === undefined ? malloc(size) : mapBehind(file.descriptor, file.size, size);
  const total = size + (file?.size ?? 0);
  const give = (): void => {
    if (file === undefined) free(address);
    else unmap(address, total);
  };
  try {
    write(new Uint8Array(viewOf(address, size)));
    const entry = entryAt(malloc(ENTRY_SIZE));
    const freeAll = (): void => {
      give();
      free(entry.address);
    };
    return { entry, address, size: total, free: freeAll };
  } catch (error) {
    give();
    throw error;
  }
}
