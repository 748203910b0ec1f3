/** Claim: tracing takes a tenth of what it adds under gdb, in linear time, and less than 100 µs an event. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { median, printColumns } from "../table.ts";
import { type CommandLine, MOST, type Programs } from "./programs.ts";
import { COMMAND, wall } from "./run.ts";

const COUNTS = [0, 10, 100, MOST];

const GDB = `
set pagination off
set confirm off
set stop-on-solib-events 1
run
while 1
  continue
end
`;

/** Milliseconds. */
interface Times {
  readonly untraced: number;
  readonly bindery: number;
  readonly gdb: number;
  /** Missing if it was left out. */
  readonly lldb: number | undefined;
  /** How many the run-time linker told of. */
  readonly events: number;
}

/** @param withLldb in the first round: it takes minutes */
export function measureTraces(programs: Programs, rounds: number, withLldb: boolean): void {
  const shapes = [
    ["linked", (count: number) => programs.linked(count)],
    ["opened one after another", (count: number) => programs.opening(count)],
  ] as const;
  for (const [shape, program] of shapes) {
    const tracer = new Tracer(programs.scratch);
    // All sizes in each round: what else runs on the machine meets all of them.
    const times = Array.from({ length: rounds }, (_, round) =>
      COUNTS.map((count) => tracer.measure(program(count), count, withLldb && round === 0)),
    );
    const medians = COUNTS.map((_, i) => medianOf(times.flatMap((one) => one[i] ?? [])));
    const [none] = medians;
    if (none === undefined) throw new Error("found no times");
    const own = ["untraced", "bindery", "adds", "without its start", "µs a library", "µs an event"];
    const peers = ["gdb adds", "without its start", "lldb adds", "without its start"];
    const rows = medians.map((one, i) => rowOf(COUNTS[i] ?? 0, one, none));
    printColumns([`Libraries ${shape}, ms`, ...own, ...peers], rows);
  }
  console.log(
    "Goals: gdb adds >= 10x what bindery adds; < 100 µs an event; growth as that of the libraries.\n",
  );
}

function medianOf(times: readonly Times[]): Times {
  return {
    untraced: median(times.map((one) => one.untraced)),
    bindery: median(times.map((one) => one.bindery)),
    gdb: median(times.map((one) => one.gdb)),
    lldb: times[0]?.lldb,
    events: times[0]?.events ?? 0,
  };
}

function rowOf(count: number, times: Times, none: Times): string[] {
  const [own, gdb, lldb] = (["bindery", "gdb", "lldb"] as const).map((name) => {
    const added = (times[name] ?? Number.NaN) - times.untraced;
    return { added, rest: added - ((none[name] ?? Number.NaN) - none.untraced) };
  });
  const rest = own?.rest ?? Number.NaN;
  const withRatio = (value = Number.NaN, mine = Number.NaN) =>
    Number.isNaN(value) ? "" : `${fixed(value)} (${(value / mine).toFixed(1)}x)`;
  const isFirst = count === 0;
  // The start of a program has three events, however many libraries it has.
  const events = times.events - 3;
  return [
    count.toLocaleString("en"),
    fixed(times.untraced),
    fixed(times.bindery),
    fixed(own?.added ?? Number.NaN),
    isFirst ? "" : fixed(rest),
    isFirst ? "" : ((rest * 1000) / count).toFixed(0),
    events > 0 ? ((rest * 1000) / events).toFixed(0) : "",
    withRatio(gdb?.added, own?.added),
    isFirst ? "" : withRatio(gdb?.rest, rest),
    withRatio(lldb?.added, own?.added),
    isFirst ? "" : withRatio(lldb?.rest, rest),
  ];
}

class Tracer {
  readonly #log: string;
  readonly #gdb: string;
  readonly #lldb: string;

  constructor(scratch: string) {
    this.#log = join(scratch, "trace.log");
    this.#gdb = join(scratch, "gdb.commands");
    this.#lldb = join(scratch, "lldb.commands");
    writeFileSync(this.#gdb, GDB);
  }

  measure(program: CommandLine, count: number, withLldb: boolean): Times {
    const settings = ["target.process.stop-on-sharedlibrary-events true", "stop-disassembly-display never"];
    const setup = settings.map((one) => `settings set ${one}`);
    const stops = Array.from({ length: 2 * count + 8 }, () => "process continue");
    writeFileSync(this.#lldb, [...setup, "process launch", ...stops, "quit", ""].join("\n"));
    return {
      untraced: wall(program),
      bindery: wall([process.execPath, COMMAND, "trace", "--json", "-o", this.#log, "--", ...program]),
      events: readFileSync(this.#log, "utf8").split('"event":"RD_').length - 1,
      gdb: wall(["gdb", "-nx", "-batch", "-x", this.#gdb, "--args", ...program]),
      lldb: withLldb ? wall(["lldb", "--no-lldbinit", "-b", "-s", this.#lldb, "--", ...program]) : undefined,
    };
  }
}

function fixed(value: number): string {
  return Number.isNaN(value) ? "" : value.toFixed(value < 100 ? 1 : 0);
}
