/**
 * `npm run bench:dwarf [-- OPTION... PART...]`: what reading debug information costs, against peers measured in the same
 * run, which take turns. Parts: module, package, growth. Without any, all.
 *
 *   --rounds N   medians of N rounds; 5
 *   --quick      one round
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { measureGrowth } from "./dwarf/growth.ts";
import { preparedFiles } from "./dwarf/measure.ts";
import { measureWorks } from "./dwarf/works.ts";

const { values, positionals: parts } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, quick: { type: "boolean", default: false } },
  allowPositionals: true,
});
const rounds = values.quick ? 1 : Number(values.rounds);
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
if (wants("growth")) measureGrowth(prepared, rounds);
