/** Expressions as text: every operation, against readelf and llvm-dwarfdump, and those of compilers. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DW_AT } from "../../../src/dwarf/constants/attribute.ts";
import { DW_OP } from "../../../src/dwarf/constants/operation.ts";
import { ExpressionCursor } from "../../../src/dwarf/read/expression/expression.ts";
import { expressionText } from "../../../src/dwarf/read/expression/text.ts";
import { attributeExpression, locationList } from "../../../src/dwarf/read/list/location.ts";
import { DwarfError } from "../../../src/errors.ts";
import { expressionOf } from "./expression-bytes.ts";
import { compile, openDwarf, printedAttributes } from "./location-objects.ts";

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-expressions-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** Operands of each operation as an assembler writes them, from the specification's table 7.9 and the vendors' pages. */
const OPERANDS: Readonly<Record<string, string>> = {
  DW_OP_addr: ".8byte 0x1234567890",
  DW_OP_const1u: ".byte 200",
  DW_OP_const1s: ".byte -3",
  DW_OP_const2u: ".2byte 50000",
  DW_OP_const2s: ".2byte -300",
  DW_OP_const4u: ".4byte 4000000000",
  DW_OP_const4s: ".4byte -70000",
  DW_OP_const8u: ".8byte 0x8000000000000001",
  DW_OP_const8s: ".8byte -5000000000",
  DW_OP_constu: ".uleb128 624485",
  DW_OP_consts: ".sleb128 -129",
  DW_OP_pick: ".byte 3",
  DW_OP_plus_uconst: ".uleb128 300",
  DW_OP_bra: ".2byte -1",
  DW_OP_skip: ".2byte 2",
  DW_OP_regx: ".uleb128 33",
  DW_OP_fbreg: ".sleb128 -200",
  DW_OP_bregx: ".uleb128 7\n.sleb128 -8",
  DW_OP_piece: ".uleb128 300",
  DW_OP_deref_size: ".byte 2",
  DW_OP_xderef_size: ".byte 2",
  DW_OP_call2: ".2byte 0xc",
  DW_OP_call4: ".4byte 0xc",
  DW_OP_call_ref: ".4byte 0xc",
  DW_OP_bit_piece: ".uleb128 12\n.uleb128 4",
  DW_OP_implicit_value: ".uleb128 3\n.byte 1,0x22,0xff",
  DW_OP_implicit_pointer: ".4byte 0xc\n.sleb128 -2",
  DW_OP_addrx: ".uleb128 1",
  DW_OP_constx: ".uleb128 1",
  DW_OP_entry_value: ".uleb128 1\n.byte 0x55",
  DW_OP_const_type: ".uleb128 0xd\n.byte 2\n.byte 1,0x22",
  DW_OP_regval_type: ".uleb128 17\n.uleb128 0xd",
  DW_OP_deref_type: ".byte 4\n.uleb128 0xd",
  DW_OP_xderef_type: ".byte 4\n.uleb128 0xd",
  DW_OP_convert: ".uleb128 0xd",
  DW_OP_reinterpret: ".uleb128 0",
  DW_OP_GNU_implicit_pointer: ".4byte 0xc\n.sleb128 300",
  DW_OP_GNU_entry_value: ".uleb128 1\n.byte 0x55",
  DW_OP_GNU_const_type: ".uleb128 0xd\n.byte 2\n.byte 1,0x22",
  DW_OP_GNU_regval_type: ".uleb128 17\n.uleb128 0xd",
  DW_OP_GNU_deref_type: ".byte 4\n.uleb128 0xd",
  DW_OP_GNU_convert: ".uleb128 0xd",
  DW_OP_GNU_reinterpret: ".uleb128 0xd",
  DW_OP_GNU_parameter_ref: ".4byte 0xc",
  DW_OP_GNU_addr_index: ".uleb128 1",
  DW_OP_GNU_const_index: ".uleb128 1",
  DW_OP_GNU_variable_value: ".4byte 0xc",
};
for (let i = 0; i < 32; i++) Object.assign(OPERANDS, { [`DW_OP_breg${i}`]: `.sleb128 ${i - 70}` });

