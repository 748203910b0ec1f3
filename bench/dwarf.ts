/**
 * `npm run bench:dwarf [-- OPTION... PART...]`: what reading debug information costs, against peers measured in the same
 * run, which take turns. Parts: module, package, addresses, growth, jobs. Without any, all.
 *
 *   --rounds N   medians of N rounds; 5
 *   --quick      one round, without eu-addr2line, which takes most of a minute for each file
 *   --eu WHEN    eu-addr2line runs always (in all rounds), once, or never; once
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { measureAddresses, type Slow } from "./dwarf/addresses.ts";
import { measureGrowth } from "./dwarf/growth.ts";
import { measureJobs } from "./dwarf/jobs.ts";
import { preparedFiles } from "./dwarf/measure.ts";
import { measureWorks } from "./dwarf/works.ts";

const { values, positionals: parts } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    quick: { type: "boolean", default: false },
    eu: { type: "string" },
  },
  allowPositionals: true,
});
const rounds = values.quick ? 1 : Number(values.rounds);
const slow = (values.eu ?? (values.quick ? "never" : "once")) as Slow;
const wants = (part: string): boolean => parts.length === 0 || parts.includes(part);

const prepared = preparedFiles();
const xfs = prepared.modules.find((path) => /\/xfs\.ko(\.debug)?$/.test(path));
if (xfs === undefined) throw new Error("the kernel's package has no xfs.ko");
console.log(`${cpus()[0]?.model.trim()}, ${cpus().length} processors; Node ${process.versions.node}`);
console.log(
  `medians of ${rounds} ${rounds === 1 ? "round" : "rounds"}; in parentheses, how many times our own`,
);
console.log();
if (wants("module")) measureWorks(prepared, "xfs.ko", [xfs], rounds);
if (wants("package")) {
  const title = `All ${prepared.modules.length.toLocaleString("en")} modules`;
  measureWorks(prepared, title, prepared.modules, rounds);
}
if (wants("addresses")) measureAddresses(prepared, xfs, rounds, slow);
if (wants("growth")) measureGrowth(prepared, rounds);
if (wants("jobs")) measureJobs(prepared, rounds);
