/** What a trace comes to: time by phase, objects by the time that loading them took, relocations. */
import { readTextIfAny } from "../../dwfl/process/text-file.ts";
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

/** What the initializers of an object took. */
interface Initialization {
  readonly name: string;
  readonly begin: number;
  readonly tid: number;
  /** Milliseconds that the thread was on a processor until then; `undefined` where that is not known. */
  readonly worked: number | undefined;
  /** What they took, and did on a processor, in milliseconds; `undefined` where nothing says when they were done. */
  cost: { readonly took: number; readonly worked: number | undefined } | undefined;
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
  readonly #initializations: Initialization[] = [];

  add(event: LinkerEvent, { time, took, by }: Activity): void {
    this.#pid ??= event.pid;
    if (event.pid !== this.#pid) return;
    const phases = this.#phases;
    if (event.event === "exec") {
      this.#phases = { begin: time };
      this.#loads.length = 0;
      this.#initializations.length = 0;
    } else if (event.event === "RD_PREINIT") phases.preinit = time;
    else if (event.event === "RD_POSTINIT") phases.postinit = time;
    else if (event.event === "exit") phases.end = time;
    else if (event.state === "RD_ADD") phases.add ??= time;
    if (event.event === "init" || event.event === "RD_POSTINIT") this.#initialized(event, time);
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

  /** What goes on now is the end of what went on before. */
  #initialized({ object, tid, process }: LinkerEvent, time: number): void {
    const before = this.#initializations.at(-1);
    const { facts, pid } = process.target;
    const worked = facts === undefined ? processorTime(pid, tid) : undefined;
    if (before !== undefined && before.tid === tid) {
      const own = worked === undefined || before.worked === undefined ? undefined : worked - before.worked;
      before.cost ??= { took: time - before.begin, worked: own };
    }
    if (object === undefined) return;
    this.#initializations.push({ name: object.name, begin: time, tid, worked, cost: undefined });
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
    const initialized = this.#initializations
      .flatMap(({ cost, name }) => (cost === undefined ? [] : [{ name, cost }]))
      .sort((a, b) => b.cost.took - a.cost.took);
    for (const { cost, name } of initialized.slice(0, LISTED)) {
      const own = cost.worked === undefined ? "" : `${milliseconds(cost.worked)} of work`;
      yield `${milliseconds(cost.took)}${own}  initializers of ${name}`;
    }
  }
}

function* phase(name: string, from: number | undefined, to: number | undefined): Generator<string> {
  if (from !== undefined && to !== undefined) yield `${name.padEnd(17)}  ${milliseconds(to - from)}`;
}

/** Milliseconds that a thread was on a processor, as the kernel counts them [proc(5), schedstat]. */
function processorTime(pid: number, tid: number): number | undefined {
  const [nanoseconds = ""] = (readTextIfAny(`/proc/${pid}/task/${tid}/schedstat`) ?? "").split(" ");
  return nanoseconds === "" ? undefined : Number(nanoseconds) / 1e6;
}

function milliseconds(value: number): string {
  return `${value.toFixed(3).padStart(10)} ms`;
}
