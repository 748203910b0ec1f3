/** Ranges of entries, against what llvm-dwarfdump and eu-readelf print of the same objects. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DW_AT } from "../../../src/dwarf/constants/attribute.ts";
import type { Dwarf } from "../../../src/dwarf/dwarf.ts";
import {
  addressRanges,
  attributeRanges,
  entryRanges,
  type RangeCursor,
  rangeList,
} from "../../../src/dwarf/read/list/range.ts";
import type { Resolver } from "../../../src/dwarf/relocation/relocatable.ts";
import {
  type Build,
  compile,
  link,
  openDwarf,
  placedAs,
  printedAttributes,
  printedBounds,
} from "./location-objects.ts";

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-ranges-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

const FORMATS = ["-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5"];
const BUILDS: Build[] = ["gcc", "clang"].flatMap((compiler) =>
  [
    ...FORMATS.map((format) => [format, "-O2"]),
    ["-gdwarf-4", "-O2", "-ffunction-sections"],
    ["-gdwarf-5", "-O2", "-ffunction-sections"],
    ["-gdwarf-5", "-gdwarf64", "-O2", "-ffunction-sections"],
  ].map((options) => ({ compiler, options })),
);
/** Other sizes of addresses, byte orders, and relocations; this one compiler makes them all. */
const TARGETS = ["i386", "aarch64", "riscv64", "riscv32", "s390x", "powerpc64", "mips", "mips64el"];
const FOREIGN: Build[] = TARGETS.flatMap((target) =>
  ["-gdwarf-4", "-gdwarf-5"].map((format) => ({
    compiler: "clang",
    options: [`--target=${target}-linux-gnu`, format, "-O2", "-ffunction-sections"],
  })),
);

describe.each([...BUILDS, ...FOREIGN])("$compiler $options", (build) => {
  test("has the ranges and bounds that llvm-dwarfdump prints", () => {
    const object = compile(scratch, build, "a.o");
    const ours = new Map<number, string[]>();
    for (const { unit, entry } of entries(openDwarf(object))) {
      const ranges = shown(entryRanges(unit, entry));
      if (ranges.length > 0) ours.set(entry.offset, ranges);
    }
    const expected = printedRanges(object);
    // llvm-dwarfdump and readelf take two relocated fields whose sum is 0 for the end of the list, which it is not: the
    // fields are at the start of a section that a linker places elsewhere. The linked file below shows it.
    for (const [entry, ranges] of ours) {
      const cut = ranges.findIndex((range) => /^(\.\S+)\+0x0 \1\+0x0$/.test(range));
      if (cut >= 0 && (expected.get(entry)?.length ?? 0) === cut) expected.set(entry, ranges);
    }
    expect(ours.size).toBeGreaterThan(4);
    expect(ours).toEqual(expected);
  });
});

describe.each(BUILDS)("$compiler $options", (build) => {
  test("has the final addresses that llvm-dwarfdump prints of the linked file", () => {
    const object = compile(scratch, build, "b.o");
    const linked = link(object);
    const expected = printedRanges(linked);
    const resolver = placedAs(linked);
    const placed = new Map<number, string[]>();
    for (const { unit, entry } of entries(openDwarf(object))) {
      const ranges = Array.from(addressRanges(unit, entry, resolver), hexadecimal);
      if (ranges.length > 0) placed.set(entry.offset, ranges);
    }
    expect(placed).toEqual(expected);
    expect(finalBounds(object, resolver)).toEqual(finalBounds(linked));
    const absolute = new Map<number, string[]>();
    for (const { unit, entry } of entries(openDwarf(linked))) {
      const ranges = shown(entryRanges(unit, entry));
      if (ranges.length > 0) absolute.set(entry.offset, ranges);
    }
    expect(absolute).toEqual(expected);
  });
});

