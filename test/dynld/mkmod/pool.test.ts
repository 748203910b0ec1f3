/** Strings and constants of several objects: once in the module, where ld and compilers hold them to be the same. */
import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { makeModule } from "../../../src/dynld/mkmod/mkmod.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { type Compiler, compile, pathOf, tool } from "../support/compile.ts";

/** What a part gives out: narrow, wide and aligned strings, the end of one, constants of 4, 8 and 16 bytes. */
const part = (name: string): string => `
  #include <stddef.h>
  const char *same_${name}(void) { return "held by both"; }
  const char *own_${name}(void) { return "held by ${name} only"; }
  const char *rest_${name}(int at) { return &"held by both"[at & 7]; }
  const char *const list_${name}[] = { "held by both", "", "${name}", "of a table" };
  const wchar_t *wide_${name}(void) { return L"wide \\u20ac"; }
  const char *long_${name}(void) { return "a string that is long enough to be aligned to eight bytes by compilers"; }
  double twice_${name}(double x) { return x * 1234.5 + 0.0625; }
  float half_${name}(float x) { return x * 0.75f; }
  double less_${name}(double x) { return -x; }`;

const MAIN = `
  #include <stddef.h>
  #include <stdio.h>
  #include <string.h>
  #define OF(n) const char *same_##n(void), *own_##n(void), *rest_##n(int), *long_##n(void); extern const char *const list_##n[]; \\
    const wchar_t *wide_##n(void); double twice_##n(double), less_##n(double); float half_##n(float);
  OF(a) OF(b)
  #define SAY(n) printf("%s|%s|%s|%s|%s|%s|%s|%s|%x|%g|%g|%g\\n", same_##n(), own_##n(), rest_##n(5), list_##n[0], list_##n[1], \\
    list_##n[2], list_##n[3], long_##n(), (unsigned)wide_##n()[5], twice_##n(2), (double)half_##n(2), less_##n(3));
  int main(void) { SAY(a) SAY(b) return 0; }`;
const LONG = "a string that is long enough to be aligned to eight bytes by compilers";
const SAID = ["a", "b"]
  .map(
    (name) =>
      `held by both|held by ${name} only|by both|held by both||${name}|of a table|${LONG}|20ac|2469.06|1.5|-3\n`,
  )
  .join("");

/** With Debian's C library of that machine. */
const ROOT = "/usr/aarch64-linux-gnu";
const AARCH64 = ["--target=aarch64-linux-gnu", "-isystem", `${ROOT}/include`];
const STARTS = ["crt1.o", "crti.o", "crtn.o"].map((name) => `${ROOT}/lib/${name}`);
const LINK_AARCH64 = ["-fuse-ld=lld", "-no-pie", "-nostdlib", ...STARTS, `-L${ROOT}/lib`, "-lc"];
const QEMU = ["qemu-aarch64", "-L", ROOT];

const occurrences = (bytes: Uint8Array, text: string): number =>
  Buffer.from(bytes).toString("latin1").split(text).length - 1;

