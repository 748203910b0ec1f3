/** Programs that no compiler here writes: the specification's example, VLIW machines, vendors' additions. */
import { describe, expect, test } from "vitest";
import type { LineHeader } from "../../../src/dwarf/read/line/header.ts";
import { LineTable } from "../../../src/dwarf/read/line/table.ts";
import { DwarfError } from "../../../src/errors.ts";
import { assembleData } from "../../support/assemble-data.ts";
import { llvmPrograms, readelfRows } from "./line-oracles.ts";
import { flatAddress, lineHeaders, mapRows, openElf } from "./line-support.ts";

interface Shape {
  version?: number;
  minimum?: number;
  operations?: number;
  base?: number;
  range?: number;
  lengths?: readonly number[];
  /** Directories and files, as assembly. */
  tables?: string;
}

const LENGTHS = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];
const NO_TABLES = ".byte 0, 0";
const SET_ADDRESS = (address: number): string => `.byte 0, 9, 2\n .quad ${address}`;
const END = ".byte 0, 1, 1";

/** Assembly of a program in the 32-bit format. */
function program(shape: Shape, body: string): string {
  const { version = 4, minimum = 1, operations = 1, base = -5, range = 14, lengths = LENGTHS } = shape;
  return `
    .section .debug_line,"",@progbits
    .long 2f - 1f
    1: .short ${version}
    ${version >= 5 ? ".byte 8, 0" : ""}
    .long 4f - 3f
    3: .byte ${minimum}
    ${version >= 4 ? `.byte ${operations}` : ""}
    .byte 1, ${base & 0xff}, ${range}, ${lengths.length + 1}
    .byte ${lengths.join(", ")}
    ${shape.tables ?? NO_TABLES}
    4: ${body}
    2:
  `;
}

function assembled(name: string, source: string): { path: string; headers: LineHeader[] } {
  const path = assembleData(name, source);
  return { path, headers: lineHeaders(openElf(path)) };
}

function addressLines(header: LineHeader): string[] {
  return mapRows(
    header,
    (row) => `${flatAddress(row.address())} ${row.opIndex} ${row.endSequence ? "-" : row.line}`,
  );
}

function withoutStatements(rows: readonly string[]): string[] {
  return rows.map((row) => row.replace(/ x$/, ""));
}

describe("the line number program example [DWARF5 D.5.2]", () => {
  const shape = { version: 3, base: 1, range: 15, lengths: LENGTHS.slice(0, 9) };
  const rows = ["569 0 3", "572 0 5", "580 0 6", "587 0 7", "589 0 -"];

  test("in one encoding", () => {
    const { headers } = assembled(
      "one.o",
      program(shape, `.byte 9, 0x39, 2, 0x0b, 0x38, 0x82, 0x73, 2, 2\n ${END}`),
    );
    expect(headers.map(addressLines)).toEqual([rows]);
  });

  test("in the other", () => {
    const body = `.byte 9, 0x39, 2, 0x0b, 9, 3, 0, 0x0b, 9, 8, 0, 0x0a, 9, 7, 0, 0x0a, 9, 2, 0\n ${END}`;
    const { headers } = assembled("other.o", program(shape, body));
    expect(headers.map(addressLines)).toEqual([rows]);
  });
});

test("operations of VLIW instructions advance as readelf says", () => {
  const specials = Array.from({ length: 60 }, (_, i) => 13 + ((i * 37) % 243)).join(", ");
  const { path, headers } = assembled(
    "vliw.o",
    program(
      { operations: 3, minimum: 16 },
      `${SET_ADDRESS(0x4000)}\n .byte 3, 0xe4, 0, ${specials}, 2, 5, 1, 8, 1, 2, 0x80, 1, 1, 9, 7, 0, 1, 3, 4, 20\n ${END}`,
    ),
  );
  const expected = readelfRows(path);
  expect(expected.filter((row) => / [12] /.test(row)).length).toBeGreaterThan(20);
  expect(headers.flatMap(addressLines)).toEqual(withoutStatements(expected));
  const [header] = headers;
  expect(header).toBeDefined();
  if (header === undefined) return;
  const { rows } = LineTable.build(header);
  expect([...(rows.opIndexes ?? [])]).toEqual(mapRows(header, (row) => row.opIndex));
});

// LLVM 14 takes opcode 8 for DW_LNS_const_add_pc even where it is a special one.
test("an opcode that the header does not declare as a standard one is special", () => {
  const body = `${SET_ADDRESS(0x2000)}\n .byte 3, 50, 7, 8, 12, 200, 1\n ${END}`;
  const { path, headers } = assembled("special.o", program({ lengths: LENGTHS.slice(0, 6) }, body));
  expect(readelfRows(path)).toHaveLength(6);
  expect(headers.flatMap(addressLines)).toEqual(withoutStatements(readelfRows(path)));
});

