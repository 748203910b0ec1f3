import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ElfFile, R_X86_64, SHF, SHN, SHT, STB, STT } from "../../../src/elf/index.ts";
import type { EditedSection } from "../../../src/elf/write/edit/node.ts";
import { ElfEditor } from "../../../src/elf/write/editor.ts";
import { ElfError } from "../../../src/errors.ts";
import { sectionNames, symbolSections, Workshop } from "./support.ts";

const shop = new Workshop();
afterAll(() => shop[Symbol.dispose]());
const fixture = (name: string) => join(import.meta.dirname, "fixtures", name);
const EXPECTED = "9 41 1 3 4 5 merge me\n";

const open = (path: string) => ElfEditor.from(ElfFile.open(readFileSync(path)));

/** The only section of that name. */
function section(editor: ElfEditor, name: string): EditedSection {
  const [one, another] = editor.sectionsNamed(name);
  if (one === undefined || another !== undefined) throw new Error(`not one section ${name}`);
  return one;
}

/** Saves an edited object, which readelf, eu-elflint and objcopy must take, and a program linked from it must run. */
function runs(editor: ElfEditor, object: string, name: string, expected = EXPECTED): string {
  const path = shop.save(`${name}.o`, editor.write());
  shop.readelf(path);
  // Of clang's objects it does not like all to begin with.
  expect(shop.newComplaints(path, shop.path(object))).toEqual([]);
  shop.run("objcopy", [path, `${path}.copy.o`]);
  for (const input of [path, `${path}.copy.o`]) {
    shop.run("g++", [input, "-o", shop.path(name)]);
    expect(shop.run(shop.path(name), [])).toBe(expected);
  }
  return path;
}

/** Why an edit was refused. The image must be what it was before. */
function refusal(editor: ElfEditor, edit: () => void): string {
  const before = editor.write();
  try {
    edit();
  } catch (error) {
    expect(error).toBeInstanceOf(ElfError);
    expect(error).toMatchObject({ code: "ELF_BAD_EDIT" });
    expect(Buffer.compare(editor.write(), before)).toBe(0);
    return error instanceof Error ? error.message : "";
  }
  return "accepted";
}

beforeAll(() => {
  const source = fixture("shapes.cpp");
  const flags = ["-g", "-O1", "-fno-inline", "-ffunction-sections", "-fdata-sections"];
  shop.run("g++", [...flags, "-c", source, "-o", "shapes.o"]);
  shop.run("clang++", [...flags, "-fPIC", "-c", source, "-o", "clang.o"]);
  shop.run("g++", ["-g", source, "-o", "program"]);
});

