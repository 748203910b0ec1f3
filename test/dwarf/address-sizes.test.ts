/** Addresses of 2 bytes, of a machine that has them; those of 4 and 8 are met in most tests. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DW_AT } from "../../src/dwarf/constants/attribute.ts";
import type { Dwarf } from "../../src/dwarf/dwarf.ts";
import { LineRows } from "../../src/dwarf/read/line/program.ts";
import { unitLineHeader } from "../../src/dwarf/read/line/unit.ts";
import { locationList } from "../../src/dwarf/read/list/location.ts";
import { RangeCursor } from "../../src/dwarf/read/list/range.ts";
import { unitBases } from "../../src/dwarf/read/unit/addr-table.ts";
import { openDwarf, printedAttributes, printedAttributesIn, printedBounds } from "./read/location-objects.ts";

const SOURCE = `
struct pair { int a, b; };
struct pair table[3];
int other(int, const void *);
static inline int inner(int a, int b) { int c = other(a, &table[b & 1]); if (c > 3) c += other(c, 0); return c * 2; }
int first(int a, int b) {
  struct pair v = { a, b };
  int r = 0;
  for (int i = 0; i < a; i++) { v.a += i; r += inner(v.a, v.b); }
  return r + v.b;
}
__attribute__((section(".text.cold"))) int second(int n) { return inner(n * 3, n); }
`;

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-sizes-"));
  writeFileSync(join(scratch, "a.c"), SOURCE);
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** A program of the MSP430, at addresses that it has. */
function program(version: number): string {
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: scratch, stdio: "pipe" });
  run("clang", "--target=msp430", "-g", `-gdwarf-${version}`, "-O2", "-c", "a.c", "-o", "a.o");
  const places = ["--image-base=0", "-z", "max-page-size=16", "-Ttext=0x4400", "-Tdata=0x9000"];
  run("ld.lld", "-e", "0", ...places, "--unresolved-symbols=ignore-all", "a.o", "-o", "a");
  return join(scratch, "a");
}

/** Addresses, and bounds of ranges and locations, by entry and attribute. */
function found(dwarf: Dwarf): string[] {
  const lines: string[] = [];
  for (const unit of dwarf.units()) {
    expect(unit.header.addressSize).toBe(2);
    const bases = unitBases(unit);
    const at = unit.entries();
    while (at.next()) {
      while (at.nextAttribute()) {
        const add = (text: string) => lines.push(`${at.offset} ${at.attribute} ${text}`);
        if (at.attribute === DW_AT.DW_AT_low_pc) add(String(bases.address(at.form, at.valueOffset, at.low)));
        const isRanges = at.attribute === DW_AT.DW_AT_ranges;
        const list = isRanges
          ? new RangeCursor(bases, bases.rangeOffset(at.form, at.low))
          : at.attribute === DW_AT.DW_AT_location
            ? locationList(unit, at)
            : undefined;
        while (list?.next() === true) {
          list.finalBounds();
          add(`${list.begin} ${list.end}`);
          expect([list.begin.resolve(), list.end.resolve()]).toEqual(
            [list.beginLow, list.endLow].map(BigInt),
          );
        }
      }
    }
  }
  return lines;
}

describe.each([4, 5])("DWARF %i", (version) => {
  test("has the addresses and ranges that llvm-dwarfdump prints", () => {
    const path = program(version);
    const ours = found(openDwarf(path)).filter((line) => !/^\d+ 2 /.test(line));
    // It fails on lists of locations before DWARF 5 whose addresses have 2 bytes, and prints everything else.
    const { stdout } = spawnSync("llvm-dwarfdump", ["-v", "--debug-info", path], { encoding: "utf8" });
    const expected = printedAttributesIn(stdout).flatMap(({ entry, name, text }) => {
      if (name === "DW_AT_low_pc") {
        const [, address = "0"] = /0x0*([0-9a-f]+)\)?(?: ".*")?$/.exec(text) ?? [];
        return [`${entry} ${DW_AT.DW_AT_low_pc} 0x${address}`];
      }
      if (name !== "DW_AT_ranges") return [];
      return printedBounds(text).map((bounds) => `${entry} ${DW_AT.DW_AT_ranges} ${bounds}`);
    });
    expect(expected.length).toBeGreaterThan(8);
    expect(ours).toEqual(expected);
  });

  test("has the locations that readelf or llvm-dwarfdump prints", () => {
    const path = program(version);
    const ours = found(openDwarf(path))
      .filter((line) => /^\d+ 2 /.test(line))
      .map((line) => line.replace(/^\d+ 2 /, ""));
    const expected = version === 4 ? readelfLocations(path) : llvmLocations(path);
    expect(ours.length).toBeGreaterThan(10);
    expect(ours.sort()).toEqual(expected.sort());
  });

  test("has the rows that llvm-dwarfdump prints", () => {
    const path = program(version);
    const { stdout } = spawnSync("llvm-dwarfdump", ["--debug-line", path], { encoding: "utf8" });
    const expected = [...stdout.matchAll(/^0x0*([0-9a-f]+) +(\d+) +(\d+) /gm)].map(
      ([, address, line, column]) => `0x${address} ${line} ${column}`,
    );
    const ours = Array.from(openDwarf(path).units()).flatMap((unit) => {
      const header = unitLineHeader(unit);
      const rows = header && new LineRows(header);
      const lines: string[] = [];
      while (rows?.next() === true) lines.push(`${rows.address()} ${rows.line} ${rows.column}`);
      return lines;
    });
    expect(ours.length).toBeGreaterThan(10);
    expect(ours).toEqual(expected);
  });
});

/** readelf 2.40 does not print those of DWARF 5 with addresses of 2 bytes. */
function readelfLocations(path: string): string[] {
  const printed = execFileSync("readelf", ["-wo", path], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return [...printed.matchAll(/^ +[0-9a-f]{8} ([0-9a-f]+) ([0-9a-f]+) \(DW_OP/gm)].map(([, begin, end]) =>
    [begin, end].map((bound) => `0x${Number.parseInt(bound ?? "", 16).toString(16)}`).join(" "),
  );
}

function llvmLocations(path: string): string[] {
  const attributes = printedAttributes(path).filter(({ name }) => name === "DW_AT_location");
  return attributes.flatMap(({ text }) => printedBounds(text));
}
