/** The machine for expressions: the specification's examples, its rules, damage. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DW_ATE } from "../../../src/dwarf/constants/base-type.ts";
import { DW_OP } from "../../../src/dwarf/constants/operation.ts";
import { evaluate, evaluateValue } from "../../../src/dwarf/read/expression/evaluate.ts";
import { Arithmetic } from "../../../src/dwarf/read/expression/evaluate-arithmetic.ts";
import {
  type EvaluationContext,
  type Location,
  locatedBytes,
} from "../../../src/dwarf/read/expression/evaluate-location.ts";
import { bytesToBits, extendedBits } from "../../../src/dwarf/read/expression/evaluate-value.ts";
import { ExpressionCursor } from "../../../src/dwarf/read/expression/expression.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { DwarfError } from "../../../src/errors.ts";
import { expressionOf, type Form } from "./expression-bytes.ts";

/** Each register holds 0x1000 times its number; memory holds the low byte of each address. */
const context: EvaluationContext = {
  register: (register) => BigInt(register) * 0x1000n,
  memory: (address, size) =>
    Uint8Array.from({ length: size }, (_, i) => Number((address + BigInt(i)) & 0xffn)),
  frameBase: () => 0x7000n,
  frameAddress: () => 0x8000n,
};

function locate(bytes: readonly number[], more: EvaluationContext = {}): Location[] {
  return evaluate(expressionOf(bytes), { ...context, ...more }).pieces.map(({ location }) => location);
}

function value(bytes: readonly number[], more: EvaluationContext = {}, form: Form = {}): bigint {
  return evaluateValue(expressionOf(bytes, form), { ...context, ...more }).bits;
}

function code(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof DwarfError) return error.code;
    throw error;
  }
  return "none";
}

describe("the specification's examples of stack operations [DWARF5 D.1.2]", () => {
  test.each<[string, number[], bigint[]]>([
    ["DW_OP_dup", [DW_OP.DW_OP_dup], [17n, 17n, 29n, 1000n]],
    ["DW_OP_drop", [DW_OP.DW_OP_drop], [29n, 1000n]],
    ["DW_OP_pick, 2", [DW_OP.DW_OP_pick, 2], [1000n, 17n, 29n, 1000n]],
    ["DW_OP_over", [DW_OP.DW_OP_over], [29n, 17n, 29n, 1000n]],
    ["DW_OP_swap", [DW_OP.DW_OP_swap], [29n, 17n, 1000n]],
    ["DW_OP_rot", [DW_OP.DW_OP_rot], [29n, 1000n, 17n]],
  ])("%s", (_, operation, after) => {
    const popAll = after.flatMap(() => [DW_OP.DW_OP_stack_value, DW_OP.DW_OP_piece, 8]);
    const locations = locate([...operation, ...popAll, DW_OP.DW_OP_piece, 8], { stack: [1000n, 29n, 17n] });
    const values = locations.map((location) =>
      location.kind === "value" ? location.value.bits : location.kind,
    );
    expect(values).toEqual([...after, "absent"]);
  });
});

