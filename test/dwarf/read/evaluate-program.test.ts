/** Variables of a stopped program, evaluated from its registers and memory, against what gdb prints of them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DW_AT } from "../../../src/dwarf/constants/attribute.ts";
import { DW_TAG } from "../../../src/dwarf/constants/tag.ts";
import type { Dwarf, DwarfUnit } from "../../../src/dwarf/dwarf.ts";
import { EntryCursor } from "../../../src/dwarf/read/entry/cursor.ts";
import { evaluate, evaluateValue } from "../../../src/dwarf/read/expression/evaluate.ts";
import {
  type EvaluationContext,
  locatedBytes,
} from "../../../src/dwarf/read/expression/evaluate-location.ts";
import { bytesToBits } from "../../../src/dwarf/read/expression/evaluate-value.ts";
import type { Expression } from "../../../src/dwarf/read/expression/expression.ts";
import { locationAt } from "../../../src/dwarf/read/list/location.ts";
import { hasPc } from "../../../src/dwarf/read/list/range.ts";
import { Relocatable } from "../../../src/dwarf/relocation/relocatable.ts";
import { DwarfError } from "../../../src/errors.ts";
import { openDwarf } from "./location-objects.ts";

const SOURCE = `
struct pair { int a, b; long c; };
int table[4] = { 1, 2, 3, 4 };
__attribute__((noinline)) void stop(const void *p) { __asm__ volatile("" :: "r"(p) : "memory"); }
__attribute__((noinline, noclone)) long work(int n, float x, long *out) {
  struct pair v = { n, n + 1, 7 };
  float y = x * n;
  double z = y + 0.5;
  unsigned char t = n * 3;
  int onstack[2] = { n * 2, n * 5 };
  static int counted = 11;
  short negative = -n;
  unsigned long quotient = (unsigned long)n * 1000 / 7;
  stop(onstack);
  counted += v.a * t;
  *out = onstack[0] + counted;
  return v.a + v.b + v.c + (long)z + negative + quotient + table[n & 3] + (long)y;
}
int main(int argc, char **argv) { long o; return work(40 + argc, 2.5f, &o) & 1; }
`;
const REGISTERS = "rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15".split(" ");
const STACK = 512;
/** Bytes of the parts of each variable. */
const VARIABLES: readonly (readonly [name: string, parts: readonly number[]])[] = [
  ["n", [4]],
  ["v", [4, 4, 8]],
  ["y", [4]],
  ["z", [8]],
  ["t", [1]],
  ["onstack", [4, 4]],
  ["counted", [4]],
  ["negative", [2]],
  ["quotient", [8]],
];

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-evaluate-"));
  writeFileSync(join(scratch, "a.c"), SOURCE);
});
afterAll(() => rmSync(scratch, { recursive: true }));

describe.each([
  ["gcc", "-O0", "-gdwarf-5"],
  ["gcc", "-O2", "-gdwarf-5"],
  ["gcc", "-O2", "-gdwarf-4"],
  ["clang", "-O0", "-gdwarf-4"],
  ["clang", "-O2", "-gdwarf-5"],
])("%s %s %s", (compiler, ...options) => {
  test("has the values of variables that gdb prints", () => {
    const program = join(scratch, `${compiler}${options.join("")}`);
    execFileSync(compiler, [...options, "-no-pie", "-o", program, "a.c"], { cwd: scratch, stdio: "ignore" });
    const said = stopped(program);
    const ours = variables(openDwarf(program), said);
    let known = 0;
    for (const [name] of VARIABLES) {
      const printed = said.variables.get(name);
      if (printed === undefined) throw new Error(`gdb said nothing of ${name}`);
      expect(`${name} ${ours.get(name)}`).toBe(`${name} ${printed}`);
      if (printed !== "lost") known++;
    }
    expect(known).toBeGreaterThan(5);
  });
});

interface Stopped {
  readonly pc: bigint;
  readonly frameAddress: bigint;
  readonly registers: ReadonlyMap<number, bigint>;
  readonly memory: readonly { readonly start: bigint; readonly bytes: Uint8Array }[];
  readonly variables: ReadonlyMap<string, string>;
}

/** Runs a program to `stop` and asks gdb of the frame above. Values are parts in hexadecimal, `lost` where it knows none. */
function stopped(program: string): Stopped {
  const [stackFile, dataFile] = [join(scratch, "stack"), join(scratch, "data")];
  const commands = [
    ...["set pagination off", "set print repeats 0", "break stop", "run", "up", "info frame"],
    'printf "pc %lx\\n", $pc',
    ...REGISTERS.map((register, i) => `printf "reg ${i} %lx\\n", $${register}`),
    ...Array.from({ length: 16 }, (_, i) => [
      `printf "reg ${17 + i} "`,
      `output/x $xmm${i}.uint128`,
      "echo \\n",
    ]).flat(),
    'printf "at %lx %lx\\n", $rsp, (long)&table & ~0xfff',
    `dump binary memory ${stackFile} $rsp $rsp+${STACK}`,
    `dump binary memory ${dataFile} (char*)((long)&table&~0xfff) (char*)((long)&table&~0xfff)+4096`,
    ...VARIABLES.flatMap(([name]) => [`printf "var ${name} "`, printing(name), "echo \\n"]),
    "kill",
  ];
  const args = ["-nx", "-q", "-batch", ...commands.flatMap((command) => ["-ex", command]), program];
  const text = execFileSync("gdb", args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: 30_000,
  });
  const hex = (pattern: RegExp): bigint[] => {
    const found = pattern.exec(text);
    if (found === null) throw new Error(`gdb did not say ${pattern} in:\n${text}`);
    return found.slice(1).map((digits) => BigInt(`0x${digits}`));
  };
  const [pc = 0n] = hex(/^pc ([0-9a-f]+)$/m);
  const [frameAddress = 0n] = hex(/frame at 0x([0-9a-f]+):/);
  const [stack = 0n, data = 0n] = hex(/^at ([0-9a-f]+) ([0-9a-f]+)$/m);
  const registers = new Map<number, bigint>();
  for (const [, number = "", value = ""] of text.matchAll(/^reg (\d+) (?:0x)?([0-9a-f]+)$/gm)) {
    registers.set(Number(number), BigInt(`0x${value}`));
  }
  const printed = new Map<string, string>();
  for (const [, name = "", value = ""] of text.matchAll(/^var (\w+) (.*)$/gm))
    printed.set(name, parts(name, value));
  return {
    ...{ pc, frameAddress, registers, variables: printed },
    memory: [
      { start: stack, bytes: readFileSync(stackFile) },
      { start: data, bytes: readFileSync(dataFile) },
    ],
  };
}