test("relocatable bounds are those that eu-readelf prints", () => {
  const object = compile(
    scratch,
    { compiler: "gcc", options: ["-gdwarf-5", "-O2", "-ffunction-sections"] },
    "e.o",
  );
  const args = ["-N", "--debug-dump=ranges", object];
  const printed = execFileSync("eu-readelf", args, { encoding: "utf8" });
  const expected: string[] = [];
  for (const [, first = "", second = ""] of printed.matchAll(/^ +(\S+)\.\.\n +(\S+)$/gm)) {
    const [begin, last] = [eu(first), eu(second)];
    // The last address of an empty range is before its section, in whatever eu-readelf placed there.
    if (begin.section === last.section) {
      expected.push(
        `${begin.section}+0x${begin.offset.toString(16)} ${last.section}+0x${(last.offset + 1n).toString(16)}`,
      );
    }
  }
  const ours: string[] = [];
  for (const { unit, entry } of entries(openDwarf(object))) {
    if (rangeList(unit, entry) !== undefined) ours.push(...shown(entryRanges(unit, entry)));
  }
  expect(expected.length).toBeGreaterThan(10);
  expect([...new Set(ours)].filter((range) => !/^(\S+) \1$/.test(range)).sort()).toEqual(
    [...new Set(expected)].sort(),
  );
});

/** `.text+0x10`, or with nothing but zeros. */
function eu(text: string): { section: string; offset: bigint } {
  const [section = "", offset = ""] = text.split("+");
  return { section, offset: BigInt(offset) };
}

/** Ranges by entry, of those that have ranges or both bounds. */
function printedRanges(file: string): Map<number, string[]> {
  const ranges = new Map<number, string[]>();
  const low = new Map<number, string>();
  for (const { entry, name, form, text } of printedAttributes(file)) {
    if (name === "DW_AT_ranges") ranges.set(entry, printedBounds(text));
    if (name === "DW_AT_low_pc") low.set(entry, bound(text));
    if (name === "DW_AT_high_pc") {
      const begin = low.get(entry) ?? "";
      const end = /addr/i.test(form) ? bound(text) : sum(begin, BigInt(text));
      ranges.set(entry, [`${begin} ${end}`]);
    }
  }
  return ranges;
}

/** `0x…10 ".text"`, or `indexed (00000000) address = 0x… ".text"`. */
function bound(text: string): string {
  const [, number = "", section] = /(?:^|= )0x([0-9a-f]+)(?: "([^"]+)")?/.exec(text) ?? [];
  const value = `0x${BigInt(`0x${number}`).toString(16)}`;
  return section === undefined ? value : `${section}+${value}`;
}

function sum(start: string, distance: bigint): string {
  return start.replace(/0x[0-9a-f]+$/, (number) => `0x${(BigInt(number) + distance).toString(16)}`);
}

function hexadecimal({ begin, end }: { begin: bigint; end: bigint }): string {
  return `0x${begin.toString(16)} 0x${end.toString(16)}`;
}

/** Bounds of all range lists, in halves. */
function finalBounds(file: string, resolver?: Resolver): number[][] {
  const bounds: number[][] = [];
  const dwarf = openDwarf(file);
  dwarf.place(resolver);
  for (const { unit, entry } of entries(dwarf)) {
    let list: RangeCursor | undefined;
    while (entry.nextAttribute()) {
      if (entry.attribute === DW_AT.DW_AT_ranges) list = attributeRanges(unit, entry);
    }
    while (list?.next() === true) {
      list.finalBounds();
      bounds.push([list.beginHigh, list.beginLow, list.endHigh, list.endLow]);
      expect((BigInt(list.beginHigh) << 32n) + BigInt(list.beginLow)).toBe(list.begin.resolve());
      expect((BigInt(list.endHigh) << 32n) + BigInt(list.endLow)).toBe(list.end.resolve());
    }
  }
  return bounds;
}

function* entries(dwarf: Dwarf) {
  for (const unit of dwarf.units()) {
    const entry = unit.entries();
    while (entry.next()) yield { unit, entry };
  }
}

function shown(ranges: Iterable<{ begin: { toString(): string }; end: { toString(): string } }>): string[] {
  return Array.from(ranges, ({ begin, end }) => `${begin} ${end}`);
}
