/** `bindery addr2line` against GNU addr2line and llvm-addr2line: executables, and sections of modules. */
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  gnuExcuse,
  type Judged,
  llvmExcuse,
  parseShown,
  parseSymbols,
  type Shown,
  type ShownFrame,
  type ShownSymbol,
} from "../support/addr2line-verdict.ts";
import { Random } from "../support/elf-random.ts";
import { bindery, MAIN } from "./run.ts";

const FIXTURES = fileURLToPath(new URL("../fixtures/addr2line/", import.meta.url));
const SOURCES = ["main.c", "shapes.cc", "words.cc"];

/** Two compilers, two versions of DWARF. */
const BUILDS = [
  { name: "gcc5", c: "gcc", cxx: "g++", flags: ["-gdwarf-5"] },
  { name: "clang4", c: "clang", cxx: "clang++", flags: ["-gdwarf-4"] },
] as const;

/** As kernel modules are linked: code of all functions in one section, that for the start and the end in others. */
const MODULE_SCRIPT =
  "SECTIONS { .text : { *(.text .text.*) } .init.text : { *(.init.text) } .exit.text : { *(.exit.text) } }";

let scratch = "";

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { cwd: scratch, encoding: "utf8", maxBuffer: 1 << 28, stdio: "pipe" });
}

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-addr2line-"));
  for (const file of [...SOURCES, "inline.h"]) copyFileSync(join(FIXTURES, file), join(scratch, file));
  execFileSync("tee", [join(scratch, "module.lds")], { input: MODULE_SCRIPT, stdio: "pipe" });
  for (const { name, c, cxx, flags } of BUILDS) {
    const common = ["-O2", ...flags, "-ffunction-sections", "-Wl,-z,noexecstack", "-c"];
    run(c, ...common, "main.c", "-o", `main.${name}.o`);
    run(cxx, "-std=c++17", ...common, "shapes.cc", "-o", `shapes.${name}.o`);
    run(cxx, "-std=c++17", ...common, "words.cc", "-o", `words.${name}.o`);
    const objects = ["main", "shapes", "words"].map((one) => `${one}.${name}.o`);
    run(cxx, "-Wl,-z,noexecstack", ...objects, "-o", `${name}.exe`);
    run("ld", "-r", "-z", "noexecstack", "-T", "module.lds", ...objects, "-o", `${name}.ko`);
    // The module, each section at an address of its own: there the tools can't mistake one for another.
    const ignored = ["-e", "0", "--unresolved-symbols=ignore-all", "-z", "noexecstack"];
    run("ld", ...ignored, `${name}.ko`, "-o", `${name}.placed`);
  }
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** Where a section of a file is, and how large. */
function sectionOf(file: string, name: string): { address: number; size: number } {
  const pattern = new RegExp(`\\] ${name.replaceAll(".", "\\.")} +PROGBITS +(\\w+) +\\w+ +(\\w+)`);
  const [, address = "", size = ""] = pattern.exec(run("readelf", "-SW", file)) ?? [];
  return { address: Number.parseInt(address, 16), size: Number.parseInt(size, 16) };
}

function places(file: string, section: string, count: number): string[] {
  const { address, size } = sectionOf(file, section);
  const random = new Random(2_026);
  return Array.from({ length: count }, () => `0x${(address + random.below(size)).toString(16)}`);
}

function ask(program: string, args: readonly string[], questions: readonly string[]): Shown {
  const input = `${questions.join("\n")}\n`;
  const text = execFileSync(program, args, {
    cwd: scratch,
    input,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: "pipe",
  });
  return parseShown(text);
}

function askOurs(args: readonly string[], questions: readonly string[]): Shown {
  const { stdout, stderr, status } = bindery(["addr2line", ...args], `${questions.join("\n")}\n`);
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  return parseShown(stdout);
}

const text = (frames: readonly ShownFrame[] | undefined): string[] =>
  (frames ?? []).map((frame) => `${frame.function} ${frame.file}:${frame.line}`);

/** Functions of one section, by `readelf`, since `nm` does not tell sections apart. */
function functionsIn(file: string, section: string): ShownSymbol[] {
  const index = new RegExp(`\\[ *(\\d+)\\] ${section.replaceAll(".", "\\.")} `).exec(
    run("readelf", "-SW", file),
  )?.[1];
  const rows = run("readelf", "-sW", file).matchAll(
    /^ *\d+: ([0-9a-f]+) +(\w+) FUNC +\S+ +\S+ +(\d+) (\S+)/gm,
  );
  return [...rows]
    .filter(([, , , its]) => its === index)
    .map(([, value, size, , name = ""]) => ({ name, value: BigInt(`0x${value}`), size: BigInt(size ?? 0) }));
}

function judge(file: string): Judged {
  const names = new Set(parseSymbols(run("nm", "-S", file)).map((symbol) => symbol.name));
  return { functions: functionsIn(file, ".text"), names, sources: new Set(SOURCES) };
}

