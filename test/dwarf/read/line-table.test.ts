/** Look-ups in line tables: every byte of every section, against what eu-readelf and llvm-symbolizer say. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LineTable } from "../../../src/dwarf/read/line/table.ts";
import { SHF } from "../../../src/elf/constants/section.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { DwarfError, ElfError, RelocationRequiredError } from "../../../src/errors.ts";
import { mutate } from "../../support/elf-mutate.ts";
import { Random } from "../../support/elf-random.ts";
import { type EuRow, euRows, run } from "./line-oracles.ts";
import { lineHeaders, openElf } from "./line-support.ts";

/** A kernel module in small: code of two sections that both begin at 0. */
const MODULE = `
#define __init __attribute__((section(".init.text")))
#define __exit __attribute__((section(".exit.text")))
static inline int square(int x) { return x * x; }
int sum(int *p, int n) { int r = 0;
  for (int i = 0; i < n; i++)
    r += p[i] > 3 ? square(p[i]) : 1;
  return r; }
__init int init_module(void) {
  int a[3] = { 1, 2, 5 };
  return sum(a, 3) + square(a[1]); }
__exit void cleanup_module(void) {
  int a[1] = { 4 };
  sum(a, 1); }
`;

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-line-"));
  writeFileSync(join(scratch, "mod.c"), MODULE);
  writeFileSync(
    join(scratch, "other.c"),
    "extern int sum(int *, int);\nint main(void) {\n  int a = 3;\n  return sum(&a, 1);\n}\n",
  );
});
afterAll(() => rmSync(scratch, { recursive: true }));

function compile(compiler: string, options: readonly string[], source = "mod.c"): string {
  const object = join(scratch, `${source}.o`);
  execFileSync(compiler, ["-g", ...options, "-c", join(scratch, source), "-o", object], { cwd: scratch });
  return object;
}

function tables(elf: ElfFile): LineTable[] {
  return lineHeaders(elf).map((header) => LineTable.build(header));
}

/** What the tables say of a place: `path:line:column`. */
function lookUp(
  among: readonly LineTable[],
  section: number | undefined,
  offset: number,
): string | undefined {
  for (const table of among) {
    const found = table.find(section, BigInt(offset));
    if (found < 0) continue;
    const { file, line, column } = table.row(found);
    return `${table.header.path(file, scratch)}:${line}:${column}`;
  }
  return undefined;
}

/** The same by the rows of eu-readelf, which ends a sequence with its last byte. */
function expectedAt(rows: readonly EuRow[], section: string, offset: number): string | undefined {
  let found: string | undefined;
  rows.forEach((row, i) => {
    const next = rows[i + 1];
    if (row.end || next === undefined || row.section !== section) return;
    const end = next.end ? next.offset + 1 : next.offset;
    if (row.offset <= offset && offset < end) found = `${row.path}:${row.line}:${row.column}`;
  });
  return found;
}

const BUILDS = [
  ["gcc", "-O2", "-gdwarf-5"],
  ["gcc", "-O0", "-gdwarf-2"],
  ["gcc", "-O2", "-ffunction-sections", "-gdwarf-4"],
  ["clang", "-O1", "-gdwarf-5"],
  ["clang", "-O0", "-ffunction-sections", "-gdwarf-4", "-gdwarf64"],
  ["clang", "-O1", "-gdwarf-5", "--target=s390x-linux-gnu"],
  ["clang", "-O1", "-gdwarf-4", "--target=aarch64-linux-gnu"],
];

describe.each(BUILDS)("%s %s %s %s", (compiler = "", ...options) => {
  test("each byte of each section has the line that eu-readelf says, and no other section's", () => {
    const path = compile(compiler, options);
    const elf = openElf(path);
    const among = tables(elf);
    const rows = euRows(path);
    const code = elf.sections.filter(({ flags }) => (flags & SHF.SHF_EXECINSTR) !== 0);
    expect(
      code.filter(({ name }) => name.startsWith(".init.text") || name.startsWith(".text")).length,
    ).toBeGreaterThan(1);
    let answers = 0;
    for (const { index, name, size } of code) {
      for (let offset = 0; offset < size + 16; offset++) {
        const expected = expectedAt(rows, name, offset);
        const found = lookUp(among, index, offset);
        if (found !== undefined) answers++;
        expect(found, `${name}+${offset}`).toBe(expected);
      }
    }
    expect(answers).toBeGreaterThan(50);
    // Data has no lines, nor has a place that is no section's.
    expect(lookUp(among, elf.sectionsNamed(".data")[0]?.index, 0)).toBeUndefined();
    expect(lookUp(among, undefined, 0)).toBeUndefined();
  });
});

describe.each(["gcc", "clang"])("a relative directory of the compilation, as %s writes it", (compiler) => {
  test.each(["-gdwarf-4", "-gdwarf-5"])("stands once in paths: %s", (format) => {
    const object = join(scratch, "mapped.o");
    const map = `-ffile-prefix-map=${scratch}=some/where`;
    execFileSync(compiler, ["-g", format, map, "-c", "mod.c", "-o", object], { cwd: scratch });
    const [header] = lineHeaders(openElf(object));
    const printed = run("llvm-symbolizer", [`--obj=${object}`, "0"]).split("\n")[1] ?? "";
    // In DWARF 5 the file is in directory 0, which LLVM 14 takes for one below itself.
    const expected = printed.replace("some/where/some/where", "some/where").replace(/:\d+:\d+$/, "");
    expect(expected).toBe("some/where/mod.c");
    expect(header?.path(header.firstFile, "some/where")).toBe(expected);
  });
});

