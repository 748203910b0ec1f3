import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bindery } from "./run.ts";

const LIBRARIES = "/usr/lib/x86_64-linux-gnu";
const LIBC = `${LIBRARIES}/libc.so.6`;

let folder = "";
let object = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bindery-cli-elf-"));
  const source = join(folder, "a.cc");
  object = join(folder, "a.o");
  writeFileSync(
    source,
    `#include <vector>
     thread_local int counter;
     static int hidden = 3;
     template <class T> T twice(T x) { return x + x; }
     int use(std::vector<int> v) { return twice(v.at(0)) + counter + hidden++; }
     extern "C" __attribute__((weak)) int maybe(void);
     int call() { return maybe ? maybe() : 0; }`,
  );
  execFileSync("g++", ["-c", "-g", "-fPIC", "-ffunction-sections", "-o", object, source]);
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Lines as both tools print them: spaces count once, and what only describes the layout is left out. */
function lines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim().replaceAll(/\s+/g, " "))
    .filter(
      (line) =>
        line !== "" && !/^(Key to Flags|[WLCRD] \(|p \(|.*\([oy] \(|There are no|Properties:)/.test(line),
    )
    .map((line) => line.replace(/^0x[0-9a-f]+: (Parent|Name)/, "$1"));
}

function readelf(option: string, file: string): string[] {
  return lines(
    execFileSync("readelf", ["-W", option, file], { encoding: "utf8", maxBuffer: 1 << 28, stdio: "pipe" }),
  );
}

function ours(option: string, file: string): string[] {
  const { status, stdout, stderr } = bindery(["elf", option, file]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return lines(stdout);
}

describe("the same lines as readelf", () => {
  const files = ["/bin/bash", LIBC, `${LIBRARIES}/libm.so.6`, `${LIBRARIES}/libstdc++.so.6`];

  test.each(files)("%s", (file) => {
    expect(ours("-hlSgdsIV", file)).toEqual(readelf("-hlSgdsIV", file));
  });

  test("one table alone, which is introduced differently", () => {
    for (const option of ["-l", "-S", "--dyn-syms"]) {
      expect(ours(option, LIBC), option).toEqual(readelf(option, LIBC));
    }
  });

  test("an object file with groups, TLS and relocations", () => {
    expect(ours("-hlSgrs", object)).toEqual(readelf("-hlSgrs", object));
  });

  test("relocations of a library, RELR ones decoded", () => {
    const theirs = readelf("-r", LIBC).filter((line) => !/\.relr|^\d+ offsets$/.test(line));
    expect(ours("-r", LIBC).filter((line) => !line.includes(".relr"))).toEqual(theirs);
  });

  test("demangled names", () => {
    const theirs = execFileSync("readelf", ["-W", "-sC", object], { encoding: "utf8", stdio: "pipe" });
    expect(ours("-sC", object)).toEqual(lines(theirs));
    expect(theirs).toContain("int twice<int>(int)");
  });

  test("notes", () => {
    const withoutProperties = (list: string[]): string[] => list.filter((line) => !line.includes("PROPERTY"));
    expect(withoutProperties(ours("-n", LIBC))).toEqual(withoutProperties(readelf("-n", LIBC)));
  });

  test.each(["i686", "aarch64", "armv7", "riscv64", "powerpc64le", "s390x"])(
    "an object for %s",
    (machine) => {
      const source = join(folder, "b.c");
      const file = join(folder, `${machine}.o`);
      writeFileSync(source, "extern int x; __thread int t; int f(int *p) { return *p + x + t; }");
      execFileSync("clang", [`--target=${machine}-linux-gnu`, "-fPIC", "-c", "-o", file, source]);
      // Older versions of readelf do not know the name of clang's own section type.
      const known = (list: string[]): string[] => list.filter((line) => !line.includes(".llvm_addrsig"));
      expect(known(ours("-hSsr", file))).toEqual(known(readelf("-hSsr", file)));
    },
  );
});

test("without a selection the headers are shown, and -a shows everything", () => {
  expect(bindery(["elf", object]).stdout).toBe(bindery(["elf", "-e", object]).stdout);
  const all = bindery(["elf", "-a", LIBC]).stdout;
  for (const part of [
    "ELF Header:",
    "Section Headers:",
    "Program Headers:",
    "Dynamic section",
    "Relocation section",
    "Symbol table '.dynsym'",
    "Histogram",
    "Version needs",
    "Build ID",
  ]) {
    expect(all).toContain(part);
  }
});

test("readelf's long names are understood", () => {
  const long = [
    "--program-headers",
    "--section-headers",
    "--syms",
    "--version-info",
    "--histogram",
    "--file-header",
  ];
  expect(bindery(["elf", "--wide", ...long, LIBC]).stdout).toBe(bindery(["elf", "-lSsVIh", LIBC]).stdout);
});

describe("--json", () => {
  test("is one document with exact values", () => {
    const { stdout } = bindery(["elf", "--json", "-a", LIBC, object]);
    const [libc, obj, ...more] = JSON.parse(stdout);
    expect(stdout).toBe(`${JSON.stringify(JSON.parse(stdout), null, 2)}\n`);
    expect(more).toEqual([]);
    expect(libc.file).toBe(LIBC);
    expect(libc.header.machine).toEqual({ value: 62, name: "EM_X86_64" });
    const build = /Build ID: (\w+)/.exec(execFileSync("readelf", ["-n", LIBC], { encoding: "utf8" }))?.[1];
    const contents = libc.notes.map((note: { content: { kind: string; id?: string } }) => note.content);
    expect(contents).toContainEqual({ kind: "build-id", id: build });
    const text = obj.sections.find((section: { name: string }) => section.name === ".text");
    expect(text.type).toEqual({ value: 1, name: "SHT_PROGBITS" });
    expect(text.flags.names).toEqual(["SHF_ALLOC", "SHF_EXECINSTR"]);
    expect(obj.dynamic).toBeNull();
    const rela = obj.relocations.find((one: { name: string }) => one.name.startsWith(".rela.text"));
    expect(typeof rela.relocations[0].addend).toBe("string");
  });

  test("has every symbol's address, as nm prints it", () => {
    const [{ dynamicSymbols }] = JSON.parse(bindery(["elf", "--json", "--dyn-syms", "-C", LIBC]).stdout);
    const values = new Map<string, string>(
      dynamicSymbols[0].symbols.map((symbol: { name: string; value: string }) => [symbol.name, symbol.value]),
    );
    const nm = execFileSync("nm", ["-D", "--defined-only", "--without-symbol-versions", LIBC], {
      encoding: "utf8",
    });
    const functions = [...nm.matchAll(/^([0-9a-f]{16}) [TW] (\w+)$/gm)];
    const names: string[] = dynamicSymbols[0].symbols.map(({ name }: { name: string }) => name);
    const counts = new Map<string, number>();
    for (const name of names) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    // Names with several versions have several addresses.
    const once = functions.filter(([, , name]) => counts.get(name ?? "") === 1);
    expect(once.length).toBeGreaterThan(1000);
    for (const [, value, name] of once) {
      expect(BigInt(values.get(name ?? "") ?? 0), name).toBe(BigInt(`0x${value}`));
    }
  });
});

describe("several files, archives and compressed files", () => {
  test("each file has a title; members of archives are files", () => {
    const archive = join(folder, "lib.a");
    const thin = join(folder, "thin.a");
    execFileSync("ar", ["rc", archive, object, LIBC]);
    execFileSync("ar", ["rcT", "thin.a", "a.o"], { cwd: folder });
    const titles = (args: string[]): string[] =>
      bindery(["elf", "-h", ...args]).stdout.match(/^File: .*$/gm) ?? [];
    expect(titles([archive])).toEqual([`File: ${archive}(a.o)`, `File: ${archive}(libc.so.6)`]);
    expect(titles([thin, object])).toEqual([`File: ${thin}(a.o)`, `File: ${object}`]);
    const member = bindery(["elf", "-S", `${archive}(a.o)`]);
    expect(member.stdout).toBe(bindery(["elf", "-S", object]).stdout);
    const missing = bindery(["elf", "-S", `${archive}(b.o)`]);
    expect(missing.status).toBe(1);
    expect(missing.stderr).toMatch(/^bindery: .*lib\.a.*no member b\.o.*\n$/);
  });

  test("compressed modules are shown as if they were not", () => {
    const bytes = readFileSync(object);
    const plain = bindery(["elf", "-sS", object]).stdout;
    writeFileSync(join(folder, "a.ko.gz"), gzipSync(bytes));
    writeFileSync(join(folder, "a.ko.xz"), execFileSync("xz", ["-c", object], { maxBuffer: 1 << 26 }));
    writeFileSync(join(folder, "a.ko.zst"), execFileSync("zstd", ["-qc", object], { maxBuffer: 1 << 26 }));
    for (const name of ["a.ko.gz", "a.ko.xz", "a.ko.zst"]) {
      expect(bindery(["elf", "-sS", join(folder, name)]).stdout).toBe(plain);
    }
  });
});

describe("files that can't be read", () => {
  test.each([
    ["missing", "/nonexistent/a.o", "/nonexistent/a.o: no such file or directory"],
    [
      "a directory without any",
      "/usr/share/doc/base-files",
      "/usr/share/doc/base-files: found a directory without ELF",
    ],
    ["no ELF file", "/etc/passwd", "/etc/passwd: ELF header+0x0: not an ELF file"],
  ])("%s: said in one line, the other files are shown, status 1", (_, path, message) => {
    const { status, stdout, stderr } = bindery(["elf", "-h", object, path, "/bin/true"]);
    expect(status).toBe(1);
    expect(stderr.startsWith(`bindery: ${message}`)).toBe(true);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stdout.match(/^File: .*$/gm)).toEqual([`File: ${object}`, "File: /bin/true"]);
  });

  test("a directory stands for the ELF files below it, in order", () => {
    const below = join(folder, "below");
    mkdirSync(join(below, "b"), { recursive: true });
    for (const name of ["c.o", "a.o", "b/z.o"]) copyFileSync(object, join(below, name));
    writeFileSync(join(below, "notes.txt"), "no ELF file");
    const { status, stdout, stderr } = bindery(["elf", "-h", below]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.match(/^File: .*$/gm)).toEqual(
      ["a.o", "b/z.o", "c.o"].map((name) => `File: ${join(below, name)}`),
    );
  });

  test("truncated: what can be read is shown, the place is named once", () => {
    const path = join(folder, "short");
    writeFileSync(path, readFileSync("/bin/bash").subarray(0, 10_000));
    const { status, stdout, stderr } = bindery(["elf", "-a", path]);
    expect(status).toBe(1);
    expect(stdout).toContain("ELF Header:");
    expect(stdout).toContain("Program Headers:");
    expect(stderr).toContain(`${path}: section header table:`);
    const messages = stderr.trimEnd().split("\n");
    expect(new Set(messages).size).toBe(messages.length);
    const [document] = JSON.parse(bindery(["elf", "--json", "-hS", path]).stdout);
    expect(document.header.class).toBe(64);
    expect(document.errors).toMatchObject([{ part: "sections", code: "ELF_TRUNCATED" }]);
  });
});
