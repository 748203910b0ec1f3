import { existsSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ElfFile, ET } from "../../../src/elf/index.ts";
import { ElfEditor } from "../../../src/elf/write/editor.ts";
import { TARGETS } from "../../support/elf-clang.ts";
import { Workshop } from "./support.ts";

const shop = new Workshop();
afterAll(() => shop[Symbol.dispose]());
const fixture = (name: string) => join(import.meta.dirname, "fixtures", name);

/** Everything that readelf shows but where things are in the file and how large tables of names are. */
function withoutPlaces(shown: string): string {
  return shown
    .split("\n")
    .map((line) => line.replace(/^( +\[ *\d+\] .*? [0-9a-f]{8,16}) [0-9a-f]{6,} ([0-9a-f]{6,})/, "$1 OFF $2"))
    .map((line) => line.replace(/at offset 0x[0-9a-f]+/, "at offset OFF"))
    .map((line) => line.replace(/^( +Start of section headers: +)\d+/, "$1OFF"))
    .join("\n");
}

/** Opens, writes and compares with the original: unchanged, re-laid, and after an edit that is taken back. */
function roundTrip(path: string): void {
  const bytes = readFileSync(path);
  const before = shop.show(path);
  const lint = shop.lint(path);
  const same = ElfEditor.from(ElfFile.open(bytes)).write();
  expect(shop.show(shop.save("same", same))).toBe(before);

  const file = ElfFile.open(bytes);
  const relaid = shop.save("relaid", ElfEditor.from(file).write({ relay: true }));
  expect(withoutPlaces(shop.show(relaid))).toBe(withoutPlaces(before));
  if (lint === "No errors") expect(shop.lint(relaid)).toBe(lint);
  shop.run(file.header.type === ET.ET_REL ? "llvm-objcopy" : "objcopy", [relaid, `${relaid}.copy`]);

  // A symbol more and a symbol less: every table is written anew, and must come out as it was.
  const editor = ElfEditor.from(file);
  if (!editor.sections.some((one) => one.name === ".symtab")) return;
  const symbols = editor.symtab();
  const added = symbols.add({ name: "local_that_goes_again", binding: 0 });
  const between = shop.show(shop.save("between", editor.write()));
  expect(between).toContain("local_that_goes_again");
  expect(relocationNames(between)).toEqual(relocationNames(before));
  symbols.remove(added);
  const again = shop.save("again", editor.write());
  expect(sizesAside(shop.show(again))).toBe(sizesAside(before));
}

/** What every relocation is of, without the symbol's number. */
function relocationNames(shown: string): string[] {
  return shown
    .split("\n")
    .filter((line) => /^[0-9a-f]{8,16} +[0-9a-f]{8,16} R_/.test(line))
    .map((line) => line.replace(/^([0-9a-f]+ +)[0-9a-f]+/, "$1"));
}

/** As {@link withoutPlaces}, without the sizes of string tables: names are packed anew. */
function sizesAside(shown: string): string {
  return withoutPlaces(shown).replaceAll(/(STRTAB +[0-9a-f]{8,16} OFF) [0-9a-f]{6,}/g, "$1 SIZE");
}

describe("an unchanged round trip keeps everything that readelf shows", () => {
  it.each(TARGETS.map((target) => [target.name, target] as const))("objects of clang for %s", (_, target) => {
    const flags = [
      `--target=${target.triple}`,
      ...(target.flags ?? []),
      "-c",
      "-fPIC",
      "-ffunction-sections",
    ];
    const plain = shop.path(`${target.name}.o`);
    shop.run("clang", [...flags, "-g", fixture("plain.c"), "-o", plain]);
    roundTrip(plain);
    const shapes = shop.path(`${target.name}-cpp.o`);
    shop.run("clang++", [...flags, "-O1", fixture("shapes.cpp"), "-o", shapes]);
    roundTrip(shapes);
  });

  it.each([
    ["with debug information", ["-g3"]],
    ["with compressed sections", ["-g", "-gz"]],
    ["with link-time code", ["-flto", "-ffat-lto-objects"]],
  ])("objects of gcc, %s", (_, flags) => {
    const path = shop.path("gcc.o");
    shop.run("g++", [...flags, "-c", fixture("shapes.cpp"), "-o", path]);
    roundTrip(path);
  });

  it("linked files: a program, a static one, one with its relocations, its debug file, a library", () => {
    const source = fixture("shapes.cpp");
    shop.run("g++", ["-g", source, "-o", "program"]);
    shop.run("gcc", ["-x", "c++", "-static", "-no-pie", source, "-lstdc++", "-o", "static"]);
    shop.run("g++", ["-g", "-Wl,--emit-relocs", source, "-o", "relocs"]);
    shop.run("objcopy", ["--only-keep-debug", "program", "program.debug"]);
    for (const name of ["program", "static", "relocs", "program.debug"]) roundTrip(shop.path(name));
    const libc =
      ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6"].find((path) => existsSync(path)) ?? "";
    roundTrip(realpathSync(libc));
  });

  it("a file of more sections than 16 bits number", () => {
    const functions = Array.from(
      { length: 0xff00 },
      (_, i) => `.section .text.f${i},"ax",@progbits\n.globl f${i}\nf${i}: ret\n`,
    );
    const source = `${functions.join("")}.text\n.globl _start\n_start: call f65000\nmov $9,%edi\nmov $60,%eax\nsyscall\n`;
    shop.save("many.s", source);
    shop.run("gcc", ["-c", "many.s", "-o", "many.o"]);
    const path = shop.path("many.o");
    const bytes = readFileSync(path);
    const before = shop.readelf(path);
    expect(shop.readelf(shop.save("same.o", ElfEditor.from(ElfFile.open(bytes)).write()))).toBe(before);
    const editor = ElfEditor.from(ElfFile.open(bytes));
    // The first function's section goes, all others move down by one.
    const [first] = editor.sectionsNamed(".text.f0");
    if (first === undefined) throw new Error("no section .text.f0");
    editor.removeSections(first);
    const edited = shop.save("fewer.o", editor.write());
    const symbols = shop.run("readelf", ["-sW", edited]);
    expect(symbols).not.toMatch(/ f0$/m);
    expect(symbols).toMatch(
      new RegExp(` ${editor.sections.findIndex((one) => one.name === ".text.f65279") + 1} f65279$`, "m"),
    );
    shop.run("ld", [edited, "-o", shop.path("fewer")]);
    shop.run(shop.path("fewer"), [], 9);
  });
});