test("objects merged into one relocatable file answer each for its part", () => {
  const merged = join(scratch, "merged.o");
  const parts = [compile("gcc", ["-O2"]), compile("gcc", ["-O0"], "other.c")];
  execFileSync("ld", ["-r", "-o", merged, ...parts]);
  const elf = openElf(merged);
  const among = tables(elf);
  expect(among).toHaveLength(2);
  const rows = euRows(merged);
  for (const name of [".text", ".init.text", ".exit.text", ".text.startup"]) {
    const section = elf.sectionsNamed(name)[0];
    for (let offset = 0; offset < (section?.size ?? 0); offset++) {
      expect(lookUp(among, section?.index, offset), `${name}+${offset}`).toBe(expectedAt(rows, name, offset));
    }
  }
});

test("addresses of a program have the lines that llvm-symbolizer says", () => {
  const program = join(scratch, "program");
  const parts = [compile("gcc", ["-O2"]), compile("clang", ["-O0", "-gdwarf-4"], "other.c")];
  execFileSync("gcc", ["-o", program, ...parts]);
  const elf = openElf(program);
  const among = tables(elf);
  const text = elf.sectionsNamed(".text")[0];
  const addresses = Array.from({ length: text?.size ?? 0 }, (_, i) => Number(text?.addr ?? 0n) + i);
  const printed = run(
    "llvm-symbolizer",
    [`--obj=${program}`, "--no-inlines", "--functions=none"],
    addresses.map((one) => `0x${one.toString(16)}\n`).join(""),
  );
  const expected = printed.trim().split(/\n+/);
  const found = addresses.map((one) => lookUp(among, undefined, one) ?? "??:0:0");
  expect(found).toEqual(expected);
  expect(new Set(found).size).toBeGreaterThan(8);
});

test("rows of a line are those that have its number", () => {
  const [table] = tables(openElf(compile("gcc", ["-O2"])));
  expect(table).toBeDefined();
  if (table === undefined) return;
  const { lines, files, flags, count } = table.rows;
  const found = table.findLine(1, 7);
  expect(found.length).toBeGreaterThan(1);
  const all = Array.from({ length: count }, (_, row) => row);
  expect(found).toEqual(
    all.filter((row) => lines[row] === 7 && files[row] === 1 && ((flags[row] ?? 0) & 4) === 0),
  );
});

test("addresses wait for relocation: symbol and addend, or a final address through a resolver", () => {
  const elf = openElf(compile("gcc", ["-O2"]));
  const [table] = tables(elf);
  const section = elf.sectionsNamed(".init.text")[0];
  expect(table).toBeDefined();
  if (table === undefined || section === undefined) return;
  const row = table.find(section.index, 5n);
  const { address } = table.row(row);
  expect(address.info()).toMatchObject({ target: { sectionName: ".init.text" } });
  expect(address.toString()).toMatch(/^\.init\.text\+0x[0-5]$/);
  expect(table.findRelocatable(address.plus(5n - address.place().offset))).toBe(row);
  const nowhere = { sectionAddress: () => undefined, symbolAddress: () => undefined };
  expect(() => address.resolve(nowhere)).toThrow(RelocationRequiredError);
  const somewhere = {
    ...nowhere,
    sectionAddress: (_: ElfFile, index: number) =>
      index === section.index ? 0xffff_ffff_c000_0000n : undefined,
  };
  expect(address.resolve(somewhere)).toBe(0xffff_ffff_c000_0000n + address.place().offset);
  expect(() => table.row(table.rows.count)).toThrow(RangeError);
});

test("gives rows or an error with a place for thousands of damaged programs", () => {
  const CASES = 1500;
  const images = [
    ["gcc", "-O2", "-gdwarf-4"],
    ["clang", "-O1", "-gdwarf-5", "-gembed-source"],
    ["clang", "--target=s390x-linux-gnu", "-gdwarf-5", "-gdwarf64"],
    ["clang", "--target=riscv64-linux-gnu", "-mrelax", "-gdwarf-5"],
  ].map(([compiler = "", ...options]) => readFileSync(compile(compiler, options)));
  let refused = 0;
  images.forEach((image, which) => {
    const places = [".debug_line", ".debug_line", ".rela.debug_line", ".debug_line_str"].flatMap((name) =>
      ElfFile.open(image).sectionsNamed(name),
    );
    for (let seed = 0; seed < CASES; seed++) {
      const random = new Random(which * CASES + seed);
      const { offset, size } = random.pick(places);
      const damaged = mutate(image, random, offset, offset + size);
      try {
        readAll(damaged);
      } catch (error) {
        if (!(error instanceof DwarfError || error instanceof ElfError)) {
          throw new Error(`image ${which}, seed ${seed}`, { cause: error });
        }
        expect(error.place.section ?? error.place.file, `image ${which}, seed ${seed}`).toBeDefined();
        refused++;
      }
    }
  });
  expect(refused).toBeGreaterThan(CASES);
});

/** Everything there is to read of the line programs of a file. */
function readAll(bytes: Uint8Array): void {
  for (const table of tables(ElfFile.open(bytes, { name: "damaged.o" }))) {
    const { header, rows } = table;
    // Each row takes a byte at least.
    expect(rows.count).toBeLessThanOrEqual(header.end - header.program);
    for (let i = 0; i < rows.count; i++) table.row(i);
    for (let i = 0; i < header.fileCount; i++) header.path(i + header.firstFile);
    for (let section = 0; section < 8; section++) table.find(section, 0x10n);
    table.find(undefined, 0n);
  }
}
