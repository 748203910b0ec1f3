/** `bindery modinfo` of ELF modules and object files, beside what nm and readelf say of them. */
import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { compileTo, pathOf, tool } from "../dynld/support/compile.ts";
import { bindery } from "./run.ts";

const SOURCE = `unsigned long strlen(const char *);
  extern int limit;
  int state = 3;
  int *where = &state;
  int room[4];
  static int hidden(int x) { return x + limit; }
  int measure(const char *text, int times) { return strlen(text) * hidden(times); }`;

interface Symbols {
  readonly name: string;
  readonly [key: string]: unknown;
}

const json = (...args: string[]) => JSON.parse(bindery(["modinfo", "--json", ...args]).stdout);
const namesOf = (symbols: readonly Symbols[]) => symbols.map(({ name }) => name);
const object = compileTo(SOURCE, "gcc", ["-g", "-O0", "-fno-pic"]);
const made = pathOf("modinfo-made.o");
bindery(["mkmod", "-o", made, object]);

describe("bindery modinfo of ELF", () => {
  it.each([
    ["an object file", object, false],
    ["a module of mkmod", made, true],
  ])("has the symbols of %s that nm has, and the relocations of readelf", (_what, path, isMade) => {
    const shown = json(path);
    expect(shown).toMatchObject({ format: "ELF", arch: "EM_X86_64", made: isMade, ok: true });
    expect(shown.header).toEqual({ machine: "EM_X86_64", class: 64, byteOrder: "little", flags: 0 });
    const nm = (flag: string) =>
      tool("nm", flag, "-g", path)
        .trimEnd()
        .split("\n")
        .map((line) => line.trim().split(/\s+/));
    expect(namesOf(shown.exports)).toEqual(nm("--defined-only").map((parts) => parts[2]));
    expect(namesOf(shown.imports)).toEqual(nm("--undefined-only").map((parts) => parts[1]));
    for (const [value, , name] of nm("--defined-only")) {
      const { at, section } = shown.exports.find((one: Symbols) => one.name === name);
      expect(at).toBe(Number(`0x${value}`));
      expect(section).toBe(name === "measure" ? ".text" : name === "room" ? ".bss" : ".data");
    }
    const readelf = tool("readelf", "-rW", path)
      .split(/\n(?=Relocation section)/)
      .filter((part) => !/^\s*Relocation section '\.rela\.debug/.test(part))
      .flatMap((part) => part.match(/^[0-9a-f]{16}.*R_X86_64_\w+/gm) ?? [])
      .map((line) => line.split(/\s+/))
      .map(([offset, , type]) => `${Number(`0x${offset}`)} ${type}`);
    expect(readelf.length).toBeGreaterThan(4);
    const relocs = shown.relocs.map(({ at, type }: { at: number; type: string }) => `${at} ${type}`);
    expect(relocs.sort()).toEqual(readelf.sort());
  });

  it("shows the members of an archive as the objects alone, and one of them", () => {
    const other = compileTo("int other(int a) { return a; }", "clang", ["-g"]);
    const archive = pathOf("several.a");
    tool("ar", "rcs", archive, object, other);
    const members = [object, other].map((path) => ({ ...json(path), file: `several.a(${basename(path)})` }));
    expect(json(archive)).toEqual(members);
    expect(json(`${archive}(${basename(other)})`)).toEqual(members[1]);
    const text = bindery(["modinfo", archive]).stdout;
    expect(text.split("\n").filter((line) => line.startsWith("File: "))).toEqual(
      [object, other].map((path) => `File: ${archive}(${basename(path)})`),
    );
    expect(bindery(["modinfo", `${archive}(absent.o)`])).toMatchObject({ status: 1, stdout: "" });
  });

  it("has the signatures that sig prints, and declarations", () => {
    const sig = JSON.parse(bindery(["sig", "--json", object]).stdout).symbols;
    const shown = json(object);
    expect(Object.fromEntries(shown.exports.map((one: Symbols) => [one.name, one.sig]))).toEqual(
      Object.fromEntries(sig.map((one: Symbols) => [one.name, one.signature])),
    );
    expect(json(made).exports.map((one: Symbols) => one.sig)).toEqual(
      shown.exports.map((one: Symbols) => one.sig),
    );
    expect(shown.exports.map((one: Symbols) => one.declaration)).toEqual([
      "int measure(const char *text, int times)",
      "int room[4]",
      "int state",
      "int *where",
    ]);
    expect(shown.imports.map((one: Symbols) => one.declaration)).toEqual([
      "int limit",
      "unsigned long strlen(const char *)",
    ]);
  });

  it("shows the same as text", () => {
    const { status, stdout, stderr } = bindery(["modinfo", made]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const lines = stdout.split("\n");
    expect(lines[0]).toBe("ELF module of mkmod for EM_X86_64");
    expect(lines).toContain("  Class                  ELF64, little-endian");
    expect(lines).toContain("Exports: 4");
    expect(lines).toContain("Imports: 2");
    expect(stdout).toMatch(/^ {2}\.data\+0x0 +[0-9a-f]{16} {2}int state$/m);
    expect(stdout).toMatch(/^ {6}1 {2}[0-9a-f]{16} {2}unsigned long strlen\(const char \*\)$/m);
    expect(stdout).toMatch(/^ {2}[0-9a-f]{8} {2}R_X86_64_64 +state$/m);
    const [first] = bindery(["modinfo", object]).stdout.split("\n");
    expect(first).toBe("ELF relocatable object for EM_X86_64");
  });

  it("relocates to a base, and shows the image", () => {
    const table = pathOf("modinfo.syms");
    writeFileSync(table, "strlen 0 10f00000\nlimit 0 10e00000\n");
    const shown = json("--base", "10000000", "--symbols", table, made);
    const addressOf = (name: string): number =>
      Number(`0x${shown.exports.find((one: Symbols) => one.name === name).addr}`);
    const image = Buffer.from(shown.image, "hex");
    // A pointer holds the address of what it points to; that holds 3.
    expect(image.readBigUInt64LE(addressOf("where") - 0x10000000)).toBe(BigInt(addressOf("state")));
    expect(image.readInt32LE(addressOf("state") - 0x10000000)).toBe(3);
    expect(shown.imports[0]).toMatchObject({ hostsig: "0000000000000000", addr: "0000000010e00000" });
    const { stdout } = bindery(["modinfo", "--base", "10000000", "--symbols", table, made]);
    expect(stdout).toMatch(/^Image at 0x10000000: text$/m);
    expect(stdout).toMatch(/^Image at 0x[0-9a-f]+: data, followed by \d+ bytes of bss$/m);
  });

  it("reads objects of machines that this one can't execute", () => {
    const arm = compileTo(SOURCE, "clang", ["-g", "--target=aarch64-linux-gnu"]);
    expect(json(arm)).toMatchObject({ ok: true, arch: "EM_AARCH64", nexport: 4, nimport: 2 });
    const i386 = json(compileTo(SOURCE, "gcc", ["-g", "-m32", "-fno-pic"]));
    expect(i386).toMatchObject({ arch: "EM_386", header: { class: 32 } });
    expect(i386.relocs[0]).not.toHaveProperty("addend");
  });

  it("refuses what the loader refuses, and tells all of it", () => {
    const table = pathOf("modinfo-bad.syms");
    const refusal = (text: string, ...args: string[]) => {
      writeFileSync(table, text);
      const run = bindery(["modinfo", "--base", "10000000", "--symbols", table, ...args, made]);
      expect([run.status, run.stdout]).toEqual([1, ""]);
      return run.stderr.split("\n");
    };
    expect(refusal("strlon 0 1\n")).toEqual([
      `bindery: ${made}: undefined symbol: limit`,
      `bindery: ${made}: undefined symbol: strlen`,
      "  the table has strlon",
      "",
    ]);
    const [first = "", second = ""] = refusal("strlen 5 10f00000\nlimit 0 10e00000\n");
    expect(first).toMatch(/: signature mismatch: strlen \([0-9a-f]{16} != 0{15}5\)$/);
    expect(second).toBe("");
    expect(refusal("strlen 0 10f00000\nlimit 0 10e00000\n", "--strict").join()).toContain(
      "unchecked symbol: limit (",
    );
    const big = bindery(["modinfo", "--maxsize", "16", made]);
    expect(big).toMatchObject({ status: 1, stdout: "" });
    expect(big.stderr).toMatch(
      /: \d+: object too big\n {2}found text, data and bss of \d+ bytes, expected fewer than 16\n$/,
    );
    const program = bindery(["modinfo", "--json", process.execPath]);
    expect(program.status).toBe(1);
    expect(JSON.parse(program.stdout)).toMatchObject({ format: "ELF", ok: false, code: "DYNLD_BAD_MAGIC" });
    expect(program.stderr).toContain("expected a relocatable file (ET_REL)");
  });
});
