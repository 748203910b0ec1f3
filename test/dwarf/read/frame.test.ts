/** Call frames of compilers' objects for many machines, against what readelf and llvm-dwarfdump print. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EM } from "../../../src/elf/constants/machine.ts";
import {
  frameRanges,
  fromStart,
  functionRanges,
  llvmRows,
  openFrames,
  ourInstructions,
  ourRows,
  readelfInstructions,
  readelfRows,
  rowTexts,
} from "./frame-oracles.ts";

const SOURCE = `
struct Guard { Guard(); ~Guard(); };
int other(int, ...);
int caught(int a) { Guard g; try { return other(a); } catch (int e) { return e; } }
int many(int a, int b, int c, int d, int e, int f, int g, int h, int i) {
  if (!a) return b;
  int s = other(a, b, c, d, e, f, g, h, i) * other(i, h, g, f, e, d, c, b, a);
  int t = other(s) + a * b - c * d + e * f - g * h + i;
  if (s) return t + other(a + b, c + d, e + f, g + h, i, s, t);
  other(t); return a + b + c + d + e + f + g + h + i;
}
int grows(int n) { char *p = (char *)__builtin_alloca(n); return other(n, p); }
int leaf(int a) { return a + 1; }
`;

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-frame-"));
  writeFileSync(join(scratch, "a.cc"), SOURCE);
  writeFileSync(join(scratch, "plain.cc"), SOURCE.replace(/try (\{.*?\}) catch.*\}/, "$1 }"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

const EH = ["-fexceptions", "-fasynchronous-unwind-tables"];
const DEBUG = ["-g", "-fno-exceptions", "-fno-asynchronous-unwind-tables", "-DNO_EH"];
const CLANG = [
  "x86_64",
  "i386",
  "aarch64",
  "aarch64_be",
  "riscv64",
  "riscv32",
  "powerpc64le",
  "s390x",
  "mips64",
  "mips64el",
  "mips",
].map((machine) => ["clang++", `--target=${machine}-linux-gnu`]);
CLANG.push(["clang++", "--target=powerpc64-linux-gnu", "-mabi=elfv2"]);
const BUILDS = [["g++"], ["g++", "-m32"], ...CLANG].flatMap((compiler) =>
  [EH, DEBUG].map((options) => ({ compiler, options: [...options, "-O2"] })),
);
const MORE = [
  { compiler: ["clang++", "--target=armv7a-linux-gnueabi"], options: [...DEBUG, "-O2"] },
  { compiler: ["g++"], options: [...EH, "-O0", "-fpic", "-ffunction-sections"] },
  { compiler: ["g++"], options: [...DEBUG, "-Os", "-Wa,--gdwarf-cie-version=3"] },
  { compiler: ["g++"], options: [...DEBUG, "-Os", "-Wa,--gdwarf-cie-version=4"] },
  { compiler: ["g++", "-m32"], options: [...EH, "-Os", "-fpic", "-mno-accumulate-outgoing-args"] },
  { compiler: ["clang++"], options: [...DEBUG, "-O1", "-gdwarf-4", "-gdwarf64", "-ffunction-sections"] },
];

function build(
  compiler: readonly string[],
  options: readonly string[],
  object = join(scratch, "a.o"),
): string {
  const source = join(scratch, options.includes("-DNO_EH") ? "plain.cc" : "a.cc");
  const [program = "", ...flags] = compiler;
  execFileSync(program, [...flags, ...options, "-c", source, "-o", object], { cwd: scratch });
  return object;
}

describe.each([...BUILDS, ...MORE])("$compiler $options", ({ compiler, options }) => {
  test("has the instructions and rows that readelf prints, of all functions", () => {
    const object = build(compiler, options);
    const sections = openFrames(object);
    const instructions = readelfInstructions(object);
    expect(instructions.length).toBeGreaterThan(4);
    expect(fromStart(sections.flatMap(ourInstructions))).toEqual(fromStart(instructions));
    expect(fromStart(sections.flatMap(ourRows))).toEqual(fromStart(readelfRows(object)));
    // readelf leaves relocations of MIPS's .eh_frame out.
    const isMips = sections[0]?.machine === EM.EM_MIPS && sections[0].isEh;
    if (!isMips) expect(sections.flatMap(ourInstructions)).toEqual(instructions);
    // Whatever dump tools say, the symbol table knows what there is to cover.
    const ranges = functionRanges(object);
    expect(ranges.length).toBeGreaterThan(3);
    const ours = openFrames(object).flatMap(frameRanges);
    // gcc gives the functions that find out where they are no size.
    const unsized = ranges.filter((range) => range.endsWith(" 0")).map((range) => range.slice(0, -1));
    const known = ours.map((range) => unsized.find((start) => range.startsWith(start))?.concat("0") ?? range);
    expect(known.sort()).toEqual(ranges);
  });
});

describe("rows in words are those that llvm-dwarfdump prints", () => {
  test.each([
    ["x86_64", EH],
    ["i386", EH],
    // The pseudo-register that says whether the return address is signed changes in these.
    ["aarch64", [...EH, "-mbranch-protection=standard"]],
  ])("of %s", (machine, options) => {
    const object = build(["clang++", `--target=${machine}-linux-gnu`], [...options, "-O2"]);
    const expected = llvmRows(object).map((row) => row.replace(/\bW(?=\d|SP)/g, "X").replace("XSP", "SP"));
    expect(expected.length).toBeGreaterThan(8);
    const ours = openFrames(object).flatMap(rowTexts);
    expect(ours.map((row) => row.replace("RA_SIGN_STATE", "REG34"))).toEqual(expected);
    expect(ours.some((row) => row.includes("RA_SIGN_STATE"))).toBe(machine === "aarch64");
  });

  test("of SPARC, whose register windows one instruction saves", () => {
    const object = build(
      ["clang++", "--target=sparcv9-linux-gnu", "-fintegrated-as"],
      [...EH, "-fno-exceptions", "-DNO_EH", "-O2"],
    );
    const linked = join(scratch, "sparc");
    execFileSync("ld.lld", ["-e0", "--unresolved-symbols=ignore-all", object, "-o", linked]);
    // In LLVM's names for registers 0 to 31.
    const name = (number: number): string => `${"GOLI"[number >> 3]}${number & 7}`;
    const ours = openFrames(linked)
      .flatMap(rowTexts)
      .map((row) => row.replaceAll(/\bR(\d+)/g, (_, number) => name(Number(number))));
    expect(ours).toEqual(llvmRows(linked));
    expect(ours.some((row) => row.includes("L0=[CFA], L1=[CFA+8]"))).toBe(true);
  });
});
