/**
 * `node harness-addresses.js FILE [SECTION]`: functions, lines and inline chains of the addresses of the standard input,
 * looked up with the library in one thread. Prints them as the peers do, and on standard error, as JSON, the seconds that
 * took without the start of the process.
 */
import { readFileSync } from "node:fs";
import { Dwarf } from "../../src/dwarf/dwarf.ts";
import { CodeLookup } from "../../src/dwarf/lookup/lookup.ts";
import { openElf } from "../../src/host/file.ts";

const [file = "", section] = process.argv.slice(2);
const from = performance.now();
using opened = openElf(file);
const lookup = new CodeLookup(Dwarf.open(opened.elf));
const index = section === undefined ? undefined : opened.elf.sectionsNamed(section)[0]?.index;
const lines: string[] = [];
for (const line of readFileSync("/dev/stdin", "utf8").split("\n")) {
  if (line === "") continue;
  const { frames } = lookup.at(index, BigInt(line));
  lines.push(line);
  for (const frame of frames) lines.push(frame.name ?? "??", `${frame.file ?? "??"}:${frame.line}`);
  if (frames.length === 0) lines.push("??", "??:0");
}
process.stdout.write(`${lines.join("\n")}\n`);
process.stderr.write(`${JSON.stringify({ seconds: (performance.now() - from) / 1000 })}\n`);
