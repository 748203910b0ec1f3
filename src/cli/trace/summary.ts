/** What a trace comes to: time by phase, objects by the time that loading them took, relocations. */
import type { LinkerEvent } from "../../rtld/index.ts";
import type { Activity } from "./activity.ts";

/** What was loaded together. */
interface Load {
  readonly names: readonly string[];
  readonly relocations: number;
  /** Milliseconds, with those of relocation if they are told; `undefined` if it was there before. */
  cost: number | undefined;
  readonly tid: number;
  readonly by: string | undefined;
}

/** When the phases of a program's start end; milliseconds from anywhere, without the time that it was stopped. */
interface Phases {
  begin?: number;
  /** The run-time linker begins with the libraries. */
  add?: number;
  preinit?: number;
  postinit?: number;
  end?: number;
}

/** Most loads that are listed. */
const LISTED = 10;

/** Adds up the events of the first process; what its children do is their own. */
export class Summary {
  #pid: number | undefined;
  #phases: Phases = {};
  readonly #loads: Load[] = [];

  add(event: LinkerEvent, { time, took, by }: Activity): void {
    this.#pid ??= event.pid;
    if (event.pid !== this.#pid) return;
    const phases = this.#phases;
    if (event.event === "exec") {
      this.#phases = { begin: time };
      this.#loads.length = 0;
    } else if (event.event === "RD_PREINIT") phases.preinit = time;
    else if (event.event === "RD_POSTINIT") phases.postinit = time;
    else if (event.event === "exit") phases.end = time;
    else if (event.state === "RD_ADD") phases.add ??= time;
    if (event.event === "reloc_complete") this.#relocated(event.tid, took ?? 0);
    if (event.added.length === 0) return;
    this.#loads.push({
      names: event.added.map((one) => one.name),
      relocations: event.added.reduce((sum, one) => sum + one.relocationCount, 0),
      cost: took,
      tid: event.tid,
      by,
    });
  }

  #relocated(tid: number, took: number): void {
    const load = this.#loads.findLast((one) => one.tid === tid);
    if (load !== undefined) load.cost = (load.cost ?? 0) + took;
  }

  *lines(): Generator<string> {
    const { begin, add, preinit, postinit, end } = this.#phases;
    yield "";
    yield* phase("begin", begin, add);
    yield* phase("load and relocate", add, preinit);
    yield* phase("initialize", preinit, postinit);
    yield* phase("run", postinit, end);
    const objects = this.#loads.reduce((sum, one) => sum + one.names.length, 0);
    const relocations = this.#loads.reduce((sum, one) => sum + one.relocations, 0);
    yield `${objects} objects, ${relocations} relocations`;
    const costly = this.#loads
      .flatMap(({ cost, ...load }) => (cost === undefined ? [] : [{ ...load, cost }]))
      .sort((a, b) => b.cost - a.cost);
    for (const { cost, names, relocations: count, by } of costly.slice(0, LISTED)) {
      const asked = by === undefined ? "" : ` by ${by}`;
      yield `${milliseconds(cost)}  ${String(count).padStart(7)} relocations  ${names.join(" ")}${asked}`;
    }
  }
}

function* phase(name: string, from: number | undefined, to: number | undefined): Generator<string> {
  if (from !== undefined && to !== undefined) yield `${name.padEnd(17)}  ${milliseconds(to - from)}`;
}

function milliseconds(value: number): string {
  return `${value.toFixed(3).padStart(10)} ms`;
}