describe("the specification's examples of locations [DWARF5 D.1.3]", () => {
  test.each<[string, number[], unknown[]]>([
    ["DW_OP_reg3", [DW_OP.DW_OP_reg3], [{ kind: "register", register: 3 }]],
    ["DW_OP_regx 54", [DW_OP.DW_OP_regx, 54], [{ kind: "register", register: 54 }]],
    [
      "DW_OP_addr 0x80d0045c",
      [DW_OP.DW_OP_addr, 0x5c, 0x04, 0xd0, 0x80, 0, 0, 0, 0],
      [{ kind: "memory", address: 0x80d0045cn }],
    ],
    ["DW_OP_breg11 44", [DW_OP.DW_OP_breg11, 44], [{ kind: "memory", address: 0xb000n + 44n }]],
    ["DW_OP_fbreg -50", [DW_OP.DW_OP_fbreg, 0x4e], [{ kind: "memory", address: 0x7000n - 50n }]],
    [
      "DW_OP_bregx 54 32 DW_OP_deref",
      [DW_OP.DW_OP_bregx, 54, 32, DW_OP.DW_OP_deref],
      [{ kind: "memory", address: 0x2726252423222120n }],
    ],
    [
      "DW_OP_reg3 DW_OP_piece 4 DW_OP_reg10 DW_OP_piece 2",
      [DW_OP.DW_OP_reg3, DW_OP.DW_OP_piece, 4, DW_OP.DW_OP_reg10, DW_OP.DW_OP_piece, 2],
      [
        { kind: "register", register: 3 },
        { kind: "register", register: 10 },
      ],
    ],
    [
      "DW_OP_reg0 DW_OP_piece 4 DW_OP_piece 4 DW_OP_fbreg -12 DW_OP_piece 4",
      [
        DW_OP.DW_OP_reg0,
        DW_OP.DW_OP_piece,
        4,
        DW_OP.DW_OP_piece,
        4,
        DW_OP.DW_OP_fbreg,
        0x74,
        DW_OP.DW_OP_piece,
        4,
      ],
      [{ kind: "register", register: 0 }, { kind: "absent" }, { kind: "memory", address: 0x7000n - 12n }],
    ],
    [
      "DW_OP_breg1 0 DW_OP_breg2 0 DW_OP_plus DW_OP_stack_value",
      [DW_OP.DW_OP_breg1, 0, DW_OP.DW_OP_breg2, 0, DW_OP.DW_OP_plus, DW_OP.DW_OP_stack_value],
      [{ kind: "value", value: { type: undefined, bits: 0x3000n } }],
    ],
  ])("%s", (_, bytes, expected) => {
    expect(locate(bytes)).toEqual(expected);
  });

  test("DW_OP_plus_uconst 4, of a structure whose address is pushed", () => {
    const stack = [0x5000n];
    expect(locate([DW_OP.DW_OP_plus_uconst, 4], { stack })).toEqual([{ kind: "memory", address: 0x5004n }]);
  });

  test("two values without a place, each of 4 bytes", () => {
    const bytes = [
      ...[DW_OP.DW_OP_lit1, DW_OP.DW_OP_stack_value, DW_OP.DW_OP_piece, 4, DW_OP.DW_OP_breg3, 0],
      ...[DW_OP.DW_OP_breg4, 0, DW_OP.DW_OP_plus, DW_OP.DW_OP_stack_value, DW_OP.DW_OP_piece, 4],
    ];
    const expression = expressionOf(bytes);
    const found = locatedBytes(evaluate(expression, context), 8, expression, context);
    expect(Array.from(found)).toEqual([1, 0, 0, 0, 0, 0x70, 0, 0]);
  });

  test("DW_OP_entry_value (DW_OP_reg0) DW_OP_stack_value asks for the value on entry", () => {
    const asked: number[] = [];
    const entryValue: EvaluationContext["entryValue"] = (inner) => {
      const at = new ExpressionCursor(inner);
      while (at.next()) asked.push(at.opcode);
      return { type: undefined, bits: 77n };
    };
    const bytes = [DW_OP.DW_OP_entry_value, 1, DW_OP.DW_OP_reg0, DW_OP.DW_OP_lit1, DW_OP.DW_OP_plus];
    expect(value(bytes, { entryValue })).toBe(78n);
    expect(asked).toEqual([DW_OP.DW_OP_reg0]);
  });

  test("DW_OP_implicit_pointer and DW_OP_implicit_value", () => {
    expect(locate([DW_OP.DW_OP_implicit_pointer, 0x11, 0x22, 0, 0, 0x7f])).toEqual([
      { kind: "pointer", entry: 0x2211, offset: -1n },
    ]);
    expect(locate([DW_OP.DW_OP_implicit_value, 2, 8, 9])).toEqual([
      { kind: "bytes", bytes: Uint8Array.of(8, 9) },
    ]);
  });
});