/** What prints a value as decimal numbers: gdb cuts fractions off where it is told the format. */
function printing(name: string): string {
  return isFloat(name) ? `output ${name}` : `output/d ${name}`;
}

function isFloat(name: string): boolean {
  return name === "y" || name === "z";
}

/** What gdb prints of a value, as its parts in the order of memory. */
function parts(name: string, printed: string): string {
  if (/optimized out|^$/.test(printed)) return "lost";
  const sizes = VARIABLES.find(([known]) => known === name)?.[1] ?? [];
  const numbers = [...printed.matchAll(/-?\d+(?:\.\d+)?/g)].map(([number]) => number);
  return sizes
    .map((size, i) => (isFloat(name) ? numbers[i] : BigInt.asUintN(8 * size, BigInt(numbers[i] ?? 0))))
    .join(" ");
}

/** The same by us. */
function variables(dwarf: Dwarf, program: Stopped): Map<string, string> {
  const found = new Map<string, string>();
  for (const unit of dwarf.units()) {
    // The call is before the address that it returns to.
    const pc = new Relocatable(
      { section: unit.reader.section, infoAt: () => ({ target: undefined, addend: 0n }) },
      0,
      8,
      program.pc - 1n,
    );
    const entry = unit.entries();
    let depth = Number.POSITIVE_INFINITY;
    let context: EvaluationContext = {};
    while (entry.next()) {
      if (entry.depth <= depth) depth = Number.POSITIVE_INFINITY;
      if (entry.tag === DW_TAG.DW_TAG_subprogram && hasPc(unit, entry, pc)) {
        depth = entry.depth;
        context = contextOf(unit, entry.offset, program, pc);
      }
      const isVariable = entry.tag === DW_TAG.DW_TAG_variable || entry.tag === DW_TAG.DW_TAG_formal_parameter;
      if (!isVariable || entry.depth !== depth + 1) continue;
      const [name, value] = variable(unit, entry.offset, pc, context);
      found.set(name, value);
    }
  }
  return found;
}

function variable(
  unit: DwarfUnit,
  offset: number,
  pc: Relocatable,
  context: EvaluationContext,
): [string, string] {
  const at = new EntryCursor(unit.reader, unit.header, unit.abbrevs, offset);
  at.next();
  let name = "";
  let expression: Expression | undefined;
  while (at.nextAttribute()) {
    if (at.attribute === DW_AT.DW_AT_name) name = unit.dwarf.string(unit, at) ?? "";
    if (at.attribute === DW_AT.DW_AT_location) expression = locationAt(unit, at, pc);
  }
  const sizes = VARIABLES.find(([known]) => known === name)?.[1];
  if (expression === undefined || sizes === undefined) return [name, "lost"];
  return [name, valueText(name, sizes, expression, context)];
}

function valueText(
  name: string,
  sizes: readonly number[],
  expression: Expression,
  context: EvaluationContext,
): string {
  const size = sizes.reduce((sum, part) => sum + part, 0);
  let bytes: Uint8Array;
  try {
    bytes = locatedBytes(evaluate(expression, context), size, expression, context);
  } catch (error) {
    // clang 14 mixes types on the stack, which both refuse.
    if (error instanceof DwarfError && error.message.includes("operands of two types")) return "lost";
    throw error;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let from = 0;
  const values = sizes.map((part) => {
    const start = from;
    from += part;
    if (isFloat(name)) return part === 4 ? view.getFloat32(start, true) : view.getFloat64(start, true);
    return bytesToBits(bytes.subarray(start, from), true);
  });
  return values.join(" ");
}

function contextOf(unit: DwarfUnit, offset: number, program: Stopped, pc: Relocatable): EvaluationContext {
  const context: EvaluationContext = {
    register: (number) => {
      const value = program.registers.get(number);
      if (value === undefined) throw new Error(`no register ${number}`);
      return value;
    },
    memory: (address, size) => {
      for (const { start, bytes } of program.memory) {
        const at = Number(address - start);
        if (at >= 0 && at + size <= bytes.length) return bytes.subarray(at, at + size);
      }
      throw new Error(`no memory at 0x${address.toString(16)}`);
    },
    frameAddress: () => program.frameAddress,
    frameBase: () => {
      const at = new EntryCursor(unit.reader, unit.header, unit.abbrevs, offset);
      at.next();
      while (at.nextAttribute()) {
        if (at.attribute !== DW_AT.DW_AT_frame_base) continue;
        const expression = locationAt(unit, at, pc);
        if (expression !== undefined) return evaluateValue(expression, context).bits;
      }
      throw new Error("no frame base");
    },
  };
  return context;
}