/** One entry for each operation, which is followed by another. */
function assembled(names: readonly string[]): string {
  const entries = names.map((name) => {
    const opcode = Object.entries(DW_OP).find(([known]) => known === name)?.[1] ?? 0;
    return `.uleb128 2\n.uleb128 2f-1f\n1:\n.byte ${opcode}\n${OPERANDS[name] ?? ""}\n.byte ${DW_OP.DW_OP_nop}\n2:`;
  });
  const source = `
.section .debug_abbrev
.uleb128 1\n.uleb128 0x11\n.byte 1\n.uleb128 0\n.uleb128 0
.uleb128 2\n.uleb128 0x34\n.byte 0\n.uleb128 2\n.uleb128 0x18\n.uleb128 0\n.uleb128 0
.uleb128 3\n.uleb128 0x24\n.byte 0\n.uleb128 0xb\n.uleb128 0xb\n.uleb128 0x3e\n.uleb128 0xb\n.uleb128 0\n.uleb128 0
.byte 0
.section .debug_addr
.4byte 20\n.2byte 5\n.byte 8, 0\n.8byte 1, 2
.section .debug_info
.4byte 9f-8f
8: .2byte 5\n.byte 1, 8\n.4byte 0
.uleb128 1
.uleb128 3\n.byte 4, 5
${entries.join("\n")}
.byte 0
9:
`;
  const object = join(scratch, "all.o");
  execFileSync("as", ["-o", object], { input: source });
  return object;
}

/** Standard operations and those of GNU, which the tools know. */
const NAMES = Object.keys(DW_OP).filter(
  (name) => !/_(HP|LLVM|AARCH64|WASM|INTEL|PGI|APPLE)_|encoded_addr/.test(name),
);

