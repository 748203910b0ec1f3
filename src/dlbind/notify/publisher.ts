/**
 * Tells everyone who has to be told what was bound and unbound: debuggers, profilers, readers of the file.
 *
 * While no debugger listens, the debug list has one entry for the object, over its live tables; keeping that true is
 * storing a few sizes. When the first publish finds a listener, it has read that entry as it stood at some moment; so
 * the entry is taken back and all is told anew, from then on in a {@link DebugLog}. When nobody listens any more, the
 * log goes and the entry comes back.
 */

import { free, malloc } from "../../host/memory.ts";
import type { NameListener } from "../binder.ts";
import { storeTableSizes } from "../image.ts";
import type { LiveMemory } from "../memory.ts";
import type { PerfOutput } from "../options.ts";
import type { LiveSegment } from "../segment.ts";
import type { LiveTables } from "../tables.ts";
import { DebugLog } from "./debug-log.ts";
import { standingSize, writeStandingHeaders } from "./debug-object.ts";
import { PerfFeed } from "./perf.ts";
import { type CodeEntry, ENTRY_SIZE, entryAt, Registrar } from "./registrar.ts";

export class Publisher implements NameListener {
  readonly #tables: LiveTables;
  readonly #memory: LiveMemory;
  readonly #perf: PerfFeed | undefined;
  #registrar: Registrar | undefined;
  #standing: CodeEntry | undefined;
  #log: DebugLog | undefined;

  constructor(tables: LiveTables, memory: LiveMemory, perf: readonly PerfOutput[]) {
    this.#tables = tables;
    this.#memory = memory;
    this.#perf = perf.length === 0 ? undefined : new PerfFeed(tables, memory.base, perf);
  }

  bound(slot: number): void {
    this.#log?.add(slot);
    this.#perf?.add(slot);
  }

  unbinding(slot: number): void {
    this.#log?.remove(slot);
  }

  /** True while a debugger knows of functions whose place must not be taken before it was told. */
  mustRest(segment: LiveSegment): boolean {
    return this.#log !== undefined && segment === this.#memory.text;
  }

  publish(): void {
    const { symbols, names, headers } = this.#tables;
    storeTableSizes(headers, symbols.end, names.end);
    this.#perf?.publish();
    this.#registrar ??= Registrar.acquire();
    if (this.#registrar.isListening) this.#publishLog(this.#registrar);
    else this.#publishStanding(this.#registrar);
  }

  /** Takes everything back that debuggers were given; a later {@link publish} gives it anew. */
  withdraw(): void {
    if (this.#registrar === undefined) return;
    this.#dropLog();
    this.#dropStanding(this.#registrar);
    this.#registrar.release();
    this.#registrar = undefined;
  }

  #publishLog(registrar: Registrar): void {
    if (this.#log === undefined) {
      const { symbols } = this.#tables;
      this.#log = new DebugLog(registrar, this.#tables, this.#memory.base);
      for (let slot = 1; slot < symbols.end; slot++) if (symbols.isBound(slot)) this.#log.add(slot);
    }
    this.#log.publish();
    this.#dropStanding(registrar);
  }

  #publishStanding(registrar: Registrar): void {
    this.#dropLog();
    const { base, text } = this.#memory;
    writeStandingHeaders(this.#tables, base, { text: text.end });
    if (this.#standing !== undefined) return;
    const { layout } = this.#tables;
    this.#standing = entryAt(malloc(ENTRY_SIZE));
    registrar.register(this.#standing, base + BigInt(layout.debugHeaders.offset), standingSize(layout));
  }

  #dropLog(): void {
    this.#log?.close();
    this.#log = undefined;
  }

  #dropStanding(registrar: Registrar): void {
    if (this.#standing === undefined) return;
    registrar.unregister(this.#standing);
    free(this.#standing.address);
    this.#standing = undefined;
  }
}
