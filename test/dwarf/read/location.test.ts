/** Location lists and expressions in place, against what llvm-dwarfdump prints of the same objects. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attributeName, DW_AT } from "../../../src/dwarf/constants/attribute.ts";
import { tagName } from "../../../src/dwarf/constants/tag.ts";
import type { Dwarf, DwarfUnit } from "../../../src/dwarf/dwarf.ts";
import { EntryCursor } from "../../../src/dwarf/read/entry/cursor.ts";
import { expressionText } from "../../../src/dwarf/read/expression/text.ts";
import {
  attributeExpression,
  type BoundedLocation,
  locationAt,
  locationList,
  locations,
} from "../../../src/dwarf/read/list/location.ts";
import { entryRanges } from "../../../src/dwarf/read/list/range.ts";
import { type Build, compile, openDwarf, printedAttributes, printedBounds } from "./location-objects.ts";

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-locations-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

const BUILDS: Build[] = ["gcc", "clang"].flatMap((compiler) =>
  [
    ["-gdwarf-4", "-O2"],
    ["-gdwarf-5", "-O2"],
    ["-gdwarf-4", "-O2", "-ffunction-sections"],
    ["-gdwarf-5", "-O2", "-ffunction-sections"],
    ["-gdwarf-5", "-gdwarf64", "-O2"],
  ].map((options) => ({ compiler, options })),
);
const TARGETS = ["i386", "aarch64", "riscv64", "s390x", "powerpc64", "mips"];
const FOREIGN: Build[] = TARGETS.flatMap((target) =>
  ["-gdwarf-4", "-gdwarf-5"].map((format) => ({
    compiler: "clang",
    options: [`--target=${target}-linux-gnu`, format, "-O2", "-ffunction-sections"],
  })),
);

describe.each([...BUILDS, ...FOREIGN])("$compiler $options", (build) => {
  const known = common(build.options.some((option) => /--target=(?!i386)/.test(option)));

  test("has the locations that llvm-dwarfdump prints", () => {
    const object = compile(scratch, build, "a.o");
    const expected: string[] = [];
    for (const { entry, name, form, text } of printedAttributes(object)) {
      if (!isLocation(name) || !/exprloc|block|sec_offset|loclistx/.test(form)) continue;
      const items = text.split("\n").map((line) => {
        const [bounds] = printedBounds(line);
        // `[0x0, 0x4) ".text" [3]: DW_OP_reg0`
        return bounds === undefined
          ? line
          : `${bounds}: ${line.replace(/^\S+ \S+(?: "[^"]*")?(?: \[\d+\])?: /, "")}`;
      });
      const lines = /sec_offset|loclistx/.test(form) ? items.slice(1) : items;
      for (const line of lines) expected.push(`${entry.toString(16)} ${name} ${known(line)}`);
    }
    const ours: string[] = [];
    for (const { unit, entry, name } of located(openDwarf(object))) {
      for (const location of locations(unit, entry))
        ours.push(`${entry.offset.toString(16)} ${name} ${known(shown(location))}`);
    }
    expect(ours.length).toBeGreaterThan(45);
    // It gives up at operations of GNU and some of DWARF 5; test/dwarf/read/expression.test.ts has the rest by readelf.
    const comparable = ours.map((line, i) => {
      const [start, rest] = (expected[i] ?? "").split("<decoding error>");
      return rest !== undefined && line.startsWith(start ?? "") ? expected[i] : line;
    });
    expect(comparable).toEqual(expected);
  });
});

describe.each([
  { compiler: "gcc", format: "-gdwarf-4" },
  { compiler: "gcc", format: "-gdwarf-5" },
  { compiler: "clang", format: "-gdwarf-4" },
  { compiler: "clang", format: "-gdwarf-5" },
])("$compiler $format", ({ compiler, format }) => {
  test("has in split files the ranges and locations of an object that is whole", () => {
    const options = [format, "-O2", "-ffunction-sections"];
    const whole = openDwarf(compile(scratch, { compiler, options }, "w.o"));
    const skeletons = openDwarf(
      compile(scratch, { compiler, options: [...options, "-gsplit-dwarf"] }, "s.o"),
    );
    const split = openDwarf(join(scratch, "s.dwo"));
    const [skeleton] = skeletons.units();
    skeletons.attachSplit(() => [split]);
    const unit = skeleton?.split;
    if (skeleton === undefined || unit === undefined) throw new Error("the compiler made no units");
    const expected = described(whole);
    expect(expected.length).toBeGreaterThan(60);
    const isRoot = (line: string): boolean => line.startsWith("DW_TAG_compile_unit");
    // gcc 12 writes lengths in split lists of DWARF 4 as `.LVL1-.LVL0-1` where it means `.LVL1-(.LVL0-1)`: 2 too short.
    const wrong = compiler === "gcc" && format === "-gdwarf-4";
    const comparable = (line: string): string =>
      wrong ? line.replace(/(_location \S+\+\S+) \S+/, "$1") : line;
    const [ours, theirs] = [describedUnit(unit), expected.filter((line) => !isRoot(line))];
    expect(ours.map(comparable)).toEqual(theirs.map(comparable));
    // The root's ranges stay with the skeleton.
    const bounds = (line: string): string => line.replace(/^\S+/, "");
    expect(describedUnit(skeleton).map(bounds)).toEqual(expected.filter(isRoot).map(bounds));
  });

  test("finds the location that holds at a pc, and the views beside it", () => {
    const object = compile(scratch, { compiler, options: [format, "-O2", "-ffunction-sections"] }, "p.o");
    let found = 0;
    for (const { unit, entry, views } of located(openDwarf(object))) {
      const list = locationList(unit, entry, views);
      if (list === undefined) continue;
      while (list.next()) {
        const { begin, end, expression } = list;
        if (begin.minus(end) === 0n) continue;
        const last = end.plus(-1n);
        expect(locationAt(unit, entry, begin)?.offset).toBeLessThanOrEqual(expression.offset);
        expect(locationAt(unit, entry, last)).toBeDefined();
        found++;
      }
    }
    expect(found).toBeGreaterThan(20);
  });
});

test("views are those that readelf prints", () => {
  const object = compile(scratch, { compiler: "gcc", options: ["-gdwarf-5", "-O2"] }, "v.o");
  const expected = [
    ...readelf("-wo", object).matchAll(/^ +([0-9a-f]{8}) v([0-9a-f]+) v([0-9a-f]+) views at/gm),
  ].map(([, offset, begin, end]) => [offset, begin, end].map((number) => Number.parseInt(number ?? "", 16)));
  const ours: number[][] = [];
  for (const { unit, entry, views } of located(openDwarf(object))) {
    const list = locationList(unit, entry, views);
    while (list?.next() === true) ours.push([list.offset, list.beginView, list.endView]);
  }
  expect(ours.some(([, begin, end]) => begin !== 0 || end !== 0)).toBe(true);
  expect(ours.sort(byFirst)).toEqual(expected.sort(byFirst));
});

function byFirst([a = 0]: number[], [b = 0]: number[]): number {
  return a - b;
}

/** Ranges and locations of all entries, without offsets in sections, which differ when a unit is split. */
function described(dwarf: Dwarf): string[] {
  return Array.from(dwarf.units()).flatMap(describedUnit);
}

