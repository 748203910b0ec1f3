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
}

/** @param withLldb in the first round: it takes minutes */
export function measureTraces(programs: Programs, rounds: number, withLldb: boolean): void {
  const shapes = [
    ["linked", (count: number) => programs.linked(count)],
    ["opened one after another", (count: number) => programs.opening(count)],
  ] as const;
  for (const [shape, program] of shapes) {
    const tracer = new Tracer(programs.scratch);
    const times = COUNTS.map((count) => tracer.measure(program(count), count, rounds, withLldb));
    const [none] = times;
    if (none === undefined) throw new Error("found no times");
    const rows = COUNTS.map((count, i) => rowOf(count, times[i] ?? none, none, tracer.events[i] ?? 0));
    const own = ["untraced", "bindery", "adds", "without its start", "events", "µs an event"];
    const peers = ["gdb adds", "without its start", "lldb adds", "without its start"];
    printColumns([`Libraries ${shape}, ms`, ...own, ...peers], rows);
  }
  console.log(
    "Goals: gdb adds >= 10x what bindery adds; < 100 µs an event; growth as that of the libraries.\n",
  );
}

function rowOf(count: number, times: Times, none: Times, events: number): string[] {
  const added = { bindery: times.bindery - times.untraced, gdb: times.gdb - times.untraced };
  const start = { bindery: none.bindery - none.untraced, gdb: none.gdb - none.untraced };
  const rest = { bindery: added.bindery - start.bindery, gdb: added.gdb - start.gdb };
  const [lldb, lldbStart] = [times.lldb, none.lldb].map((one) => one ?? Number.NaN);
  const lldbAdded = (lldb ?? Number.NaN) - times.untraced;
  const lldbRest = lldbAdded - ((lldbStart ?? Number.NaN) - none.untraced);
  const withRatio = (value: number, own: number) =>
    Number.isNaN(value) || count === 0 ? fixed(value) : `${fixed(value)} (${(value / own).toFixed(1)}x)`;
  return [
    count.toLocaleString("en"),
    fixed(times.untraced),
    fixed(times.bindery),
    fixed(added.bindery),
    count === 0 ? "" : fixed(rest.bindery),
    String(events),
    count === 0 ? "" : ((rest.bindery * 1000) / events).toFixed(0),
    withRatio(added.gdb, added.bindery),
    count === 0 ? "" : withRatio(rest.gdb, rest.bindery),
    withRatio(lldbAdded, added.bindery),
    count === 0 ? "" : withRatio(lldbRest, rest.bindery),
  ];
}

class Tracer {
  /** How many events each of the programs had. */
  readonly events: number[] = [];
  readonly #log: string;
  readonly #gdb: string;
  readonly #lldb: string;

  constructor(scratch: string) {
    this.#log = join(scratch, "trace.log");
    this.#gdb = join(scratch, "gdb.commands");
    this.#lldb = join(scratch, "lldb.commands");
    writeFileSync(this.#gdb, GDB);
  }

  measure(program: CommandLine, count: number, rounds: number, withLldb: boolean): Times {
    const settings = ["stop-on-sharedlibrary-events true", "stop-disassembly-display never"] as const;
    const setup = [`settings set target.process.${settings[0]}`, `settings set ${settings[1]}`];
    const stops = Array.from({ length: 2 * count + 8 }, () => "process continue");
    writeFileSync(this.#lldb, [...setup, "process launch", ...stops, "quit", ""].join("\n"));
    const times: Times[] = [];
    for (let round = 0; round < rounds; round++) {
      times.push({
        untraced: wall(program),
        bindery: wall([process.execPath, COMMAND, "trace", "--json", "-o", this.#log, "--", ...program]),
        gdb: wall(["gdb", "-nx", "-batch", "-x", this.#gdb, "--args", ...program]),
        lldb:
          withLldb && round === 0
            ? wall(["lldb", "--no-lldbinit", "-b", "-s", this.#lldb, "--", ...program])
            : undefined,
      });
    }
    this.events.push(readFileSync(this.#log, "utf8").split('"event":"RD_').length - 1);
    return {
      untraced: median(times.map((one) => one.untraced)),
      bindery: median(times.map((one) => one.bindery)),
      gdb: median(times.map((one) => one.gdb)),
      lldb: times[0]?.lldb,
    };
  }
}

function fixed(value: number): string {
  return Number.isNaN(value) ? "" : value.toFixed(value < 100 ? 1 : 0);
}