/** Answers of ours that differ from one of the tools' for no reason that there is a rule for. */
function faults(ours: Shown, gnu: Shown, llvm: Shown, judged: Judged): unknown[] {
  expect([gnu.length, llvm.length]).toEqual([ours.length, ours.length]);
  return ours.flatMap(({ address, frames }, i) => {
    const [theirs, others] = [gnu[i]?.frames ?? [], llvm[i]?.frames ?? []];
    const reasons = [
      gnuExcuse(address, frames, theirs, others, judged),
      llvmExcuse(address, frames, theirs, others, judged),
    ];
    if (!reasons.includes(undefined)) return [];
    return [{ address, reasons, ours: text(frames), gnu: text(theirs), llvm: text(others) }];
  });
}

describe.each(BUILDS)("$name", ({ name }) => {
  it("says of 1,000 addresses of an executable what GNU and LLVM say", () => {
    const file = `${name}.exe`;
    const questions = places(file, ".text", 1000);
    const ours = askOurs(["-e", join(scratch, file), "-afi"], questions);
    const gnu = ask("addr2line", ["-e", file, "-afi"], questions);
    const llvm = ask("llvm-addr2line", ["-e", file, "-afi"], questions);
    expect(ours.map(({ address }) => address)).toEqual(questions.map(BigInt));
    expect(faults(ours, gnu, llvm, judge(file))).toEqual([]);
    expect(ours.filter(({ frames }) => frames.length > 1).length).toBeGreaterThan(300);
  });

  it("says of 1,000 places in a section of a module what GNU and LLVM say of them once it is placed", () => {
    const file = `${name}.ko`;
    const offsets = places(file, ".text", 1000);
    const { address: start } = sectionOf(`${name}.placed`, ".text");
    const placed = offsets.map((offset) => `0x${(Number(offset) + start).toString(16)}`);
    const ours = askOurs(["-e", join(scratch, file), "-j", ".text", "-afi"], offsets);
    const gnu = ask("addr2line", ["-e", `${name}.placed`, "-afi"], placed);
    const llvm = ask("llvm-addr2line", ["-e", `${name}.placed`, "-afi"], placed);
    expect(faults(ours, gnu, llvm, judge(file))).toEqual([]);
    const named = offsets.map((offset) => `.text+${offset}`);
    expect(askOurs(["-e", join(scratch, file), "-afi"], named)).toEqual(ours);
  });

  it("never mistakes one section that begins at 0 for another: answers are those for the program that was linked", () => {
    const starts = new Map(
      parseSymbols(run("nm", "-S", `${name}.exe`)).map((one) => [one.name, one] as const),
    );
    for (const [section, first] of [
      [".init.text", "begin"],
      [".exit.text", "end"],
    ] as const) {
      const { value, size } = starts.get(first) ?? { value: 0n, size: 0n };
      const offsets = Array.from({ length: Number(size) }, (_, i) => BigInt(i));
      const linked = ask(
        "addr2line",
        ["-e", `${name}.exe`, "-afi"],
        offsets.map((i) => `0x${(value + i).toString(16)}`),
      );
      for (const file of [`${name}.ko`, `main.${name}.o`]) {
        const path = join(scratch, file);
        const ours = askOurs(
          ["-e", path, "-j", section, "-afi"],
          offsets.map((i) => i.toString(16)),
        );
        const named = askOurs(
          ["-e", path, "-afi"],
          offsets.map((i) => `${section}+0x${i.toString(16)}`),
        );
        expect(ours.map(({ frames }) => text(frames))).toEqual(linked.map(({ frames }) => text(frames)));
        expect(named).toEqual(ours);
      }
    }
  });

  it("answers for each of the many sections of an object file", () => {
    const file = `main.${name}.o`;
    for (const section of [".text.one", ".text.two", ".text.three", ".text.helper"]) {
      const questions = Array.from({ length: sectionOf(file, section).size }, (_, i) => i.toString(16));
      const ours = askOurs(["-e", join(scratch, file), "-j", section, "-afi"], questions);
      const gnu = ask("addr2line", ["-e", file, "-j", section, "-afi"], questions);
      expect(ours.map(({ frames }) => text(frames))).toEqual(gnu.map(({ frames }) => text(frames)));
    }
  });
});

