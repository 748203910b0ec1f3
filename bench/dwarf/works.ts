/**
 * Claims: whole files are read at least as fast as by gimli with a hand-written relocating reader, and in less memory than
 * twice the largest file and 100 MB. Peers: libdw, gimli as its own dump tool uses it, and tuned.
 */
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { median, printColumns } from "../table.ts";
import { against, measure, type Prepared, seconds, warm } from "./measure.ts";

/** What is read of all files. */
export type Work = "units" | "values" | "rows";

/** What a contender counted. The names are those that `bindery dwarf` prints. */
type Counts = Readonly<Record<string, number>>;

/** One of several programs that do the same. */
export interface Contender {
  readonly name: string;
  /** Its command line for a work, without the files; `undefined` when it does not do it. */
  readonly command: (work: Work) => readonly string[] | undefined;
}

const HARNESS = fileURLToPath(new URL("harness.js", import.meta.url));

const TITLES: Readonly<Record<Work, string>> = {
  units: "each unit's header and root name",
  values: "every entry and attribute value",
  rows: "every row of every line program",
};

const CLI: Readonly<Record<Work, readonly string[]>> = {
  units: ["dwarf", "info", "--depth", "0", "--stats", "--json", "--jobs", "1"],
  values: ["dwarf", "info", "--stats", "--json", "--jobs", "1"],
  rows: ["dwarf", "lines", "--stats", "--json", "--jobs", "1"],
};

/** What must be equal. Who prints no such number is not asked. */
const COMPARED: Readonly<Record<Work, readonly string[]>> = {
  units: ["units", "names", "firstBytes"],
  values: ["units", "dies", "values", "strings", "firstBytes"],
  rows: ["rows", "lines"],
};

/** Ourselves first: the command, and the library in a process that times the work alone. */
export function contenders(prepared: Prepared): { ours: [Contender, Contender]; peers: Contender[] } {
  const { cli, libdw, gimli } = prepared;
  const way = (name: string, way: string): Contender[] =>
    gimli === undefined
      ? []
      : [{ name, command: (work) => (way === "bare" && work === "values" ? undefined : [gimli, way, work]) }];
  return {
    ours: [
      { name: "bindery", command: (work) => [process.execPath, cli, ...CLI[work]] },
      { name: "library", command: (work) => [process.execPath, HARNESS, work] },
    ],
    peers: [
      { name: "libdw", command: (work) => [libdw, work] },
      ...way("gimli own way", "own"),
      ...way("gimli tuned", "tuned"),
      ...way("gimli bare", "bare"),
    ],
  };
}

/** Medians of a contender's runs. */
interface Figures {
  readonly wall: number;
  /** The work alone; of the command, which does not time it, not a number. */
  readonly inside: number;
  readonly megabytes: number;
}

/**
 * Runs all contenders in turn, some rounds.
 * @throws Error when what they counted differs
 */
export function compare(
  prepared: Prepared,
  work: Work,
  files: readonly string[],
  rounds: number,
  all: readonly Contender[],
): Map<string, Figures> {
  const runs = new Map<string, Figures[]>();
  const counted = new Map<string, Counts>();
  for (let round = 0; round < rounds; round++) {
    for (const { name, command } of all) {
      const words = command(work);
      if (words === undefined) continue;
      const run = measure(prepared, [...words, ...files]);
      const { seconds: inside = Number.NaN, ...counts } = JSON.parse(run.output) as Counts;
      counted.set(name, counts);
      const figures = { wall: run.wall, inside, megabytes: run.kilobytes / 1024 };
      runs.set(name, [...(runs.get(name) ?? []), figures]);
    }
  }
  checkCounts(work, counted);
  const middle = (figures: readonly Figures[]): Figures => ({
    wall: median(figures.map(({ wall }) => wall)),
    inside: median(figures.map(({ inside }) => inside)),
    megabytes: median(figures.map(({ megabytes }) => megabytes)),
  });
  return new Map([...runs].map(([name, figures]) => [name, middle(figures)]));
}

/** No ratio is worth anything when one did less than the other. */
function checkCounts(work: Work, counted: ReadonlyMap<string, Counts>): void {
  for (const key of COMPARED[work]) {
    const found = new Set<number>();
    for (const counts of counted.values()) {
      const count = key === "values" ? (counts.values ?? counts.attributes) : counts[key];
      if (count !== undefined) found.add(count);
    }
    if (found.size === 1) continue;
    const list = [...counted].map(([name, counts]) => `\n  ${name}: ${JSON.stringify(counts)}`);
    throw new Error(`${work}: the contenders counted different ${key}:${list.join("")}`);
  }
}

/** Measures all works over a set of files, and prints a table of them. */
export function measureWorks(
  prepared: Prepared,
  title: string,
  files: readonly string[],
  rounds: number,
): void {
  warm(prepared, files);
  const { ours, peers } = contenders(prepared);
  const rows: string[][] = [];
  for (const work of ["units", "values", "rows"] as const) {
    const figures = compare(prepared, work, files, rounds, [...ours, ...peers]);
    const of = (name: string, key: keyof Figures): number => figures.get(name)?.[key] ?? Number.NaN;
    const line = (what: string, own: string, key: "wall" | "inside", goal: string): string[] => [
      what,
      seconds(of(own, key)),
      ...peers.map(({ name }) => against(of(own, key), of(name, key))),
      goal,
    ];
    const most = (2 * Math.max(...files.map((file) => statSync(file).size))) / 2 ** 20 + 100;
    const megabytes = (name: string): string =>
      Number.isNaN(of(name, "megabytes")) ? "" : of(name, "megabytes").toFixed(0);
    rows.push(
      line(TITLES[work], "library", "inside", ">= 1x tuned; aim 1.5x"),
      line("  with the start of the process", "bindery", "wall", ""),
      [
        "  peak memory, MB",
        megabytes("bindery"),
        ...peers.map(({ name }) => megabytes(name)),
        `<= ${most.toFixed(0)}`,
      ],
    );
  }
  printColumns([`${title}, seconds`, "bindery", ...peers.map(({ name }) => name), "goal"], rows);
}
