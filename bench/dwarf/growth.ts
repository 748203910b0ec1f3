/** How cost grows with the number of modules: as the bytes do, and memory not at all. */
import { statSync } from "node:fs";
import { printColumns } from "../table.ts";
import { against, type Prepared, seconds, warm } from "./measure.ts";
import { shuffled } from "./random.ts";
import { compare, contenders } from "./works.ts";

export function measureGrowth(prepared: Prepared, rounds: number): void {
  const { ours, peers } = contenders(prepared);
  const [command, library] = ours;
  const all = [command, library, ...peers.filter(({ name }) => name === "gimli tuned")];
  const order = shuffled(prepared.modules, 1);
  const rows: string[][] = [];
  for (const work of ["units", "values"] as const) {
    for (const count of [10, 100, 1000]) {
      const files = order.slice(0, count);
      warm(prepared, files);
      const figures = compare(prepared, work, files, rounds, all);
      const own = figures.get(library.name);
      if (own === undefined) throw new Error("no figures");
      const megabytes = files.reduce((sum, file) => sum + statSync(file).size, 0) / 2 ** 20;
      rows.push([
        `${work} of ${count.toLocaleString("en")} modules`,
        megabytes.toFixed(0),
        seconds(own.inside),
        ((own.inside / megabytes) * 1000).toFixed(2),
        against(own.inside, figures.get("gimli tuned")?.inside ?? Number.NaN),
        own.megabytes.toFixed(0),
      ]);
    }
  }
  const head = [
    "Growth, the work alone",
    "MB of files",
    "bindery, s",
    "ms per MB",
    "gimli tuned, s",
    "peak MB",
  ];
  printColumns(head, rows);
}
