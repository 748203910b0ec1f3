/** What a trace comes to: time by phase, objects by the time that loading them took, relocations. */
import type { LinkerEvent } from "../../rtld/index.ts";

/** What was loaded together. */
interface Load {
  readonly names: readonly string[];
  readonly relocations: number;
  /** Milliseconds. */
  readonly cost: number;
}

/** Most loads that are listed. */
const LISTED = 10;

/** Adds up the events of the first process; what its children do is their own. */
export class Summary {
  #begin: number;
  #pid: number | undefined;
  #preinit: number | undefined;
  #postinit: number | undefined;
  #end: number | undefined;
  /** When what is being loaded was begun. */
  #adding: number | undefined;
  readonly #loads: Load[] = [];

  /** @param begin when the process was started, as `performance.now` counts */
  constructor(begin: number) {
    this.#begin = begin;
  }

  add(event: LinkerEvent): void {
    this.#pid ??= event.pid;
    if (event.pid !== this.#pid) return;
    if (event.event === "exec") this.#restart(event.time);
    if (event.event === "RD_PREINIT") this.#preinit = event.time;
    if (event.event === "RD_POSTINIT") this.#postinit = event.time;
    if (event.event === "exit") this.#end = event.time;
    if (event.state === "RD_ADD") this.#adding ??= event.time;
    if (event.added.length > 0) {
      this.#loads.push({
        names: event.added.map((one) => one.name),
        relocations: event.added.reduce((sum, one) => sum + one.relocationCount, 0),
        cost: this.#adding === undefined ? 0 : event.time - this.#adding,
      });
    }
    if (event.state === "RD_CONSISTENT" || event.event === "RD_PREINIT") this.#adding = undefined;
  }

  *lines(): Generator<string> {
    yield "";
    if (this.#preinit !== undefined && this.#postinit !== undefined) {
      yield `load and relocate  ${milliseconds(this.#preinit - this.#begin)}`;
      yield `initialize         ${milliseconds(this.#postinit - this.#preinit)}`;
      if (this.#end !== undefined) yield `run                ${milliseconds(this.#end - this.#postinit)}`;
    }
    const objects = this.#loads.reduce((sum, one) => sum + one.names.length, 0);
    const relocations = this.#loads.reduce((sum, one) => sum + one.relocations, 0);
    yield `${objects} objects, ${relocations} relocations`;
    const costly = this.#loads.filter((one) => one.cost > 0).sort((a, b) => b.cost - a.cost);
    for (const { cost, names, relocations: count } of costly.slice(0, LISTED)) {
      yield `${milliseconds(cost)}  ${String(count).padStart(7)} relocations  ${names.join(" ")}`;
    }
  }

  #restart(time: number): void {
    this.#begin = time;
    this.#preinit = undefined;
    this.#postinit = undefined;
    this.#adding = undefined;
    this.#loads.length = 0;
  }
}

function milliseconds(value: number): string {
  return `${value.toFixed(3).padStart(10)} ms`;
}