describe("operations", () => {
  const minus = (n: number): number[] => [DW_OP.DW_OP_const1s, 0x100 - n];
  const all = 0xffff_ffff_ffff_ffffn;
  test.each<[string, number[], bigint]>([
    ["abs", [...minus(5), DW_OP.DW_OP_abs], 5n],
    ["neg", [DW_OP.DW_OP_lit5, DW_OP.DW_OP_neg], all - 4n],
    ["not", [DW_OP.DW_OP_lit0, DW_OP.DW_OP_not], all],
    ["and", [DW_OP.DW_OP_lit12, DW_OP.DW_OP_lit10, DW_OP.DW_OP_and], 8n],
    ["or", [DW_OP.DW_OP_lit12, DW_OP.DW_OP_lit10, DW_OP.DW_OP_or], 14n],
    ["xor", [DW_OP.DW_OP_lit12, DW_OP.DW_OP_lit10, DW_OP.DW_OP_xor], 6n],
    ["div is signed", [...minus(9), DW_OP.DW_OP_lit2, DW_OP.DW_OP_div], all - 3n],
    ["mod is unsigned", [...minus(1), DW_OP.DW_OP_lit10, DW_OP.DW_OP_mod], 5n],
    ["minus", [DW_OP.DW_OP_lit3, DW_OP.DW_OP_lit5, DW_OP.DW_OP_minus], all - 1n],
    ["mul", [...minus(3), DW_OP.DW_OP_lit7, DW_OP.DW_OP_mul], all - 20n],
    ["shl", [DW_OP.DW_OP_lit1, DW_OP.DW_OP_const1u, 64, DW_OP.DW_OP_shl], 0n],
    ["shr is logical", [...minus(1), DW_OP.DW_OP_const1u, 60, DW_OP.DW_OP_shr], 15n],
    ["shra is arithmetic", [...minus(16), DW_OP.DW_OP_lit2, DW_OP.DW_OP_shra], all - 3n],
    ["lt is signed", [...minus(1), DW_OP.DW_OP_lit1, DW_OP.DW_OP_lt], 1n],
    ["le", [DW_OP.DW_OP_lit1, DW_OP.DW_OP_lit1, DW_OP.DW_OP_le], 1n],
    ["gt", [DW_OP.DW_OP_lit1, ...minus(1), DW_OP.DW_OP_gt], 1n],
    ["ge", [DW_OP.DW_OP_lit1, DW_OP.DW_OP_lit2, DW_OP.DW_OP_ge], 0n],
    ["eq", [DW_OP.DW_OP_lit1, DW_OP.DW_OP_lit2, DW_OP.DW_OP_eq], 0n],
    ["ne", [DW_OP.DW_OP_lit1, DW_OP.DW_OP_lit2, DW_OP.DW_OP_ne], 1n],
    ["constu", [DW_OP.DW_OP_constu, 0xe5, 0x8e, 0x26], 624485n],
    ["consts", [DW_OP.DW_OP_consts, 0x80, 0x7f], all - 127n],
    ["const2s", [DW_OP.DW_OP_const2s, 0xfe, 0xff], all - 1n],
    ["const4s", [DW_OP.DW_OP_const4s, 0xfe, 0xff, 0xff, 0xff], all - 1n],
    ["const8u", [DW_OP.DW_OP_const8u, 1, 2, 3, 4, 5, 6, 7, 8], 0x0807060504030201n],
    ["deref_size", [DW_OP.DW_OP_const1u, 0x41, DW_OP.DW_OP_deref_size, 2], 0x4241n],
    ["call_frame_cfa", [DW_OP.DW_OP_call_frame_cfa], 0x8000n],
    ["skip", [DW_OP.DW_OP_skip, 1, 0, DW_OP.DW_OP_dup, DW_OP.DW_OP_lit9], 9n],
    ["bra", [DW_OP.DW_OP_lit1, DW_OP.DW_OP_bra, 1, 0, DW_OP.DW_OP_drop, DW_OP.DW_OP_lit9], 9n],
    // 1 + 2 + … + 5 by a loop: sum, counter.
    [
      "a loop",
      [
        ...[
          DW_OP.DW_OP_lit0,
          DW_OP.DW_OP_lit5,
          DW_OP.DW_OP_dup,
          DW_OP.DW_OP_rot,
          DW_OP.DW_OP_plus,
          DW_OP.DW_OP_swap,
        ],
        ...[
          DW_OP.DW_OP_lit1,
          DW_OP.DW_OP_minus,
          DW_OP.DW_OP_dup,
          DW_OP.DW_OP_bra,
          0xf6,
          0xff,
          DW_OP.DW_OP_drop,
        ],
      ],
      15n,
    ],
  ])("%s", (_, bytes, expected) => {
    expect(value(bytes)).toBe(expected);
  });

  test("values have the size of an address, and fields the byte order of the file", () => {
    const form: Form = { addressSize: 4, little: false };
    expect(value([DW_OP.DW_OP_lit0, DW_OP.DW_OP_not], {}, form)).toBe(0xffff_ffffn);
    expect(value([DW_OP.DW_OP_const2u, 1, 2], {}, form)).toBe(0x102n);
    expect(value([DW_OP.DW_OP_const1u, 0x41, DW_OP.DW_OP_deref], {}, form)).toBe(0x41424344n);
  });

  test("address spaces, objects, threads and calls are the context's", () => {
    const spaces: unknown[] = [];
    const memory: EvaluationContext["memory"] = (address, size, space) => {
      spaces.push([address, size, space]);
      return new Uint8Array(size).fill(1);
    };
    expect(value([DW_OP.DW_OP_lit7, DW_OP.DW_OP_lit3, DW_OP.DW_OP_xderef_size, 2], { memory })).toBe(0x101n);
    expect(spaces).toEqual([[3n, 2, 7n]]);
    expect(value([DW_OP.DW_OP_push_object_address], { objectAddress: () => 5n })).toBe(5n);
    const threadAddress = (offset: bigint): bigint => offset + 0x100n;
    expect(value([DW_OP.DW_OP_lit4, DW_OP.DW_OP_form_tls_address], { threadAddress })).toBe(0x104n);
    const squared = expressionOf([DW_OP.DW_OP_dup, DW_OP.DW_OP_mul]);
    const called = (entry: number) => (entry === 0x22 ? squared : undefined);
    const calls = [DW_OP.DW_OP_lit6, DW_OP.DW_OP_call2, 0x22, 0, DW_OP.DW_OP_call4, 0x23, 0, 0, 0];
    expect(value(calls, { called })).toBe(36n);
  });

  test("bits of pieces are put together in the order of bytes", () => {
    const bytes = [
      DW_OP.DW_OP_reg5,
      DW_OP.DW_OP_bit_piece,
      4,
      12,
      DW_OP.DW_OP_reg10,
      DW_OP.DW_OP_bit_piece,
      12,
      8,
    ];
    const little = expressionOf(bytes);
    // Bits 12 to 15 of 0x5000, then bits 8 to 19 of 0xa000.
    const found = locatedBytes(evaluate(little, context), 2, little, context);
    expect(bytesToBits(found, true)).toBe(0x0a05n);
  });
});