function readelf(option: string, object: string): string {
  return execFileSync("readelf", [option, object], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

function texts(object: string, like: "readelf" | "llvm"): string[] {
  const found: string[] = [];
  for (const unit of openDwarf(object).units()) {
    const entry = unit.entries();
    while (entry.next()) {
      while (entry.nextAttribute()) {
        const expression = attributeExpression(unit, entry);
        if (expression !== undefined) found.push(expressionText(expression, { like }).replace(/\s+/g, " "));
      }
    }
  }
  return found;
}

test("every operation that readelf knows is printed as it prints it", () => {
  // It knows neither DW_OP_constx nor DW_OP_xderef_type.
  const names = NAMES.filter((name) => name !== "DW_OP_constx" && name !== "DW_OP_xderef_type");
  const object = assembled(names);
  const printed = readelf("-wi", object);
  const expected = [
    ...printed.matchAll(/DW_AT_location\s*:.*?\((DW_OP_.*)\)(?: \[without DW_AT_frame_base\])?$/gm),
  ].map(([, text = ""]) => text.replace(/ or DW_OP_HP_\w+/, "").replace(/\s+/g, " "));
  expect(texts(object, "readelf")).toEqual(expected);
});

test("every operation that llvm-dwarfdump knows is printed as it prints it", () => {
  const object = assembled(NAMES);
  const expected = printedAttributes(object)
    .filter(({ name }) => name === "DW_AT_location")
    .map(({ text }) => text.replace(/\(0x[0-9a-f]+ -> (0x[0-9a-f]+)\)(?: "[^"]*")?/g, "($1)"));
  expect(expected.length).toBe(NAMES.length);
  const known = expected.filter((text) => !text.includes("<decoding error>"));
  expect(known.length).toBeGreaterThan(150);
  const ours = texts(object, "llvm").filter((_, i) => !expected[i]?.includes("<decoding error>"));
  expect(ours).toEqual(known);
});

describe.each(["-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5"])("gcc %s", (format) => {
  test("typed expressions, and all others in lists, are printed as readelf prints them", () => {
    const object = compile(scratch, { compiler: "gcc", options: [format, "-O2"] }, "typed.o");
    const printed = readelf("-wo", object);
    const expected = [
      ...printed.matchAll(/^ +[0-9a-f]{16} [0-9a-f]{16} \((DW_OP_.*)\)(?: \(start == end\))?$/gm),
    ].map(([, text = ""]) => text.replace(/\s+/g, " "));
    const ours: [number, string][] = [];
    for (const unit of openDwarf(object).units()) {
      const entry = unit.entries();
      while (entry.next()) {
        while (entry.nextAttribute()) {
          const list = entry.attribute === DW_AT.DW_AT_location ? locationList(unit, entry) : undefined;
          while (list?.next() === true) {
            ours.push([
              list.offset,
              expressionText(list.expression, { like: "readelf" }).replace(/\s+/g, " "),
            ]);
          }
        }
      }
    }
    expect(expected.some((text) => /DW_OP_(GNU_)?convert/.test(text))).toBe(true);
    expect(ours.sort(([a], [b]) => a - b).map(([, text]) => text)).toEqual(expected);
  });
});

/** Relocatable operands of variables, and how many of them are offsets in a thread's block. */
function operands(object: string): { texts: string[]; threadLocal: number } {
  const found = { texts: [] as string[], threadLocal: 0 };
  for (const unit of openDwarf(object).units()) {
    const entry = unit.entries();
    while (entry.next()) {
      while (entry.nextAttribute()) {
        const expression =
          entry.attribute === DW_AT.DW_AT_location ? attributeExpression(unit, entry) : undefined;
        if (expression === undefined) continue;
        const at = new ExpressionCursor(expression);
        while (at.next()) {
          const { name, relocatable } = at;
          if (relocatable === undefined) continue;
          found.texts.push(`${name} ${relocatable}`);
          if (relocatable.info().target?.threadLocal === true) found.threadLocal++;
        }
      }
    }
  }
  return found;
}

describe("operands that addresses are in are relocatable", () => {
  // Where the compiler put the variables: nm says the offset in the section.
  const places = (object: string): string[] => {
    const sections: Readonly<Record<string, string>> = { b: ".bss", d: ".data", D: ".data" };
    const printed = execFileSync("nm", ["--defined-only", object], { encoding: "utf8" });
    return [...printed.matchAll(/^([0-9a-f]+) ([bdD]) (?:hidden|near|far)$/gm)]
      .map(([, offset = "", kind = ""]) => `${sections[kind]}+0x${Number.parseInt(offset, 16).toString(16)}`)
      .sort();
  };
  test.each([
    ["gcc", "-gdwarf-4", "DW_OP_addr", "DW_OP_const8u"],
    ["gcc", "-gdwarf-5", "DW_OP_addr", "DW_OP_const8u"],
    ["clang", "-gdwarf-4", "DW_OP_addr", "DW_OP_const8u"],
    ["clang", "-gdwarf-5", "DW_OP_addrx", "DW_OP_const8u"],
  ])("%s %s", (compiler, format, address, offset) => {
    const object = compile(scratch, { compiler, options: [format, "-O2"] }, "operands.o");
    const { texts: found, threadLocal } = operands(object);
    const expected = places(object).map((place) => `${address} ${place}`);
    expect(expected.length).toBe(3);
    expect(found.sort()).toEqual([...expected, `${offset} .tdata+0x0`].sort());
    expect(threadLocal).toBe(1);
  });
});

describe("operations of vendors, by the encodings that they publish", () => {
  const EM_AMDGPU = 224;
  test.each<[string, number[], number, string]>([
    ["WebAssembly, a local", [0xed, 0, 0x80, 1], 62, "DW_OP_WASM_location 0x0 0x80"],
    ["WebAssembly, a global of a fixed size", [0xed, 3, 1, 2, 0, 0], 62, "DW_OP_WASM_location 0x3 0x201"],
    ["LLVM, an operation behind another", [0xe9, 5, 0x10], 62, "DW_OP_LLVM_offset_uconst 0x10"],
    ["LLVM, two operands behind another", [0xe9, 9, 3, 0x7f], 62, "DW_OP_LLVM_aspace_bregx 0x3 -1"],
    ["Intel", [0xe8, 4, 5], 62, "DW_OP_INTEL_bit_piece 0x4 0x5"],
    ["AMD at the number of Intel", [0xe8, 4, 0x7f], EM_AMDGPU, "DW_OP_LLVM_aspace_bregx 0x4 -1"],
    ["AMD at the number of HP", [0xe4, 0x20], EM_AMDGPU, "DW_OP_LLVM_offset_uconst 0x20"],
    ["HP", [0xe4], 62, "DW_OP_HP_mod_range"],
    ["an encoded address", [0xf1, 0x0b, 1, 2, 3, 4], 62, "DW_OP_GNU_encoded_addr 0xb 0x4030201"],
  ])("%s", (_, bytes, machine, expected) => {
    expect(expressionText(expressionOf(bytes, { machine }), { like: "llvm" })).toBe(expected);
  });
});

describe("an expression that can't be decoded is refused with its place", () => {
  test.each<[string, number[], string]>([
    ["an operand past the end", [DW_OP.DW_OP_addr, 1, 2, 3], "DWARF_TRUNCATED"],
    ["a block past the end", [DW_OP.DW_OP_implicit_value, 9, 1], "DWARF_TRUNCATED"],
    ["a number without an end", [DW_OP.DW_OP_constu, 0x80, 0x80], "DWARF_TRUNCATED"],
    ["an unknown operation", [DW_OP.DW_OP_nop, 0x01], "DWARF_UNSUPPORTED"],
    ["an unknown operation behind another", [DW_OP.DW_OP_LLVM_user, 0x7f], "DWARF_UNSUPPORTED"],
  ])("%s", (_, bytes, code) => {
    const run = (): string => expressionText(expressionOf(bytes), { like: "readelf" });
    expect(run).toThrow(DwarfError);
    expect(run).toThrow(
      expect.objectContaining({ code, place: expect.objectContaining({ section: ".debug_test" }) }),
    );
  });
});
