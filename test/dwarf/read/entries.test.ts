/** Entries and attribute values, against what readelf prints of the same objects. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attributeName } from "../../../src/dwarf/constants/attribute.ts";
import { DW_FORM, formName } from "../../../src/dwarf/constants/form.ts";
import { tagName } from "../../../src/dwarf/constants/tag.ts";
import { Dwarf, type DwarfUnit } from "../../../src/dwarf/dwarf.ts";
import type { EntryCursor } from "../../../src/dwarf/read/entry/cursor.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { readelfEntries } from "./readelf-info.ts";

const SOURCE = `
struct node { int a; char b[3]; struct node *next; unsigned bits : 3; };
enum color { RED = -1, GREEN = 70000, BLUE = 0x7fffffff };
static int global;
__thread int local;
long long big = 0x123456789abcdefLL;
int sum(struct node *p, int n) { int r = 0; for (int i = 0; i < n; i++) { r += p->a; p = p->next; } return r + global; }
static inline int square(int x) { return x * x; }
enum color pick(int x) { return square(x) + square(x + 1) > 3 ? GREEN : RED; }
`;

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-dwarf-"));
  writeFileSync(join(scratch, "a.c"), SOURCE);
});
afterAll(() => rmSync(scratch, { recursive: true }));

const COMPILERS = ["gcc", "clang"];
const FORMATS = ["-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5"];
const SHAPES = [["-O0"], ["-O2"], ["-O2", "-fdebug-types-section"], ["-O1", "-gdwarf64"]];
const BUILDS = COMPILERS.flatMap(
  (compiler) =>
    FORMATS.flatMap((format) => SHAPES.map((shape) => ({ compiler, options: [format, ...shape] }))),
  // clang 14 writes the 64-bit format from DWARF 3 on, and type units from DWARF 4 on.
).filter(({ options }) => !(options.includes("-gdwarf-2") && options.includes("-gdwarf64")));

describe.each(BUILDS)("$compiler $options", ({ compiler, options }) => {
  test("has the entries that readelf prints, with the same values", () => {
    const object = join(scratch, "a.o");
    execFileSync(compiler, ["-g", ...options, "-c", join(scratch, "a.c"), "-o", object], { cwd: scratch });
    const expected = readelfEntries(object);
    expect(expected.length).toBeGreaterThan(20);
    const ours = ourEntries(object);
    // readelf takes the sections as they lie in the file, type units before the rest.
    expect(ours.map(shape).sort()).toEqual(expected.map(shape).sort());
    expect(values(ours, expected)).toEqual(values(expected, expected));
  });

  test("has the same entries and values in batches", () => {
    const object = join(scratch, "c.o");
    execFileSync(compiler, ["-g", ...options, "-c", join(scratch, "a.c"), "-o", object], { cwd: scratch });
    const dwarf = Dwarf.open(ElfFile.open(readFileSync(object)));
    for (const unit of dwarf.units()) {
      const at = unit.entries();
      const batch = unit.batch();
      while (batch.fill() > 0) {
        for (let entry = 0; entry < batch.count; entry++) {
          expect(at.next()).toBe(true);
          const declaration = batch.declarations[entry] ?? -1;
          expect([batch.offsets[entry], batch.depths[entry], batch.abbrevs.tags[declaration]]).toEqual([
            at.offset,
            at.depth,
            at.tag,
          ]);
          for (
            let value = batch.firstValues[entry] ?? 0;
            value < (batch.firstValues[entry + 1] ?? 0);
            value++
          ) {
            expect(at.nextAttribute()).toBe(true);
            expect([batch.lows[value], batch.highs[value]]).toEqual([at.low, at.high]);
          }
          expect(at.nextAttribute()).toBe(false);
        }
      }
      expect(at.next()).toBe(false);
    }
  });

  test("has the forms and strings that llvm-dwarfdump prints", () => {
    const object = join(scratch, "b.o");
    execFileSync(compiler, ["-g", ...options, "-c", join(scratch, "a.c"), "-o", object], { cwd: scratch });
    const printed = execFileSync("llvm-dwarfdump", ["-v", "--debug-info", "--debug-types", object], {
      encoding: "utf8",
    });
    const expected = [...printed.matchAll(/^\s+(DW_AT_\w+) \[(DW_FORM_\w+)[^\]]*\]\s*(.*)$/gm)].map(
      ([, name = "", form = "", text = ""]) =>
        [name, form, form.includes("str") ? /"(.*)"\)$/.exec(text)?.[1] : ""].join(" "),
    );
    expect(expected.length).toBeGreaterThan(50);
    const ours = ourEntries(object).flatMap(({ attributes }) =>
      attributes.map(({ name, form, text }) => [name, form, form.includes("str") ? text : ""].join(" ")),
    );
    expect(ours.sort()).toEqual(expected.sort());
  });
});

function shape(entry: {
  offset: number;
  depth: number;
  tag: string;
  attributes: { offset: number; name: string }[];
}): string {
  const attributes = entry.attributes.map(({ offset, name }) => `${offset.toString(16)} ${name}`);
  return [entry.offset.toString(16), entry.depth, entry.tag, ...attributes].join(" ");
}

/**
 * The values of `of`, where readelf has one to say. It has none of strings by index in the 64-bit format, of which it
 * reads the table wrongly, and prints expressions with DW_OP_addrx without their size.
 */
