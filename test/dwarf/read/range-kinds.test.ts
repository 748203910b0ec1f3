/** Lists with entries of all kinds, which compilers do not make; what is asked of a pc; lists that are damaged. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attributeName, DW_AT } from "../../../src/dwarf/constants/attribute.ts";
import { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { expressionText } from "../../../src/dwarf/read/expression/text.ts";
import { locations } from "../../../src/dwarf/read/list/location.ts";
import {
  addressRanges,
  entryRanges,
  hasPc,
  pcBounds,
  rangeList,
} from "../../../src/dwarf/read/list/range.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { DwarfError, RelocationRequiredError } from "../../../src/errors.ts";
import { compile, openDwarf, printedAttributes, printedBounds } from "./location-objects.ts";

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-lists-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** A unit at .text+0x40, with a table of four addresses, and one entry with each list. */
function assemble(version: 4 | 5, ranges: string, places: string): string {
  const header = (end: string): string => (version === 5 ? `.4byte ${end}-.-4\n.2byte 5\n.byte 8,0\n` : "");
  const form = version === 5 ? [0x23, 0x22] : [0x17, 0x17];
  const at = version === 5 ? "0" : "ranges";
  const where = version === 5 ? "0" : "places";
  const source = `
.text
.zero 0x100
.section .text.cold,"ax"
.zero 0x100
.section .debug_abbrev
.uleb128 1\n.uleb128 0x11\n.byte 1\n.uleb128 0x11\n.uleb128 1
${version === 5 ? ".uleb128 0x73\n.uleb128 0x17\n.uleb128 0x74\n.uleb128 0x17\n.uleb128 0x8c\n.uleb128 0x17" : ""}
.uleb128 0\n.uleb128 0
.uleb128 2\n.uleb128 0x34\n.byte 0\n.uleb128 0x55\n.uleb128 ${form[0]}\n.uleb128 2\n.uleb128 ${form[1]}\n.uleb128 0\n.uleb128 0
.byte 0
.section .debug_info
.4byte 9f-8f
8: .2byte ${version}
${version === 5 ? ".byte 1, 8\n.4byte 0" : ".4byte 0\n.byte 8"}
.uleb128 1\n.8byte .text+0x40
${version === 5 ? ".4byte addresses\n.4byte rangeoffsets\n.4byte placeoffsets" : ""}
.uleb128 2
${version === 5 ? `.uleb128 ${at}\n.uleb128 ${where}` : `.4byte ${at}\n.4byte ${where}`}
.byte 0
9:
.section .debug_addr
${header("addressend")}
addresses: .8byte .text+0x10, .text+0x20, .text.cold+0x30, .text.cold+0x50
addressend:
.section ${version === 5 ? ".debug_rnglists" : ".debug_ranges"}
${header("rangeend")}
${version === 5 ? ".4byte 1\nrangeoffsets: .4byte ranges-rangeoffsets" : ".8byte 0,0"}
ranges:
${ranges}
rangeend:
.section ${version === 5 ? ".debug_loclists" : ".debug_loc"}
${header("placeend")}
${version === 5 ? ".4byte 1\nplaceoffsets: .4byte places-placeoffsets" : ".8byte 0,0"}
places:
${places}
placeend:
`;
  const object = join(scratch, "lists.o");
  execFileSync("as", ["-o", object], { input: source });
  return object;
}

/** All kinds of DWARF 5 but the end, by number in `.debug_rnglists`: 16 is put in for what follows in a location list. */
const RANGES = `
.byte 4\n.uleb128 0x1, 0x2
.byte 1\n.uleb128 2
.byte 4\n.uleb128 0x8, 0x300
.byte 2\n.uleb128 0, 1
.byte 3\n.uleb128 3, 0x80
.byte 5\n.8byte .text+0x80
.byte 4\n.uleb128 0, 0x10
.byte 6\n.8byte .text.cold+1, .text.cold+4
.byte 7\n.8byte .text.cold+8\n.uleb128 8
.byte 0
`;
const BLOCK = ".uleb128 1\n.byte 0x50";
const PLACES = `
.byte 4\n.uleb128 0x1, 0x2\n${BLOCK}
.byte 1\n.uleb128 2
.byte 4\n.uleb128 0x8, 0x300\n${BLOCK}
.byte 2\n.uleb128 0, 1\n${BLOCK}
.byte 3\n.uleb128 3, 0x80\n${BLOCK}
.byte 6\n.8byte .text+0x80
.byte 4\n.uleb128 0, 0x10\n${BLOCK}
.byte 7\n.8byte .text.cold+1, .text.cold+4\n${BLOCK}
.byte 8\n.8byte .text.cold+8\n.uleb128 8\n${BLOCK}
.byte 5\n.uleb128 1\n.byte 0x51
.byte 0
`;
const PAIRS = (block: string): string => `
.8byte 1, 2\n${block}
.8byte -1, .text.cold+0x30
.8byte 8, 0x300\n${block}
.8byte -1, 0
.8byte .text.cold+1, .text.cold+4\n${block}
.8byte .text, .text\n${block}
.8byte .text+8, .text+9\n${block}
.8byte 0, 0
`;

function listed(object: string): { ranges: string[]; places: string[] } {
  const found = { ranges: [] as string[], places: [] as string[] };
  for (const unit of openDwarf(object).units()) {
    const entry = unit.entries();
    while (entry.next()) {
      for (const { begin, end } of entryRanges(unit, entry)) found.ranges.push(`${begin} ${end}`);
      while (entry.nextAttribute()) {
        if (entry.attribute !== DW_AT.DW_AT_location) continue;
        for (const { begin, end, expression } of locations(unit, entry)) {
          found.places.push(`${begin} ${end} ${expressionText(expression, { like: "llvm" })}`);
        }
      }
    }
  }
  return found;
}

