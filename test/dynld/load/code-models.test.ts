/** Objects of gcc and clang in all code models, loaded and run. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { ET } from "../../../src/elf/constants/header.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { type Compiler, compile } from "../support/compile.ts";

const SOURCE = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
extern int host_add(int, int);
int table[4] = {1, 2, 3, 4};
int zeros[1000];
static int hidden = 5;
int *pointer = &table[2];
const char *const words[] = {"zero", "one", "two"};
static int square(int x) { return x * x; }
int (*const chosen)(int) = square;
__attribute__((weak)) extern int absent(void);
int add(int a, int b) { return host_add(a, b) + hidden; }
int sum(int n) { int s = 0; for (int i = 0; i < n; i++) s += table[i % 4] + zeros[i]; return s; }
int through(int x) { return chosen(x) + *pointer; }
int has_absent(void) { return absent != 0; }
int length(int i) { return strlen(words[i]); }
int text(char *to, int n) { return snprintf(to, 100, "%s-%d-%.1f", words[1], n, n * 1.5); }
int pick(int n) { switch (n) { case 0: return 10; case 1: return 21; case 2: return 32; case 3: return 43; case 4: return 54; case 5: return 65; default: return -1; } }
int bump(void) { return ++hidden; }
`;

function load(compiler: Compiler, flags: string[]): NativeModule {
  const table = new ExportTable()
    .addLibrary("libc.so.6", ["strlen", "snprintf"])
    .addFunction("int host_add(int a, int b)", (a: number, b: number) => a + b);
  return NativeModule.load(compile(SOURCE, compiler, flags), { name: "models", table });
}

const CASES: readonly [Compiler, ...string[]][] = [
  ["gcc"],
  ["gcc", "-fno-pic"],
  ["gcc", "-fno-pic", "-O2"],
  ["clang", "-fno-pic", "-O1"],
  ["gcc", "-fPIC"],
  ["gcc", "-fPIE", "-O2"],
  ["gcc", "-fPIC", "-O2", "-fno-plt"],
  ["gcc", "-fPIC", "-mcmodel=medium", "-O2"],
  ["gcc", "-fPIC", "-mcmodel=large"],
  ["gcc", "-fno-pic", "-mcmodel=large", "-O1"],
  ["gcc", "-fPIC", "-Os", "-ffunction-sections", "-fdata-sections", "-fcommon"],
  ["clang"],
  ["clang", "-fPIC", "-O2", "-fno-plt"],
  ["clang", "-fPIC", "-Wa,-mrelax-relocations=no"],
  ["clang", "-fPIC", "-mcmodel=large", "-O1"],
  ["clang", "-fno-pic", "-mcmodel=large"],
];

/** The loader puts an object where it is asked to only for a program that is linked to fixed addresses itself. */
const PLACES = ElfFile.open(readFileSync(process.execPath)).header.type === ET.ET_EXEC;

describe("a C object", () => {
  it("that uses the program's data without -fPIC lies near it", () => {
    const source = `#include <stdio.h>
      #include <unistd.h>
      extern char **environ;
      FILE *out(void) { return stdout; }
      char *first(void) { return environ[0]; }`;
    const table = new ExportTable().addLibrary("libc.so.6");
    const load = () => NativeModule.load(compile(source, "gcc", ["-fPIE"]), { name: "stdio", table });
    if (!PLACES) {
      expect(load).toThrow(/expected .* needs code compiled with -fPIC/);
      return;
    }
    using module = load();
    expect(module.call("const char *first(void)")).toContain("=");
    expect(module.call("uintptr_t out(void)")).not.toBe(0);
  });

  it.each(CASES)("of %s %s %s %s runs where it lies", (...[compiler, ...flags]: [Compiler, ...string[]]) => {
    if (!PLACES && flags.includes("-fno-pic") && !flags.includes("-mcmodel=large")) {
      expect(() => load(compiler, flags)).toThrow(/needs -fPIC or -fPIE/);
      return;
    }
    using module = load(compiler, flags);
    expect(module.call("int add(int a, int b)", 1, 2)).toBe(8);
    expect(module.call("int sum(int n)", 8)).toBe(20);
    expect(module.call("int through(int x)", 7)).toBe(52);
    expect(module.call("int has_absent(void)")).toBe(0);
    expect(module.call("int length(int i)", 0)).toBe(4);
    const buffer = Buffer.alloc(100);
    expect(module.call("int text(uint8_t *to, int n)", buffer, 3)).toBe(9);
    expect(buffer.toString("latin1", 0, 9)).toBe("one-3-4.5");
    expect([0, 1, 2, 3, 4, 5, 6].map((n) => module.call("int pick(int n)", n))).toEqual([
      10, 21, 32, 43, 54, 65, -1,
    ]);
    expect(module.call("int bump(void)")).toBe(6);
  });
});