test.each([
  [
    "opcodes that only the header knows",
    { lengths: [...LENGTHS, 0, 2, 3] },
    ".byte 13, 14, 0x80, 1, 2, 1, 15, 1, 2, 3, 21",
  ],
  ["fewer opcodes than the specification has", { lengths: LENGTHS.slice(0, 6) }, ".byte 7, 9, 12, 200, 1"],
  ["no standard opcodes", { lengths: [] }, ".byte 20, 1, 255"],
  ["extended opcodes of vendors", {}, ".byte 1, 0, 3, 0x81, 1, 2, 0, 1, 0x90, 30, 0, 0x82, 0, 0x83, 1, 30"],
  [
    "every register",
    {},
    ".byte 7, 10, 11, 12, 5, 5, 0x89, 2, 4, 3, 3, 0x99, 7, 6, 1, 1, 0, 3, 4, 0x85, 1, 1, 3, 0x7f, 1",
  ],
  [
    "a line that goes back, and far",
    {},
    ".byte 3, 0x80, 0x80, 1, 1, 3, 0x80, 0x7f, 1, 3, 0xff, 0x7e, 1, 3, 0xf0, 0xff, 0xff, 0x7f, 1",
  ],
  [
    "addresses that go back",
    { minimum: 4 },
    ".byte 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 30",
  ],
  ["an address set again", {}, `.byte 1, 60\n ${SET_ADDRESS(0x2040)}\n .byte 60, 61`],
  ["machine instructions of 4 bytes", { minimum: 4 }, ".byte 100, 2, 9, 1, 8, 1, 9, 2, 0, 1"],
])("%s give the rows that llvm-dwarfdump prints", (name, shape: Shape, body) => {
  for (const version of [2, 4]) {
    const source = program({ ...shape, version }, `${SET_ADDRESS(0x2000)}\n ${body}\n ${END}`);
    const { path, headers } = assembled(`${name.replaceAll(" ", "-")}.o`, source);
    const [expected] = llvmPrograms(path);
    expect(expected?.rows.length).toBeGreaterThan(1);
    const [header] = headers;
    expect(
      header === undefined ? [] : mapRows(header, (row) => fields(row, flatAddress(row.address()))),
    ).toEqual(expected?.rows);
    if (header === undefined) continue;
    // The columns hold the same.
    const table = LineTable.build(header);
    const rows = Array.from({ length: table.rows.count }, (_, i) => table.row(i));
    expect(rows.map((row) => fields(row, flatAddress(row.address)))).toEqual(expected?.rows);
  }
});

test("addresses may have 2 or 4 bytes", () => {
  const body = `.byte 0, 3, 2\n .short 0xfff0\n .byte 1, 40\n ${END}\n .byte 0, 5, 2\n .long 0xfffffff0\n .byte 1, 40\n ${END}`;
  const { headers } = assembled("small.o", program({}, body));
  expect(headers.flatMap(addressLines).map((row) => Number(row.split(" ")[0]))).toEqual([
    0xfff0, 0xfff1, 0xfff1, 0xfffffff0, 0xfffffff1, 0xfffffff1,
  ]);
});

test("columns of vendors in a file table are passed over, known ones are read in any form", () => {
  const tables = `
    .byte 2, 1, 8, 0x85, 0x40, 0x0a          # path string, vendor 0x2005 block1
    .byte 2
    .asciz "/src"
    .byte 2, 1, 2
    .asciz "lib"
    .byte 0
    .byte 7, 2, 0x0b, 0x86, 0x40, 0x0d, 1, 8, 5, 0x1e, 3, 0x06, 4, 0x0f, 0x81, 0x40, 8
    .byte 2
    .byte 1, 0x80, 0x7f                      # directory 1, vendor sdata
    .asciz "a.c"
    .byte 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    .long 77
    .byte 0x80, 1
    .asciz "int a;"
    .byte 0, 5
    .asciz "/abs/b.c"
    .fill 16, 1, 0xff
    .long 0
    .byte 0
    .asciz ""
  `;
  const { path, headers } = assembled(
    "vendor.o",
    program({ version: 5, tables }, `${SET_ADDRESS(0)}\n .byte 1\n ${END}`),
  );
  const [header] = headers;
  const [expected] = llvmPrograms(path);
  expect(header?.directory(1)).toBe("lib");
  expect({ ...header?.file(0), md5: [...(header?.file(0)?.md5 ?? [])] }).toEqual({
    path: "a.c",
    directory: 1,
    timestamp: 77,
    size: 128,
    md5: Array.from({ length: 16 }, (_, i) => i),
    source: "int a;",
  });
  expect(expected?.files[0]).toMatchObject({
    path: "a.c",
    directory: 1,
    timestamp: 77,
    size: 128,
    source: "int a;",
  });
  expect([header?.path(0), header?.path(1), header?.path(2)]).toEqual([
    "/src/lib/a.c",
    "/abs/b.c",
    undefined,
  ]);
});