describe("types", () => {
  const fail = (what: string): never => {
    throw new Error(what);
  };
  const arithmetic = new Arithmetic(8, 62, fail);
  const int = { encoding: DW_ATE.DW_ATE_signed, size: 4 };
  const byte = { encoding: DW_ATE.DW_ATE_unsigned, size: 1 };
  const float = { encoding: DW_ATE.DW_ATE_float, size: 4 };
  const double = { encoding: DW_ATE.DW_ATE_float, size: 8 };

  test("converts as C does", () => {
    const minusThree = { type: int, bits: 0xffff_fffdn };
    expect(arithmetic.convert(minusThree, undefined).bits).toBe(0xffff_ffff_ffff_fffdn);
    expect(arithmetic.convert(minusThree, byte).bits).toBe(0xfdn);
    expect(arithmetic.convert(minusThree, double).bits).toBe(0xc008_0000_0000_0000n);
    expect(arithmetic.convert(minusThree, float).bits).toBe(0xc040_0000n);
    expect(arithmetic.convert({ type: double, bits: 0xc00e_0000_0000_0000n }, int)).toEqual(minusThree);
    expect(arithmetic.reinterpret({ type: float, bits: 0xc040_0000n }, int).bits).toBe(0xc040_0000n);
  });

  test("computes by the type", () => {
    const half = { type: float, bits: 0x3f00_0000n };
    expect(arithmetic.binary(DW_OP.DW_OP_plus, half, half).bits).toBe(0x3f80_0000n);
    const minusOne = { type: int, bits: 0xffff_ffffn };
    expect(arithmetic.binary(DW_OP.DW_OP_mod, minusOne, { type: int, bits: 2n }).bits).toBe(0xffff_ffffn);
    const large = { type: byte, bits: 0xffn };
    expect(arithmetic.binary(DW_OP.DW_OP_gt, large, { type: byte, bits: 1n })).toEqual({
      type: undefined,
      bits: 1n,
    });
    expect(() => arithmetic.binary(DW_OP.DW_OP_plus, half, minusOne)).toThrow("two types");
    expect(() => arithmetic.binary(DW_OP.DW_OP_and, half, half)).toThrow("DW_OP_and");
  });

  test("long double has the bits that gcc writes", () => {
    const numbers = [1, -2.5, 0, 1e300, Number.MIN_VALUE, 3 * Number.MIN_VALUE, 0.1];
    const scratch = mkdtempSync(join(tmpdir(), "bindery-long-double-"));
    try {
      // Constants of type double, turned into long double by the compiler.
      const list = numbers.map((number) => `(long double)${number.toExponential(20)}`).join(", ");
      const source = `const long double numbers[] = { ${list} };`;
      execFileSync("gcc", ["-x", "c", "-c", "-", "-o", join(scratch, "a.o")], { input: source });
      const elf = ElfFile.open(readFileSync(join(scratch, "a.o")), { name: "a.o" });
      const data = elf.sections.find(({ name }) => name === ".rodata")?.bytes() ?? new Uint8Array();
      expect(data.length).toBe(16 * numbers.length);
      numbers.forEach((number, i) => {
        expect(extendedBits(number)).toBe(bytesToBits(data.subarray(16 * i, 16 * i + 10), true));
      });
    } finally {
      rmSync(scratch, { recursive: true });
    }
  });
});