describe("output", () => {
  it.each([["-a"], ["-s"], ["-f"], ["-fi"], ["-afi"], ["-pf"], ["-apfi"], ["-Cfi"], ["-ip"]])(
    "with %s is GNU's, byte for byte",
    (flags) => {
      const begin = parseSymbols(run("nm", "-S", "gcc5.exe")).filter(({ name }) =>
        /^(main|helper|one|two)$/.test(name),
      );
      const asked = begin.flatMap(({ value, size }) => [value, value + size / 2n, value + size - 1n]);
      const numbers = [...asked.map((address) => address.toString(16)), "0", "0x1234567812345678"];
      const gnu = run("addr2line", "-e", "gcc5.exe", flags, ...numbers);
      const ours = bindery(["addr2line", "-e", join(scratch, "gcc5.exe"), flags, ...numbers]);
      expect(ours).toEqual({ stdout: gnu, stderr: "", status: 0 });
    },
  );

  it("gives all that is known as JSON", () => {
    const { value } = functionNamed("gcc5.exe", "helper");
    const path = join(scratch, "gcc5.exe");
    const { stdout, status } = bindery(["addr2line", "-e", path, "--json", "helper+0", "nowhere", "0"]);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual([
      {
        input: "helper+0",
        address: `0x${value.toString(16)}`,
        frames: [
          {
            function: "helper",
            file: join(scratch, "main.c"),
            line: sourceLine("int helper"),
            column: 27,
            discriminator: 0,
            inlined: false,
          },
        ],
      },
      { input: "nowhere", address: null, frames: [], notes: [`${path}: found no section or symbol nowhere`] },
      { input: "0", address: "0x0", frames: [] },
    ]);
  });

  it("answers symbols of both kinds of files as numbers", () => {
    for (const file of ["gcc5.exe", "gcc5.ko"]) {
      const { value } = functionNamed(file, "two");
      const path = join(scratch, file);
      const number = `0x${(value + 7n).toString(16)}`;
      expect(bindery(["addr2line", "-e", path, "-fi", "two+0x7"]).stdout).toBe(
        bindery(["addr2line", "-e", path, "-fi", ...(file.endsWith("ko") ? ["-j", ".text"] : []), number])
          .stdout,
      );
    }
  });

  it("takes a number without a section for one in the first section that knows it, as GNU does", () => {
    const { value, size } = functionNamed("gcc5.ko", "helper");
    const asked = Array.from({ length: Number(size) }, (_, i) => (value + BigInt(i)).toString(16));
    const gnu = run("addr2line", "-e", "gcc5.ko", ...asked);
    expect(bindery(["addr2line", "-e", join(scratch, "gcc5.ko"), ...asked]).stdout).toBe(gnu);
  });

  it("follows the debug file of a stripped one", () => {
    copyFileSync(join(scratch, "gcc5.exe"), join(scratch, "whole"));
    run("objcopy", "--only-keep-debug", "whole", "whole.debug");
    run("objcopy", "--strip-all", "--add-gnu-debuglink=whole.debug", "whole", "stripped");
    const asked = places("gcc5.exe", ".text", 50);
    const [one, other] = ["whole", "stripped"].map(
      (file) => bindery(["addr2line", "-e", join(scratch, file), "-fi", ...asked]).stdout,
    );
    expect(other).toBe(one);
    expect(one).toContain("main.c");
  });

  function functionNamed(file: string, name: string): ShownSymbol {
    const found = parseSymbols(run("nm", "-S", file)).find((symbol) => symbol.name === name);
    return found ?? { name, value: -1n, size: 0n };
  }

  function sourceLine(start: string): number {
    const lines = execFileSync("cat", [join(FIXTURES, "main.c")], { encoding: "utf8" }).split("\n");
    return lines.findIndex((line) => line.startsWith(start)) + 1;
  }
});

describe("input", () => {
  it("answers each line as it comes", async () => {
    const child = spawn(process.execPath, [MAIN, "addr2line", "-e", join(scratch, "gcc5.exe"), "-f"]);
    const closed = new Promise((done) => child.once("close", done));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    for (const name of ["main", "helper", "one"]) {
      child.stdin.write(`${name}\n`);
      // The function, and its place.
      expect(await lines.next()).toEqual({ done: false, value: name });
      expect(await lines.next()).toMatchObject({ value: expect.stringMatching(/main\.c:\d+$/) });
    }
    child.stdin.end();
    expect(await closed).toBe(0);
  });

  it("tells what is no address, and answers the rest", () => {
    const path = join(scratch, "gcc5.exe");
    const { stdout, stderr, status } = bindery(["addr2line", "-e", path, "-f"], "what is this\nmain\n");
    expect(stdout.split("\n").slice(0, 3)).toEqual(["??", "??:0", "main"]);
    expect(stderr).toBe('bindery: found "what is this", expected an address\n');
    expect(status).toBe(1);
  });

  it("fails for a file that is not there, and for a section that is not in it", () => {
    expect(bindery(["addr2line", "-e", join(scratch, "none"), "1"])).toMatchObject({ status: 1, stdout: "" });
    const { stderr, status } = bindery(["addr2line", "-e", join(scratch, "gcc5.exe"), "-j", ".none", "1"]);
    expect([stderr, status]).toEqual([`bindery: ${join(scratch, "gcc5.exe")}: found no section .none\n`, 1]);
    expect(bindery(["addr2line", "--pid", "x"]).status).toBe(2);
  });

  it("answers for a process", () => {
    const path = process.execPath;
    const symbol = parseSymbols(run("nm", "-SD", path)).find(({ name }) => name === "_ZN4node5StartEiPPc");
    const { stdout, status } = bindery([
      "addr2line",
      "--pid",
      String(process.pid),
      "-fC",
      "_ZN4node5StartEiPPc",
    ]);
    expect(symbol).toBeDefined();
    expect([stdout.split("\n")[0], status]).toEqual(["node::Start(int, char**)", 0]);
  });
});