describe.each(["shapes.o", "clang.o"])("an edited object still links and runs: %s", (object) => {
  it("with a section added in front and all others in reverse", () => {
    const editor = open(shop.path(object));
    const added = editor.addSection({
      name: ".added",
      type: SHT.SHT_PROGBITS,
      flags: SHF.SHF_ALLOC,
      addralign: 32,
      bytes: new TextEncoder().encode("added"),
    });
    const groups = editor.sections.filter((one) => one.type === SHT.SHT_GROUP);
    const rest = editor.sections.filter((one) => !groups.includes(one) && one !== added);
    editor.reorderSections([added, ...groups.toReversed(), ...rest.toReversed()]);
    const path = runs(editor, object, "reversed");
    const names = sectionNames(shop, path);
    expect(names[1]).toBe(".added");
    expect(editor.indexOf(added)).toBe(1);
    expect(shop.run("readelf", ["-p", ".added", path])).toMatch(/added/);
    const all = (of: string) => [...symbolSections(shop, of)].sort();
    expect(all(path)).toEqual(all(shop.path(object)));
  });

  it("without its debug sections, and smaller", () => {
    const editor = open(shop.path(object));
    const debug = editor.sections.filter(
      (one) => one.name.startsWith(".debug") && one.type !== SHT.SHT_RELA && one.type !== SHT.SHT_GROUP,
    );
    expect(debug.length).toBeGreaterThan(4);
    editor.removeSections(...debug);
    const path = runs(editor, object, "undebugged");
    expect(sectionNames(shop, path).filter((name) => name.includes("debug"))).toEqual([]);
    expect(readFileSync(path).length).toBeLessThan(readFileSync(shop.path(object)).length * 0.7);
    const bare = shop.path("bare.o");
    shop.run("objcopy", ["--strip-debug", shop.path(object), bare]);
    expect(nm(path)).toEqual(nm(bare));
  });

  it("with symbols added, renamed and removed, local ones first", () => {
    const editor = open(shop.path(object));
    const symbols = editor.symtab();
    const mine = section(editor, ".mine");
    symbols.add({ name: "a_local", section: mine, binding: STB.STB_LOCAL, type: STT.STT_OBJECT, size: 4 });
    symbols.add({ name: "an_alias", section: mine, type: STT.STT_OBJECT, size: 4n });
    symbols.add({ name: "absolute", reserved: SHN.SHN_ABS, value: 0x1234 });
    symbols.add({ name: "common", reserved: SHN.SHN_COMMON, value: 8, size: 8, type: STT.STT_OBJECT });
    const [weak = 0] = symbols.find("_Z8weak_onev");
    symbols.change(weak, { name: "strong_one", binding: STB.STB_GLOBAL });
    const [unused = 0] = symbols.find("mine");
    symbols.change(unused, { name: "mine_first" });
    const path = runs(editor, object, "symbols");
    const found = symbolSections(shop, path);
    expect(found.get("a_local")).toBe(".mine");
    expect(found.get("an_alias")).toBe(".mine");
    expect(found.get("absolute")).toBe("ABS");
    expect(found.get("common")).toBe("COM");
    expect(found.get("strong_one")).toBe(symbolSections(shop, shop.path(object)).get("_Z8weak_onev"));
    expect(found.has("_Z8weak_onev")).toBe(false);
    expect(shop.readelf(path)).toMatch(/ {4}4 OBJECT {2}LOCAL {2}DEFAULT +\d+ a_local/);
  });

  it("with code replaced, and relocations of its own", () => {
    const editor = open(shop.path(object));
    const symbols = editor.symtab();
    // push %rax; call weak_one; add $100, %eax; pop %rcx; ret
    const bytes = Uint8Array.of(0x50, 0xe8, 0, 0, 0, 0, 0x83, 0xc0, 100, 0x59, 0xc3);
    const flags = SHF.SHF_ALLOC | SHF.SHF_EXECINSTR;
    const text = editor.addSection({ name: ".text.more", type: SHT.SHT_PROGBITS, flags, bytes });
    const [weak = 0] = symbols.find("_Z8weak_onev");
    const more = symbols.add({ name: "more", section: text, type: STT.STT_FUNC, size: bytes.length });
    const type = R_X86_64.R_X86_64_PLT32;
    editor.addRelocations(text, [{ offset: 2, type, symbol: weak, addend: -4 }]);
    // main now calls `more` where it called `weak_one`.
    let changed = 0;
    for (const one of editor.sections.filter((each) => each.name.startsWith(".rela.text"))) {
      const records = editor.relocations(one).map((record) => {
        if (record.symbol !== weak || one.name === ".rela.text.more") return record;
        changed++;
        return { ...record, symbol: more };
      });
      editor.setRelocations(one, records);
    }
    expect(changed).toBe(1);
    runs(editor, object, "replaced", EXPECTED.replace(" 4 5 ", " 104 5 "));
  });

  it("with a group taken apart and another made", () => {
    const editor = open(shop.path(object));
    const groups = editor.sections.filter((one) => one.type === SHT.SHT_GROUP);
    editor.removeSections(...groups);
    const symbols = editor.symtab();
    const members = editor.sections.filter((one) => one.name.includes(".text._Z7counterv"));
    expect(members.length).toBe(2);
    const [signature = 0] = symbols.find("_Z7counterv");
    const group = editor.addGroup(signature, members);
    // The relocations of a member join it in the group.
    const text = section(editor, ".text._Z7counterv");
    const old = section(editor, ".rela.text._Z7counterv");
    const records = editor.relocations(old);
    editor.removeSections(old);
    const fresh = editor.addRelocations(text, records);
    expect(fresh.name).toBe(old.name);
    const path = runs(editor, object, "groups");
    const shown = shop.readelf(path);
    expect(shown.match(/COMDAT group section/g)?.length).toBe(1);
    const index = editor.indexOf(group);
    expect(shown).toMatch(
      new RegExp(`COMDAT group section \\[ *${index}\\] .\\.group. \\[_Z7counterv\\] contains 2 sections`),
    );
    // Twice in a program, the group is kept once.
    shop.run("ld", ["-r", path, "-o", shop.path("half.o")]);
    expect(shop.readelf(shop.path("half.o"))).toMatch(/\[_Z7counterv\] contains 2 sections/);
  });
});