test("the place that dwz invents for files of any place is none", () => {
  const strings = (...texts: string[]): string => texts.map((text) => `.asciz "${text}"`).join("\n");
  const tables = `
    .byte 1, 1, 8, 3
    ${strings("<dwz>", "../../bfd", "/usr/include")}
    .byte 2, 1, 8, 2, 0x0b, 3
    ${strings("<dwz>")}\n .byte 0
    ${strings("bfd.h")}\n .byte 1
    ${strings("stdio.h")}\n .byte 2
  `;
  const { headers } = assembled(
    "dwz.o",
    program({ version: 5, tables }, `${SET_ADDRESS(0)}\n .byte 1\n ${END}`),
  );
  // So LLVM prints them of Debian's supplementary files.
  expect([1, 2].map((file) => headers[0]?.path(file))).toEqual(["../../bfd/bfd.h", "/usr/include/stdio.h"]);
});

test("paths are joined with directories before DWARF 5, and files that a program defines are found", () => {
  const tables = `
    .asciz "lib"
    .asciz "/usr/include"
    .byte 0
    .asciz "a.c"
    .byte 0, 0, 0
    .asciz "b.h"
    .byte 1, 0, 0
    .asciz "c.h"
    .byte 2, 0, 0, 0
  `;
  const define = `.byte 0, 11, 3\n .asciz "late.c"\n .byte 1, 3, 4`;
  const source = program({ version: 3, tables }, `${SET_ADDRESS(0)}\n ${define}\n .byte 4, 4, 1\n ${END}`);
  const { headers } = assembled("define.o", source);
  const [header] = headers;
  expect(header).toBeDefined();
  if (header === undefined) return;
  expect([1, 2, 3].map((file) => header.path(file, "/home/me"))).toEqual([
    "/home/me/a.c",
    "/home/me/lib/b.h",
    "/usr/include/c.h",
  ]);
  expect(header.path(1)).toBe("a.c");
  expect(header.file(4)).toBeUndefined();
  for (let again = 0; again < 2; again++) {
    expect(LineTable.build(header).row(0).file).toBe(4);
    expect(header.fileCount).toBe(4);
  }
  expect(header.file(4)).toMatchObject({ path: "late.c", directory: 1, timestamp: 3, size: 4 });
  expect(header.path(4, "/home/me/")).toBe("/home/me/lib/late.c");
});

describe("look-ups", () => {
  const find = (source: string, ...places: number[]): (number | undefined)[] => {
    const [header] = assembled("find.o", source).headers;
    if (header === undefined) return [];
    const table = LineTable.build(header);
    return places.map((place) => {
      const row = table.find(undefined, BigInt(place));
      return row < 0 ? undefined : table.row(row).line;
    });
  };

  test("between two sequences there is nothing, whatever their order", () => {
    const sequence = (address: number, line: number): string =>
      `${SET_ADDRESS(address)}\n .byte 3, ${line}, 1, 2, 4, 3, 1, 1, 2, 4\n ${END}`;
    const source = program({}, `${sequence(0x100, 50)}\n ${sequence(0x40, 20)}\n ${sequence(0x108, 33)}`);
    expect(find(source, 0x3f, 0x40, 0x43, 0x44, 0x47, 0x48, 0xff, 0x100, 0x107, 0x108, 0x10f, 0x110)).toEqual(
      [undefined, 21, 21, 22, 22, undefined, undefined, 51, 52, 34, 35, undefined],
    );
  });

  test("a sequence within another answers for itself, and the other behind it", () => {
    const source = program(
      {},
      `${SET_ADDRESS(0)}\n .byte 1, 2, 0x80, 2\n ${END}\n ${SET_ADDRESS(0x10)}\n .byte 3, 7, 1, 2, 4\n ${END}`,
    );
    expect(find(source, 0xf, 0x10, 0x13, 0x14, 0xff, 0x100)).toEqual([1, 8, 8, 1, 1, undefined]);
  });

  test("rows out of order cover what lies before the next one only", () => {
    const source = program(
      {},
      `${SET_ADDRESS(0x10)}\n .byte 1, 2, 8, 3, 1, 1\n ${SET_ADDRESS(0)}\n .byte 3, 1, 1, 2, 4, 3, 1, 1, 2, 2\n ${END}`,
    );
    expect(find(source, 0, 3, 4, 5, 6, 0x10, 0x17, 0x18)).toEqual([3, 3, 4, 4, undefined, 1, 1, undefined]);
  });

  test("a sequence that goes on in another section has a part in each", () => {
    const two = (body: string): string => `
      .section .text.a,"ax",@progbits
      .fill 32
      .section .text.b,"ax",@progbits
      .fill 32
      ${program({}, body)}`;
    const set = (to: string): string => `.byte 0, 9, 2\n .quad ${to}`;
    const body = `${set(".text.a + 4")}\n .byte 1, 2, 4, 3, 1, 1, 2, 4, 3, 1, 1\n ${set(".text.b")}\n .byte 3, 1, 1, 2, 8\n ${END}`;
    const elf = openElf(assembleData("two.o", two(body)));
    const [a, b] = [".text.a", ".text.b"].map((name) => elf.sectionsNamed(name)[0]?.index);
    const [header] = lineHeaders(elf);
    expect(header).toBeDefined();
    if (header === undefined) return;
    const table = LineTable.build(header);
    const line = (section: number | undefined, offset: bigint): number | undefined => {
      const row = table.find(section, offset);
      return row < 0 ? undefined : table.row(row).line;
    };
    expect([3n, 4n, 8n, 11n, 12n].map((offset) => line(a, offset))).toEqual([undefined, 1, 2, 2, undefined]);
    expect([0n, 7n, 8n].map((offset) => line(b, offset))).toEqual([4, 4, undefined]);
    expect(table.sequenceCount).toBe(2);
    expect(mapRows(header, (row) => row.address().toString())).toEqual([
      ".text.a+0x4",
      ".text.a+0x8",
      ".text.a+0xc",
      ".text.b+0x0",
      ".text.b+0x8",
    ]);
  });

  test("of several rows at one address the last one counts", () => {
    expect(find(program({}, `${SET_ADDRESS(0)}\n .byte 1, 3, 1, 1, 3, 1, 1, 2, 4\n ${END}`), 0)).toEqual([3]);
  });
});