function describedUnit(unit: DwarfUnit): string[] {
  const lines: string[] = [];
  const entry = unit.entries();
  while (entry.next()) {
    const tag = tagName(entry.tag);
    for (const { begin, end } of entryRanges(unit, entry)) lines.push(`${tag} ${begin} ${end}`);
    while (entry.nextAttribute()) {
      const name = attributeName(entry.attribute);
      if (!isLocation(name) || !isAnywhere(unit, entry)) continue;
      for (const { begin, end, expression } of locations(unit, entry)) {
        const text = expressionText(expression, { like: "readelf", address: String });
        // Addresses are by index in split files; offsets of entries differ.
        const plain = text
          .replace(/(DW_OP_)(?:GNU_addr_index|addrx):/g, "$1addr:")
          .replace(/(DW_OP_)(?:GNU_const_index|constx):/g, "$1const8u:")
          .replace(/<0x[0-9a-f]+>/g, "");
        lines.push(`${tag} ${name} ${begin} ${end} ${plain}`);
      }
    }
  }
  return lines;
}

function isAnywhere(unit: DwarfUnit, at: EntryCursor): boolean {
  return attributeExpression(unit, at) !== undefined || locationList(unit, at) !== undefined;
}

function isLocation(name: string): boolean {
  return /^DW_AT_(location|frame_base|GNU_call_site_value|call_value|data_member_location|call_target)$/.test(
    name,
  );
}

/** What is the same in both: llvm-dwarfdump names base types too, and calls registers of other machines by their parts. */
function common(foreign: boolean): (line: string) => string {
  return (line) => {
    const plain = line.replace(/\(0x[0-9a-f]+ -> (0x[0-9a-f]+)\)( "[^"]*")?/g, "($1)");
    return foreign ? plain.replace(/(DW_OP_b?reg(?:\d+|x)) \w+/g, "$1") : plain;
  };
}

function shown({ begin, end, expression }: BoundedLocation): string {
  // Relocations of operands are for test/dwarf/read/expression.test.ts: llvm-dwarfdump prints the bytes of the file.
  const text = expressionText(expression, { like: "llvm" });
  return begin === undefined || end === undefined ? text : `${begin} ${end}: ${text}`;
}

/** All attributes that say where something is, each with the table of its views. */
function* located(dwarf: Dwarf) {
  for (const unit of dwarf.units()) {
    const entry = unit.entries();
    while (entry.next()) {
      const views = viewsOf(unit, entry.offset);
      while (entry.nextAttribute()) {
        const name = attributeName(entry.attribute);
        if (isLocation(name) && isAnywhere(unit, entry)) yield { unit, entry, name, views };
      }
    }
  }
}

function viewsOf(unit: DwarfUnit, offset: number): number {
  const at = new EntryCursor(unit.reader, unit.header, unit.abbrevs, offset);
  at.next();
  while (at.nextAttribute()) if (at.attribute === DW_AT.DW_AT_GNU_locviews) return at.low;
  return -1;
}

function readelf(...args: string[]): string {
  return execFileSync("readelf", ["-W", ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}