describe("entries of all kinds", () => {
  test("of DWARF 5 have the bounds that llvm-dwarfdump prints", () => {
    const object = assemble(5, RANGES, PLACES);
    const { ranges, places } = listed(object);
    const printed = printedAttributes(object);
    const text = (attribute: string): string => printed.find(({ name }) => name === attribute)?.text ?? "";
    expect(ranges).toHaveLength(7);
    expect(ranges).toEqual(printedBounds(text("DW_AT_ranges")));
    expect(places.slice(0, -1)).toEqual(
      printedBounds(text("DW_AT_location")).map((line) => `${line} DW_OP_reg0 RAX`),
    );
    expect(text("DW_AT_location")).toMatch(/<default>: DW_OP_reg1 RDX$/);
    expect(places.at(-1)).toBe("undefined undefined DW_OP_reg1 RDX");
  });

  test("of pairs count from the base in force; two relocated zeros are no end", () => {
    const object = assemble(4, PAIRS(""), PAIRS(".2byte 1\n.byte 0x50"));
    const absolute = [".text.cold+0x1 .text.cold+0x4", ".text+0x0 .text+0x0", ".text+0x8 .text+0x9"];
    const bounds = [".text+0x41 .text+0x42", ".text.cold+0x38 .text.cold+0x330", ...absolute];
    const { ranges, places } = listed(object);
    expect(ranges).toEqual(bounds);
    expect(places).toEqual(bounds.map((line) => `${line} DW_OP_reg0 RAX`));
  });

  test("of pairs that are relocatable, and count from a relocatable base, are refused with their place", () => {
    const object = assemble(4, ".8byte .text+1, .text+2\n.8byte 0,0", ".8byte 0,0");
    const [unit] = openDwarf(object).units();
    const list = unit && rangeList(unit, { offset: unit.header.entries + 9 });
    expect(list?.next()).toBe(true);
    const place = expect.objectContaining({ section: ".debug_ranges", offset: 16 });
    const refusal = expect.objectContaining({ code: "DWARF_BAD_RELOCATION", place });
    expect(() => list?.begin.info()).toThrow(refusal);
  });
});

test("a pc is looked for by section and offset, and final addresses need a resolver", () => {
  const object = compile(
    scratch,
    { compiler: "gcc", options: ["-gdwarf-5", "-O2", "-ffunction-sections"] },
    "pc.o",
  );
  const functions = [...openDwarf(object).units()].flatMap((unit) => {
    const found = [];
    const entry = unit.entries();
    while (entry.next()) {
      const bounds = pcBounds(unit, entry);
      if (entry.depth === 1 && bounds?.high !== undefined)
        found.push({ unit, entry: { offset: entry.offset }, bounds });
    }
    return found;
  });
  expect(functions.length).toBe(4);
  for (const { unit, entry, bounds } of functions) {
    // All functions begin at 0 of a section of their own.
    const holders = functions.filter((other) => hasPc(other.unit, other.entry, bounds.low));
    expect(holders.map((other) => other.entry)).toEqual([entry]);
    expect(hasPc(unit, entry, bounds.low.plus(1n))).toBe(true);
    expect(hasPc(unit, entry, bounds.high ?? bounds.low)).toBe(false);
    expect(hasPc(unit, entry, bounds.low.plus(-1n))).toBe(false);
    expect(() => [...addressRanges(unit, entry)]).toThrow(RelocationRequiredError);
  }
});

test("damaged lists and expressions are refused, or read within bounds", () => {
  const objects = [
    readFileSync(assemble(5, RANGES, PLACES)),
    readFileSync(assemble(4, PAIRS(""), PAIRS(".2byte 1\n.byte 0x50"))),
    readFileSync(compile(scratch, { compiler: "gcc", options: ["-gdwarf-5", "-O2"] }, "f5.o")),
  ];
  let seed = 20261121;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  const codes = new Map<string, number>();
  for (let round = 0; round < 300; round++) {
    const original = objects[round % objects.length] ?? new Uint8Array();
    const damaged = Uint8Array.from(original);
    const { sections } = ElfFile.open(original, { name: "whole" });
    const targets = sections.filter(({ name }) =>
      /^\.debug_(ranges|rnglists|loc|loclists|addr|info)$/.test(name),
    );
    for (let i = 0; i < 6; i++) {
      const target = targets[random(targets.length)];
      if (target !== undefined && target.size > 0) damaged[target.offset + random(target.size)] = random(256);
    }
    const code = readAll(damaged);
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  expect(codes.size).toBeGreaterThan(3);
  expect(codes.get("none")).toBeGreaterThan(10);
});

/** Reads everything there is. @returns the code of the first refusal */
function readAll(file: Uint8Array): string {
  let code = "none";
  const attempt = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      if (!(error instanceof DwarfError)) throw error;
      if (code === "none") code = error.code;
    }
  };
  attempt(() => {
    for (const unit of Dwarf.open(ElfFile.open(file, { name: "damaged" })).units()) {
      const entry = unit.entries();
      while (entry.next()) {
        attempt(() => {
          for (const { begin, end } of entryRanges(unit, entry)) `${begin} ${end}`.trim();
        });
        while (entry.nextAttribute()) {
          if (!/location|value|frame_base/.test(attributeName(entry.attribute))) continue;
          attempt(() => {
            for (const { begin, end, expression } of locations(unit, entry)) {
              `${begin} ${end} ${expressionText(expression, { like: "readelf", address: String })}`.trim();
            }
          });
        }
      }
    }
  });
  return code;
}