describe("strings and constants", () => {
  it.each([
    ["gcc", ["-O1"]],
    ["gcc", ["-O2", "-fPIC"]],
    ["gcc", ["-O2", "-mcmodel=large", "-fno-pic"]],
    ["gcc", ["-Os", "-fdata-sections"]],
    ["clang", ["-O0"]],
    ["clang", ["-O2", "-fPIC"]],
  ] as [Compiler, string[]][])("are there once, of objects of %s %j", (compiler, flags) => {
    const files = ["a", "b"].map((name) => compile(part(name), compiler, flags));
    const { bytes } = makeModule(files);
    for (const text of ["held by both\0", "of a table\0", `${LONG}\0`, "w\0\0\0i\0\0\0d\0\0\0e\0\0\0"])
      expect(occurrences(bytes, text), text).toBe(1);
    const double = Buffer.alloc(8);
    double.writeDoubleLE(1234.5);
    expect(occurrences(bytes, double.toString("latin1"))).toBe(1);
    using module = NativeModule.load({ name: "made", bytes });
    const pointer = (name: string, ...args: number[]) =>
      module.call(`unsigned long ${name}(${args.length === 0 ? "void" : "int"})`, ...args) as bigint;
    expect(pointer("same_a")).toBe(pointer("same_b"));
    expect(pointer("rest_a", 5)).toBe(pointer("same_b") + 5n);
    expect(pointer("own_a")).not.toBe(pointer("own_b"));
    for (const name of ["a", "b"]) {
      expect(module.call(`const char *same_${name}(void)`)).toBe("held by both");
      expect(module.call(`const char *own_${name}(void)`)).toBe(`held by ${name} only`);
      expect(module.call(`const char *long_${name}(void)`)).toBe(LONG);
      expect(module.call(`double twice_${name}(double)`, 2)).toBe(2 * 1234.5 + 0.0625);
      expect(module.call(`float half_${name}(float)`, 2)).toBe(1.5);
      expect(module.call(`double less_${name}(double)`, 3)).toBe(-3);
    }
    // The constant that a sign is turned with is read as sixteen aligned bytes.
    expect(module.call("double less_b(double)", -7)).toBe(7);
  });

  it.each([
    { compiler: "gcc", flags: ["-O2"], link: [], run: [] },
    { compiler: "gcc", flags: ["-O1", "-fno-pic"], link: ["-no-pie"], run: [] },
    { compiler: "clang", flags: [...AARCH64, "-O0", "-fPIC"], link: LINK_AARCH64, run: QEMU },
    { compiler: "clang", flags: [...AARCH64, "-O2", "-fno-pic"], link: LINK_AARCH64, run: QEMU },
  ])(
    "are where a program that a linker makes finds them: $compiler $flags",
    ({ compiler, flags, link, run }) => {
      const files = ["a", "b"].map((name) => compile(part(name), compiler as Compiler, flags));
      const { bytes } = makeModule(files);
      expect(occurrences(bytes, "held by both\0")).toBe(1);
      writeFileSync(pathOf("parts.o"), bytes);
      writeFileSync(pathOf("says.c"), MAIN);
      tool(compiler, ...flags, "-o", "says", "says.c", "parts.o", ...link);
      const [command = pathOf("says"), ...args] = [...run, pathOf("says")];
      expect(tool(command, ...args)).toBe(SAID);
    },
  );

  it("have addends in their places where a machine's records have none", () => {
    const files = ["a", "b"].map((name) =>
      compile(part(name), "gcc", ["-m32", "-O2", "-fno-pic", "-mno-sse"]),
    );
    const { bytes } = makeModule(files);
    expect(occurrences(bytes, "held by both\0")).toBe(1);
    writeFileSync(pathOf("parts32.o"), bytes);
    tool("ld", "-m", "elf_i386", "-Ttext=0x10000", "-e", "0", "-o", "linked32", "parts32.o");
    // gdb reads memory of the file by its symbols.
    const ask = (what: string) => ["-ex", `printf "%s\\n", ${what}`];
    const asked = ["a", "b"].flatMap((name) =>
      [0, 2, 3].flatMap((i) => ask(`((char **)&list_${name})[${i}]`)),
    );
    expect(tool("gdb", "-nx", "-batch", ...asked, "linked32")).toBe(
      "held by both\na\nof a table\nheld by both\nb\nof a table\n",
    );
  });

  it.each(["gcc", "clang"] as const)(
    "of debug information are those that ld -r keeps one by one: %s",
    (compiler) => {
      const files = ["a", "b"].map((name) => compile(part(name), compiler, ["-g", "-O1"]));
      const { bytes } = makeModule(files);
      writeFileSync(pathOf("made.o"), bytes);
      tool("ld", "-r", "-o", "kept.o", ...files.map(({ name }) => name));
      const strings = (path: string) =>
        [...tool("readelf", "--debug-dump=info", path).matchAll(/(DW_AT_\w+) +: \(ind[^)]*\): (.*)/g)].map(
          ([, attribute, text]) => `${attribute} ${text}`,
        );
      const kept = strings("kept.o");
      expect(kept.length).toBeGreaterThan(20);
      expect(strings("made.o")).toEqual(kept);
      expect(occurrences(bytes, "\0wchar_t\0")).toBe(1);
      expect(sizeOf("made.o", ".debug_str")).toBeLessThan(sizeOf("kept.o", ".debug_str"));
    },
  );

  it("stay in one piece where a reference to the section does not tell which is meant, and where there is no end", () => {
    const assembled = (text: string) => compile(`__asm__(${JSON.stringify(text)});`);
    const strings = '.section .rodata.str1.1,"aMS",@progbits,1\n';
    const vague = `${strings}.string "first"\n.string "second"\n.text\n.globl at\n.type at, @function\nat: .byte 0x48, 0x8d, 0x05\n.reloc ., R_X86_64_PC32, .rodata.str1.1 + 2\n.long 0\nret`;
    const open = `${strings}.globl open\nopen: .string "first"\n.ascii "open"`;
    const { bytes } = makeModule([assembled(vague), assembled(open)]);
    expect(occurrences(bytes, "first\0second\0")).toBe(1);
    expect(occurrences(bytes, "first\0open")).toBe(1);
    using module = NativeModule.load({ name: "made", bytes });
    expect(module.call("const char *at(void)")).toBe("second");
  });
});

/** By readelf. */
function sizeOf(path: string, section: string): number {
  const [, size = ""] =
    new RegExp(` \\${section} +PROGBITS +\\w+ \\w+ (\\w+)`).exec(tool("readelf", "-SW", path)) ?? [];
  return Number.parseInt(size, 16);
}
