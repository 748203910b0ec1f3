/** Rows and headers of line programs, against what llvm-dwarfdump and readelf print of the same objects. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LineHeader } from "../../../src/dwarf/read/line/header.ts";
import type { LineRows } from "../../../src/dwarf/read/line/program.ts";
import { type LlvmProgram, llvmPrograms, readelfRows } from "./line-oracles.ts";
import { flatAddress, lineHeaders, mapRows, openElf } from "./line-support.ts";

const C = `
#include "a.h"
int sum(int *p, int n) { int r = 0;
  for (int i = 0; i < n; i++)
    r += p[i] > 3 ? square(p[i]) : 1;
  return r; }
__attribute__((section(".init.text"))) int start(int n) {
  return n > 2 ? sum(&n, 1) : 7; }
__attribute__((noinline)) static long far(long a) { switch (a) { case 1: return 5; case 2: return a * 7; } return 0; }
#line 70000 "generated.y"
long last(long a) { return far(a) + far(a + 1);
}
`;
const CPP = `
template <class T> struct box { T v; box(T x) : v(x) {} T get() const { return v; } ~box() { v = T(); } };
struct base { virtual ~base() {} virtual int f() { return 1; } };
struct derived : base { int f() override { box<long> b(3); auto g = [&](int x) { return x + b.get(); }; return g(2); } };
int use(base &b) { try { return b.f(); } catch (int e) { return e; } }
int both() { derived d; return use(d) + box<int>(4).get(); }
`;

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-line-"));
  writeFileSync(join(scratch, "a.c"), C);
  writeFileSync(join(scratch, "a.h"), "static inline int square(int x) {\n  return x * x;\n}\n");
  writeFileSync(join(scratch, "b.cc"), CPP);
});
afterAll(() => rmSync(scratch, { recursive: true }));

function compile(compiler: string, source: string, options: readonly string[]): string {
  const object = join(scratch, "out.o");
  execFileSync(compiler, ["-g", ...options, "-c", source, "-o", object], { cwd: scratch });
  return object;
}

const FORMATS = ["-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5"];
const SHAPES: [source: string, ...options: string[]][] = [
  ["a.c", "-O0"],
  ["a.c", "-O2", "-ffunction-sections"],
  ["b.cc", "-O0"],
  ["a.c", "-O2", "-gdwarf64"],
];
const BUILDS = [
  ...["gcc", "clang"].flatMap((compiler) =>
    FORMATS.flatMap((format) =>
      SHAPES.map(([source, ...shape]) => ({ compiler, source, options: [format, ...shape] })),
    ),
  ),
  { compiler: "clang", source: "a.c", options: ["-gdwarf-5", "-gembed-source"] },
  { compiler: "gcc", source: "b.cc", options: ["-gdwarf-5", "-fdebug-types-section", "-gsplit-dwarf"] },
  { compiler: "gcc", source: "a.c", options: ["-gdwarf-5", "-O2", "-m32"] },
  // clang 14 writes the 64-bit format from DWARF 3 on.
].filter(({ options }) => !(options.includes("-gdwarf-2") && options.includes("-gdwarf64")));

describe.each(BUILDS)("$compiler $source $options", ({ compiler, source, options }) => {
  test("has the headers, files and rows that llvm-dwarfdump prints", () => {
    const object = compile(compiler, source, options);
    const expected = llvmPrograms(object);
    expect(expected.flatMap(({ rows }) => rows).length).toBeGreaterThan(10);
    expect(lineHeaders(openElf(object)).map(ourProgram)).toEqual(expected);
  });
});

test.each([
  ["gcc", "-O2", "-gdwarf-5"],
  ["gcc", "-O0", "-gdwarf-2"],
  ["clang", "-O2", "-gdwarf-5", "-gdwarf64"],
])("has the rows that readelf prints: %s %s %s", (compiler, ...options) => {
  const object = compile(compiler, "a.c", options);
  const expected = readelfRows(object);
  expect(expected.length).toBeGreaterThan(20);
  expect(lineHeaders(openElf(object)).flatMap((header) => mapRows(header, readelfRow))).toEqual(expected);
});

test("the files of split type units are those that llvm-dwarfdump prints", () => {
  const options = ["-gdwarf-5", "-gsplit-dwarf", "-fdebug-types-section"];
  const split = compile("gcc", "b.cc", options).replace(/\.o$/, ".dwo");
  const expected = llvmPrograms(split);
  expect(Object.keys(expected[0]?.files ?? {}).length).toBeGreaterThan(0);
  expect(lineHeaders(openElf(split)).map(ourProgram)).toEqual(expected);
});

const TARGETS = [
  "aarch64-linux-gnu",
  "aarch64_be-linux-gnu",
  "armv7-linux-gnueabi",
  "i686-linux-gnu",
  "mips-linux-gnu",
  "mips64-linux-gnuabi64",
  "powerpc64-linux-gnu",
  "powerpc64le-linux-gnu",
  "riscv32-linux-gnu",
  "riscv64-linux-gnu",
  "s390x-linux-gnu",
];

test.each(TARGETS)("has the rows that llvm-dwarfdump prints for %s", (target) => {
  for (const format of ["-gdwarf-4", "-gdwarf-5"]) {
    const object = compile("clang", "a.c", [`--target=${target}`, "-O1", format]);
    const expected = llvmPrograms(object);
    expect(expected.flatMap(({ rows }) => rows).length).toBeGreaterThan(10);
    expect(lineHeaders(openElf(object)).map(ourProgram)).toEqual(expected);
  }
});

test("the advances of code that a linker may shorten come from relocations", () => {
  const object = compile("clang", "a.c", ["--target=riscv64-linux-gnu", "-mrelax", "-O0"]);
  const headers = lineHeaders(openElf(object));
  expect(headers.map(ourProgram)).toEqual(llvmPrograms(object));
});

/** A program in the form of llvm-dwarfdump. */
function ourProgram(header: LineHeader): LlvmProgram {
  const { firstFile, version } = header;
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + firstFile);
  const fields: LlvmProgram["fields"] = {
    total_length: header.end - header.offset - (header.offsetSize === 8 ? 12 : 4),
    format: header.offsetSize === 8 ? "DWARF64" : "DWARF32",
    version,
    prologue_length:
      header.program -
      header.offset -
      (header.offsetSize === 8 ? 12 : 4) -
      2 -
      (version >= 5 ? 2 : 0) -
      header.offsetSize,
    min_inst_length: header.minimumInstructionLength,
    default_is_stmt: header.defaultIsStmt ? 1 : 0,
    line_base: header.lineBase,
    line_range: header.lineRange,
    opcode_base: header.opcodeBase,
    ...(version >= 4 ? { max_ops_per_inst: header.maximumOperations } : {}),
    ...(version >= 5
      ? { address_size: header.addressSize ?? 0, seg_select_size: header.segmentSelectorSize }
      : {}),
  };
  return {
    offset: header.offset,
    fields,
    lengths: [...header.standardOpcodeLengths],
    directories: Object.fromEntries(
      numbers(header.directoryCount).map((number) => [number, header.directory(number) ?? ""]),
    ),
    files: Object.fromEntries(
      numbers(header.fileCount).map((number) => {
        const file = header.file(number);
        const md5 = file?.md5 === undefined ? undefined : Buffer.from(file.md5).toString("hex");
        const { path = "", directory = 0, timestamp, size } = file ?? {};
        return [number, { path, directory, timestamp, size, md5, source: file?.source }];
      }),
    ),
    rows: mapRows(header, llvmRow),
  };
}

function llvmRow(row: LineRows): string {
  const flags = [
    row.isStmt ? "is_stmt" : "",
    row.basicBlock ? "basic_block" : "",
    row.prologueEnd ? "prologue_end" : "",
    row.epilogueBegin ? "epilogue_begin" : "",
    row.endSequence ? "end_sequence" : "",
  ].filter((flag) => flag !== "");
  return [
    flatAddress(row.address()),
    row.line,
    row.column,
    row.file,
    row.isa,
    row.discriminator,
    flags.join(" "),
  ]
    .join(" ")
    .trimEnd();
}

function readelfRow(row: LineRows): string {
  const line = row.endSequence ? "-" : row.line;
  return `${flatAddress(row.address())} ${row.opIndex} ${line}${row.isStmt && !row.endSequence ? " x" : ""}`;
}