it("keeps the list of symbols whose address matters", () => {
  const listed = (path: string) =>
    shop.run("llvm-readelf", ["--addrsig", path]).match(/(?<=^ +\d+: )\S+/gm) ?? [];
  const before = listed(shop.path("clang.o"));
  expect(before.length).toBeGreaterThan(3);
  const editor = open(shop.path("clang.o"));
  const symbols = editor.symtab();
  symbols.add({ name: "a_local", binding: STB.STB_LOCAL, section: section(editor, ".mine") });
  expect(listed(shop.save("addrsig.o", editor.write()))).toEqual(before);
});

const nm = (path: string) =>
  shop
    .run("nm", [path])
    .split("\n")
    .filter((line) => !/ [a-z] \.L/.test(line));

describe("a linked file", () => {
  it("runs after sections that are not loaded were added, replaced and removed, and symbols too", () => {
    const editor = open(shop.path("program"));
    const note = new TextEncoder().encode("made by a test\0");
    editor.addSection({ name: ".added", type: SHT.SHT_PROGBITS, bytes: note });
    editor.replaceSection(section(editor, ".comment"), { bytes: note });
    editor.removeSections(...editor.sections.filter((one) => one.name.startsWith(".debug")));
    const symbols = editor.symtab();
    symbols.add({
      name: "entry_alias",
      section: section(editor, ".text"),
      value: 0x1234,
      type: STT.STT_FUNC,
    });
    symbols.remove(...symbols.find("main"));
    const last = editor.sections.at(-1);
    editor.moveSection(section(editor, ".comment"), last);
    const path = shop.save("edited", editor.write());
    shop.readelf(path);
    expect(shop.lint(path)).toBe("No errors");
    expect(shop.run(path, [])).toBe(EXPECTED);
    expect(
      shop.run("readelf", ["-p", ".comment", "-p", ".added", path]).match(/made by a test/g)?.length,
    ).toBe(2);
    const found = symbolSections(shop, path);
    expect([found.get("entry_alias"), found.has("main")]).toEqual([".text", false]);
    for (const what of ["-lW", "-dW", "--dyn-syms", "-nW"])
      expect(shop.run("readelf", [what, path])).toBe(shop.run("readelf", [what, shop.path("program")]));
    shop.run("strip", [path, "-o", `${path}.stripped`]);
    expect(shop.run(`${path}.stripped`, [])).toBe(EXPECTED);
  });

  it("gets symbols again after it was stripped", () => {
    shop.run("strip", ["program", "-o", "stripped"]);
    const original = ElfFile.open(readFileSync(shop.path("program")));
    const wanted = original.symtab();
    const [index = 0] = wanted?.indexesOf("main") ?? [];
    const main = wanted?.at(index);
    const editor = open(shop.path("stripped"));
    const symbols = editor.symbols(editor.addSymbolTable());
    symbols.add({
      name: "main",
      section: section(editor, ".text"),
      value: main?.value ?? 0n,
      size: main?.size ?? 0n,
      type: STT.STT_FUNC,
    });
    const path = shop.save("symbols-again", editor.write());
    shop.readelf(path);
    expect(shop.lint(path)).toBe("No errors");
    expect(shop.run(path, [])).toBe(EXPECTED);
    expect(
      shop.run("gdb", ["-nx", "-batch", "-ex", "break main", "-ex", "run", "-ex", "bt 1", path]),
    ).toMatch(/#0 .* in main \(\)/);
  });

  it("gets its section headers from nothing", () => {
    const bare = Uint8Array.from(readFileSync(shop.path("program")));
    bare.fill(0, 40, 48);
    bare.fill(0, 58, 64);
    const editor = ElfEditor.from(ElfFile.open(bare));
    expect(editor.sections).toEqual([]);
    editor.addSection({ name: ".note", type: SHT.SHT_PROGBITS, bytes: Uint8Array.of(1, 2, 3) });
    const path = shop.save("from-nothing", editor.write());
    expect(sectionNames(shop, path).slice(1)).toEqual([".note", ".shstrtab"]);
    expect(shop.run(path, [])).toBe(EXPECTED);
  });
});

describe("what can't be kept right is refused, and changes nothing", () => {
  it("of an object", () => {
    const editor = open(shop.path("shapes.o"));
    const symbols = editor.symtab();
    const why = (edit: () => void) => refusal(editor, edit);
    const at = (name: string) => section(editor, name);
    const [main = 0] = symbols.find("main");
    const [called = 0] = symbols.find("_Z8weak_onev");
    expect(why(() => editor.removeSections(at(".text._Z8weak_onev")))).toMatch(
      /^\.symtab: symbol .*: can't be removed: relocation \d+ of \.rela\.\S+ needs it$/,
    );
    expect(why(() => symbols.remove(main, called))).toMatch(
      /^\.symtab: symbol \S+: can't be removed: relocation \d+ of \.rela\.\S+ needs it$/,
    );
    expect(why(() => editor.removeSections(at(".symtab")))).toMatch(
      /^\.symtab: can't be removed: \.\S+ refers to it \(sh_link\)$/,
    );
    expect(why(() => editor.removeSections(at(".strtab")))).toBe(
      ".strtab: can't be removed: .symtab refers to it (sh_link)",
    );
    expect(why(() => editor.removeSections(at(".shstrtab")))).toBe(
      ".shstrtab: can't be removed: it holds the section names",
    );
    expect(why(() => editor.replaceSection(at(".strtab"), { bytes: new Uint8Array(9) }))).toBe(
      ".strtab: can't be replaced: it holds the names of .symtab",
    );
    expect(why(() => editor.replaceSection(at(".text.main"), { bytes: new Uint8Array(1) }))).toMatch(
      /^\.text\.main: can't shrink to 1 bytes: relocation \d+ of \.rela\.text\.main is at 0x/,
    );
    expect(why(() => editor.replaceSection(at(".symtab"), { bytes: new Uint8Array(24) }))).toMatch(
      /can't be replaced: it is a table of references/,
    );
    const [group] = editor.sectionsNamed(".group");
    const member = at(".text._Z7counterv");
    expect(why(() => editor.moveSection(member, group))).toMatch(
      /can't come before \.group, the group that it is a member of$/,
    );
    expect(why(() => symbols.add({ name: "x", section: undefined, reserved: 5 }))).toMatch(/reserved index/);
    expect(why(() => symbols.add({ name: "x", value: 1n << 64n }))).toMatch(
      /expected a whole number of 64 bits/,
    );
    expect(why(() => editor.addRelocations(member, [{ offset: 0, type: 1, symbol: 99_999 }]))).toMatch(
      /relocation 0: found symbol 99999, expected the id of one that is kept/,
    );
  });

  it("of a linked file", () => {
    const editor = open(shop.path("program"));
    const why = (edit: () => void) => refusal(editor, edit);
    const at = (name: string) => section(editor, name);
    expect(why(() => editor.removeSections(at(".text")))).toMatch(/^\.text: can't be removed: it is loaded/);
    expect(why(() => editor.moveSection(at(".text")))).toMatch(/^\.\S+: can't move: it is loaded/);
    expect(why(() => editor.replaceSection(at(".rodata"), { bytes: new Uint8Array(1) }))).toMatch(
      /^\.rodata: size, type and alignment can't change: the section is loaded/,
    );
    expect(why(() => editor.symbols(at(".dynsym")).add({ name: "x" }))).toMatch(
      /^\.dynsym: symbols: found a table that is loaded/,
    );
    expect(
      why(() =>
        editor.addSection({
          name: ".x",
          type: SHT.SHT_PROGBITS,
          flags: SHF.SHF_ALLOC,
          bytes: new Uint8Array(1),
        }),
      ),
    ).toMatch(/^\.x: can't be added: a section that is loaded needs room in a segment/);
    const other = open(shop.path("shapes.o"));
    expect(why(() => editor.removeSections(section(other, ".text")))).toMatch(
      /found a section of another file/,
    );
    const comment = at(".comment");
    editor.removeSections(comment);
    expect(why(() => editor.renameSection(comment, ".gone"))).toMatch(/found it removed, expected it kept/);
  });
});