function values(of: { offset: number; attributes: { text: string }[] }[], readelf: typeof of): string[] {
  const key = (entry: (typeof of)[number]): string => `${entry.offset} ${entry.attributes.length}`;
  const said = new Map(readelf.map((entry) => [key(entry), entry]));
  return of
    .flatMap((entry) =>
      entry.attributes.flatMap(({ text }, index) => {
        const oracle = said.get(key(entry))?.attributes[index]?.text ?? "";
        return /index offset is too big|^\t\(DW_OP|^\(index/.test(oracle)
          ? []
          : [`${entry.offset.toString(16)} ${index} ${value(text)}`];
      }),
    )
    .sort();
}

test.each([
  ["gcc", "-gdwarf-4", "-gsplit-dwarf"],
  ["gcc", "-gdwarf-5", "-gsplit-dwarf"],
  ["clang", "-gdwarf-4", "-gsplit-dwarf"],
  ["clang", "-gdwarf-5", "-gsplit-dwarf=single"],
])("split units have the strings that llvm-dwarfdump prints: %s %s %s", (compiler, ...options) => {
  const object = join(scratch, "split.o");
  execFileSync(compiler, ["-g", ...options, "-c", join(scratch, "a.c"), "-o", object], { cwd: scratch });
  const single = options.includes("-gsplit-dwarf=single");
  for (const path of single ? [object] : [object, join(scratch, "split.dwo")]) {
    const printed = execFileSync("llvm-dwarfdump", ["-v", "--debug-info", path], { encoding: "utf8" });
    const expected = [...printed.matchAll(/(DW_AT_\w+) \[(DW_FORM_\w*str\w*)\].*"(.*)"\)$/gm)].map(
      ([, name, form, text]) => `${name} ${form} ${text}`,
    );
    expect(expected.length).toBeGreaterThan(path === object && !single ? 0 : 10);
    const ours = ourEntries(path).flatMap(({ attributes }) =>
      attributes
        .filter(({ form }) => form.includes("str"))
        .map(({ name, form, text }) => `${name} ${form} ${text}`),
    );
    expect(ours.sort()).toEqual(expected.sort());
  }
});

interface Entry {
  offset: number;
  depth: number;
  tag: string;
  attributes: { offset: number; name: string; form: string; text: string }[];
}

function ourEntries(path: string): Entry[] {
  const dwarf = Dwarf.open(ElfFile.open(readFileSync(path), { name: path }));
  const entries: Entry[] = [];
  for (const unit of dwarf.units()) {
    const at = unit.entries();
    while (at.next()) {
      const attributes: Entry["attributes"] = [];
      while (at.nextAttribute()) {
        const [offset, name, form] = [at.valueOffset, attributeName(at.attribute), formName(at.form)];
        attributes.push({ offset, name, form, text: ourValue(unit, at) });
      }
      entries.push({ offset: at.offset, depth: at.depth, tag: tagName(at.tag), attributes });
    }
  }
  return entries;
}

/** A value in the one spelling that both sides are brought to. */
function ourValue(unit: DwarfUnit, at: EntryCursor): string {
  const text = unit.dwarf.string(unit, at);
  if (text !== undefined) return text;
  switch (at.form) {
    case DW_FORM.DW_FORM_ref4:
    case DW_FORM.DW_FORM_ref8:
    case DW_FORM.DW_FORM_ref_addr:
      return String(at.low);
    case DW_FORM.DW_FORM_exprloc:
    case DW_FORM.DW_FORM_block1:
      return `${at.high} byte block`;
    case DW_FORM.DW_FORM_loclistx:
      // readelf prints no index.
      return "(location list)";
    case DW_FORM.DW_FORM_addr: {
      const { target, addend } = at.reader.address(at.valueOffset, unit.header.addressSize).info();
      return String(addend + (target?.symbol.value ?? 0n));
    }
    default:
      return String(at.constant);
  }
}

/** The value in what readelf prints: a string, the bytes of a block, the number of a reference or constant. */
function value(text: string): string {
  const indirect = /^\((?:indirect|alt indirect|indexed)[^)]*(?:\(.*?\))?[^)]*\): ?(.*)$/.exec(text);
  if (indirect !== null) return indirect[1] ?? "";
  const index = /^\(index: 0x([0-9a-f]+)\)/.exec(text);
  if (index !== null) return String(BigInt(`0x${index[1]}`));
  const block = /^(\d+) byte block/.exec(text);
  if (block !== null) return `${block[1]} byte block`;
  const reference = /^(?:<0x([0-9a-f]+)>|signature: 0x([0-9a-f]+))/.exec(text);
  if (reference !== null) return String(BigInt(`0x${reference[1] ?? reference[2]}`));
  const number = /^(-?(?:0x[0-9a-f]+|\d+))(?:\s|$)/.exec(text);
  return number === null ? text.trimEnd() : String(BigInt(number[1] ?? "0"));
}
