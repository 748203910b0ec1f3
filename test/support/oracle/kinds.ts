/** Everything that is compared of a file, by what prints it. */
import type { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { readelfArangesOracle } from "./aranges.ts";
import { compareBatches } from "./batches.ts";
import { type Comparison, compareLines, type Oracle } from "./compare.ts";
import { euEntriesOracle } from "./eu-entries.ts";
import { openFlat } from "./file.ts";
import { compareFrames, euFramesOracle, llvmFramesOracle } from "./frames.ts";
import { euLinesOracle, llvmLinesOracle, readelfLinesOracle } from "./line-rows.ts";
import { euLocationsOracle, euRangesOracle, readelfLocationsOracle, readelfRangesOracle } from "./lists.ts";
import { llvmEntriesOracle } from "./llvm-entries.ts";
import { readelfEntriesOracle } from "./readelf-entries.ts";

type Kind = (path: string, dwarf: Dwarf) => Oracle;

/** Quick ones, which cover all there is at least once. */
export const QUICK = new Map<string, Kind>([
  ["entries, readelf", readelfEntriesOracle],
  ["line rows, LLVM", llvmLinesOracle],
  ["line rows, readelf", readelfLinesOracle],
  ["line rows, elfutils", euLinesOracle],
  ["range lists, readelf", readelfRangesOracle],
  ["range lists, elfutils", euRangesOracle],
  ["location lists, readelf", readelfLocationsOracle],
  ["address ranges, readelf", readelfArangesOracle],
  ["frame rows, LLVM", llvmFramesOracle],
  ["frames, elfutils", euFramesOracle],
]);

/** Those that take several times as long. */
const SLOW = new Map<string, Kind>([
  ["entries and lists, LLVM", llvmEntriesOracle],
  ["entries, elfutils", euEntriesOracle],
  ["location lists, elfutils", euLocationsOracle],
]);

/** All of them. */
export const EVERY = new Map<string, Kind>([...QUICK, ...SLOW]);

/** Sections that kinds are about. A tool that would find none of them is not asked: it has nothing to say. */
const SECTIONS = new Map([
  ["line rows", ["debug_line"]],
  ["range lists, readelf", ["debug_ranges"]],
  ["range lists, elfutils", ["debug_rnglists"]],
  ["location lists, readelf", ["debug_loc", "debug_loclists"]],
  ["location lists, elfutils", ["debug_loclists"]],
  ["address ranges", ["debug_aranges"]],
  ["frame", ["debug_frame", "eh_frame"]],
]);

function concerns(kind: string, { sections }: Dwarf): boolean {
  for (const [start, names] of SECTIONS) {
    if (kind.startsWith(start)) return names.some((name) => sections.named(name).length > 0);
  }
  return true;
}

/** Compares a file by all of some kinds, side by side, and its frames with readelf. */
export async function compareFile(
  path: string,
  kinds: ReadonlyMap<string, Kind>,
): Promise<Map<string, Comparison>> {
  const dwarf = openFlat(path);
  const asked = [...kinds].filter(([name]) => concerns(name, dwarf));
  const running = asked.map(async ([name, kind]) => [name, await compareLines(kind(path, dwarf))] as const);
  const results = new Map(await Promise.all(running));
  results.set("frame rows, readelf", compareFrames(path));
  results.set("entries in batches, the cursor", compareBatches(dwarf));
  return results;
}