describe("refuses", () => {
  test.each([
    [
      "a version it does not know",
      program({ version: 6 }, END),
      "DWARF_UNSUPPORTED",
      "+0x4: line program version 6",
    ],
    ["a line range of 0", program({ range: 0 }, END), "DWARF_BAD_VALUE", "line range 0"],
    [
      "an address of 3 bytes",
      program({}, ".byte 0, 4, 2, 1, 2, 3"),
      "DWARF_BAD_VALUE",
      "DW_LNE_set_address: found 3 bytes",
    ],
    ["an operand past the end", program({}, ".byte 1, 5, 0x80"), "DWARF_TRUNCATED", "LEB128: runs past"],
    [
      "an extended opcode past the end",
      program({}, ".byte 0, 9, 2, 0"),
      "DWARF_TRUNCATED",
      "extended opcode of 9 bytes",
    ],
    [
      "a header longer than the program",
      program({}, "").replace("4f - 3f", "0x1000"),
      "DWARF_BAD_VALUE",
      "header length 4096",
    ],
    [
      "a file table of a billion rows",
      program({ version: 5, tables: ".byte 1, 1, 8, 0, 1, 1, 8, 0xff, 0xff, 0xff, 0x7f" }, END),
      "DWARF_TRUNCATED",
      "rows",
    ],
    [
      "a file table with a strange form",
      program({ version: 5, tables: ".byte 1, 1, 0x16, 1, 0x16, 1" }, END),
      "DWARF_UNSUPPORTED",
      "DW_FORM_indirect",
    ],
    [
      "a file table without end",
      program({ tables: ".byte 0x61, 0, 0x61" }, ""),
      "DWARF_TRUNCATED",
      "runs past the end of the header",
    ],
  ])("%s", (name, source, code, message) => {
    const path = assembleData(`${name.replaceAll(" ", "-")}.o`, source);
    const read = (): void => {
      for (const header of lineHeaders(openElf(path))) {
        header.file(1);
        LineTable.build(header);
      }
    };
    expect(read).toThrow(DwarfError);
    expect(read).toThrow(expect.objectContaining({ code }));
    expect(read).toThrow(`${path}: .debug_line+`);
    expect(read).toThrow(message);
  });
});

function fields(
  row: {
    line: number;
    column: number;
    file: number;
    isa: number;
    discriminator: number;
    isStmt: boolean;
    basicBlock: boolean;
    prologueEnd: boolean;
    epilogueBegin: boolean;
    endSequence: boolean;
  },
  address: number,
): string {
  const flags = [
    row.isStmt ? " is_stmt" : "",
    row.basicBlock ? " basic_block" : "",
    row.prologueEnd ? " prologue_end" : "",
    row.epilogueBegin ? " epilogue_begin" : "",
    row.endSequence ? " end_sequence" : "",
  ];
  const numbers = [address, row.line, row.column, row.file, row.isa, row.discriminator];
  return `${numbers.join(" ")}${flags.join("")}`;
}