describe("what has no meaning is refused with its place", () => {
  test.each<[string, number[], string]>([
    ["an empty stack", [DW_OP.DW_OP_plus], "DWARF_BAD_VALUE"],
    ["a division by 0", [DW_OP.DW_OP_lit1, DW_OP.DW_OP_lit0, DW_OP.DW_OP_div], "DWARF_BAD_VALUE"],
    ["an operation behind a register", [DW_OP.DW_OP_reg1, DW_OP.DW_OP_lit1], "DWARF_BAD_VALUE"],
    [
      "a location behind the last piece",
      [DW_OP.DW_OP_reg1, DW_OP.DW_OP_piece, 4, DW_OP.DW_OP_reg1],
      "DWARF_BAD_VALUE",
    ],
    ["an endless loop", [DW_OP.DW_OP_skip, 0xfd, 0xff], "DWARF_LOOP"],
    ["a stack without end", [DW_OP.DW_OP_lit1, DW_OP.DW_OP_skip, 0xfc, 0xff], "DWARF_BAD_VALUE"],
    ["a branch out of the expression", [DW_OP.DW_OP_skip, 1, 0], "DWARF_BAD_REFERENCE"],
    ["an operand that is cut off", [DW_OP.DW_OP_const4u, 1, 2], "DWARF_TRUNCATED"],
    ["an unknown operation", [0x05], "DWARF_UNSUPPORTED"],
    ["what the context lacks", [DW_OP.DW_OP_push_object_address], "DWARF_UNSUPPORTED"],
  ])("%s", (_, bytes, expected) => {
    expect(code(() => evaluate(expressionOf(bytes), context))).toBe(expected);
  });

  test("an expression that calls itself", () => {
    const expression = expressionOf([DW_OP.DW_OP_call2, 1, 0]);
    expect(code(() => evaluate(expression, { called: () => expression }))).toBe("DWARF_LOOP");
  });
});

test("no bytes make it do anything but answer or refuse", () => {
  let seed = 20261121;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  const opcodes: number[] = Object.values(DW_OP);
  const outcomes = new Set<string>();
  for (let i = 0; i < 3000; i++) {
    const bytes = Array.from({ length: 1 + random(24) }, () =>
      random(3) === 0 ? random(256) : (opcodes[random(opcodes.length)] ?? 0),
    );
    const expression = expressionOf(bytes);
    const stack = [1n, 2n, 3n];
    outcomes.add(
      code(() => locatedBytes(evaluate(expression, { ...context, stack }), 8, expression, context)),
    );
  }
  const refusals = ["DWARF_BAD_REFERENCE", "DWARF_BAD_VALUE", "DWARF_TRUNCATED", "DWARF_UNSUPPORTED"];
  expect([...outcomes].filter((outcome) => outcome !== "DWARF_LOOP").sort()).toEqual([...refusals, "none"]);
});
