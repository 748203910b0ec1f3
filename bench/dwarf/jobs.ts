/** Claim: two threads halve the time of whole directories, nearly. */
import { availableParallelism } from "node:os";
import { median, printColumns } from "../table.ts";
import { measure, type Prepared, seconds, warm } from "./measure.ts";

const WORKS: readonly (readonly [string, readonly string[]])[] = [
  ["dwarf info --stats", ["info"]],
  ["dwarf lines --stats", ["lines"]],
  ["dwarf frames --stats", ["frames"]],
];

export function measureJobs(prepared: Prepared, rounds: number): void {
  warm(prepared, prepared.modules);
  const threads = [1, 2, availableParallelism()].filter((count, i, all) => all.indexOf(count) === i);
  const rows = WORKS.map(([title, words]) => {
    const walls = new Map<number, number[]>();
    const megabytes = new Map<number, number>();
    const answers = new Set<string>();
    for (let round = 0; round < rounds; round++) {
      for (const jobs of threads) {
        const args = ["dwarf", ...words, "--stats", "--json", "--jobs", String(jobs), ...prepared.modules];
        const run = measure(prepared, [process.execPath, prepared.cli, ...args]);
        walls.set(jobs, [...(walls.get(jobs) ?? []), run.wall]);
        megabytes.set(jobs, Math.max(megabytes.get(jobs) ?? 0, run.kilobytes / 1024));
        answers.add(run.output);
      }
    }
    if (answers.size > 1)
      throw new Error(`${title}: threads counted different things: ${[...answers].join("")}`);
    const one = median(walls.get(1) ?? []);
    const cells = threads.map((jobs) => {
      const wall = median(walls.get(jobs) ?? []);
      const gain = jobs === 1 ? "" : ` (${(one / wall).toFixed(2)}x)`;
      return `${seconds(wall)}${gain}, ${megabytes.get(jobs)?.toFixed(0)} MB`;
    });
    return [title, ...cells, "close to linear on two processors"];
  });
  const title = `All ${prepared.modules.length.toLocaleString("en")} modules, seconds with the start of the process`;
  printColumns([title, ...threads.map((jobs) => `--jobs ${jobs}`), "goal"], rows);
}
