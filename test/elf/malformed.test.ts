/** What malformed files are refused with: the code, and the place where the fault is. Images are damaged by hand. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Archive, ElfFile, type ElfSection } from "../../src/elf/index.ts";
import { VersionTable } from "../../src/elf/version.ts";
import { TARGETS, Workshop } from "../support/elf-clang.ts";

const workshop = new Workshop();
afterAll(() => workshop.remove());
let shared: Uint8Array;
let object: Uint8Array;

beforeAll(() => {
  const [target] = TARGETS;
  if (target === undefined) throw new Error("no target");
  const path = workshop.compile(target, "symbols.c", "-g");
  object = Uint8Array.from(readFileSync(path));
  shared = Uint8Array.from(
    readFileSync(
      workshop.link(target, [path], "--version-script", `${import.meta.dirname}/fixtures/versions.map`),
    ),
  );
});

/** A copy of `image` with `edit` done to it. */
function damaged(image: Uint8Array, edit: (view: DataView, file: ElfFile) => void): ElfFile {
  const copy = image.slice();
  edit(new DataView(copy.buffer), ElfFile.open(image));
  return ElfFile.open(copy, { name: "f" });
}

function section(file: ElfFile, name: string): ElfSection {
  const [found] = file.sectionsNamed(name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

/** Offset in the file of a field of the section header of `name`. */
function headerField(file: ElfFile, name: string, field: number): number {
  return file.header.shoff + section(file, name).index * 64 + field;
}

const error = (code: string, place: object, message: string | RegExp) =>
  expect.objectContaining({
    code,
    place: expect.objectContaining({ file: "f", ...place }),
    message: expect.stringMatching(message),
  });

describe("headers", () => {
  it.each([
    [0, 0x00, "ELF_BAD_MAGIC", "not an ELF file: found 00 45 4c 46, expected 7f 45 4c 46"],
    [4, 3, "ELF_BAD_IDENT", "class: found 3, expected 1"],
    [5, 0, "ELF_BAD_IDENT", "byte order: found 0, expected 1"],
    [6, 2, "ELF_BAD_IDENT", "version: found 2, expected 1"],
  ])("byte %d as %d is %s", (at, value, code, message) => {
    const copy = shared.slice();
    copy[at] = value;
    expect(() => ElfFile.open(copy, { name: "f" })).toThrow(
      error(code, { section: "ELF header", offset: at }, message),
    );
  });

  it("cut short", () => {
    expect(() => ElfFile.open(shared.subarray(0, 63), { name: "f" })).toThrow(
      error("ELF_TRUNCATED", { section: "ELF header" }, "found 63 bytes, expected a header of 64"),
    );
    expect(() => ElfFile.open(shared.subarray(0, 3000), { name: "f" }).sections).toThrow(
      error("ELF_TRUNCATED", { section: "section header table" }, "found a file of 3000 bytes"),
    );
  });

  it("tables with entries that are too small", () => {
    expect(() => damaged(shared, (view) => view.setUint16(58, 63, true)).sections).toThrow(
      error("ELF_BAD_VALUE", { section: "ELF header" }, "e_shentsize: found 63, expected 64"),
    );
    expect(() => damaged(shared, (view) => view.setUint16(54, 8, true)).segments).toThrow(
      error("ELF_BAD_VALUE", { section: "ELF header" }, "e_phentsize: found 8, expected 56"),
    );
  });
});

describe("sections", () => {
  it("what can't be read does not keep the rest from being read", () => {
    const file = damaged(object, (view, it) =>
      view.setBigUint64(headerField(it, ".text", 32), 2n ** 60n, true),
    );
    expect(() => section(file, ".text").bytes()).toThrow(
      error(
        "ELF_TRUNCATED",
        { section: ".text" },
        "found a file of [0-9]+ bytes, expected 1152921504606847000 bytes",
      ),
    );
    expect(section(file, ".data").bytes().length).toBeGreaterThan(0);
    expect(file.symtab()?.indexesOf("caller").length).toBe(1);
  });

  it("names outside the name table, and a name table that is not there", () => {
    const name = damaged(object, (view, it) => view.setUint32(headerField(it, ".data", 0), 0xffffff, true));
    const index = section(ElfFile.open(object), ".data").index;
    expect(() => name.section(index).name).toThrow(
      error("ELF_BAD_REFERENCE", { offset: 0xffffff }, "name outside the table"),
    );
    expect(name.section(index).label).toBe(`section ${index}`);
    const table = damaged(object, (view) => view.setUint16(62, 999, true));
    expect(() => table.section(1).name).toThrow(
      error("ELF_BAD_REFERENCE", { section: "ELF header" }, "e_shstrndx: found 999"),
    );
  });

  it("links to the wrong kind of section", () => {
    const file = damaged(object, (view, it) => view.setUint32(headerField(it, ".symtab", 40), 2, true));
    expect(() => file.symtab()).toThrow(
      error("ELF_BAD_REFERENCE", {}, "found SHT_PROGBITS, expected SHT_STRTAB"),
    );
    const far = damaged(object, (view, it) => view.setUint32(headerField(it, ".symtab", 40), 5000, true));
    expect(() => far.symtab()).toThrow(
      error("ELF_BAD_REFERENCE", {}, "section: found index 5000, expected less than"),
    );
  });

  it("tables that are not whole entries", () => {
    const file = damaged(object, (view, it) => view.setBigUint64(headerField(it, ".symtab", 32), 100n, true));
    expect(() => file.symtab()).toThrow(
      error("ELF_BAD_VALUE", { section: ".symtab" }, "found 100 bytes, expected a multiple of 24"),
    );
    const relocations = damaged(object, (view, it) =>
      view.setBigUint64(headerField(it, ".rela.text", 32), 25n, true),
    );
    expect(() => relocations.relocations(section(relocations, ".rela.text"))).toThrow(
      error("ELF_BAD_VALUE", { section: ".rela.text" }, "found 25 bytes, expected a multiple of 24"),
    );
  });

  it("a symbol whose section overflowed into a table that is not there", () => {
    const file = damaged(object, (view, it) =>
      view.setUint16(section(it, ".symtab").offset + 5 * 24 + 6, 0xffff, true),
    );
    expect(() => file.symtab()?.at(5)).toThrow(
      error(
        "ELF_BAD_REFERENCE",
        { section: ".symtab", offset: 120 },
        "section of symbol 5: found SHN_XINDEX",
      ),
    );
    expect(() => file.symtab()?.at(100_000)).toThrow(
      error("ELF_BAD_REFERENCE", {}, "symbol: found index 100000"),
    );
  });
});

describe("dynamic linking", () => {
  it("a hash chain that runs in a circle, and a table that claims more than it holds", () => {
    // Found by mutation: the claimed number of chains, not the table, bounded the walk.
    const file = damaged(shared, (view, it) => {
      const { offset } = section(it, ".hash");
      const buckets = view.getUint32(offset, true);
      view.setUint32(offset + 4, 0xffffff00, true);
      for (let i = 0; i < buckets; i++) view.setUint32(offset + 8 + i * 4, 1, true);
      view.setUint32(offset + 8 + buckets * 4 + 4, 1, true);
    });
    const { sysv } = file.hashTables();
    const loop = error("ELF_LOOP", { section: ".hash" }, "found a chain longer than the table");
    expect(() => sysv?.lookup("absent")).toThrow(loop);
    expect(() => sysv?.chainLengths()).toThrow(loop);
  });

  it("a GNU hash table whose chains never end", () => {
    const file = damaged(shared, (view, it) => {
      const { offset, size } = section(it, ".gnu.hash");
      const chains = offset + 16 + view.getUint32(offset + 8, true) * 8 + view.getUint32(offset, true) * 4;
      for (let at = chains; at < offset + size; at += 4)
        view.setUint32(at, view.getUint32(at, true) & ~1, true);
    });
    const { gnu } = file.hashTables();
    expect(() => gnu?.lookupAll("caller")).toThrow(expect.objectContaining({ name: "ElfError" }));
    expect(() => gnu?.symbolCount()).toThrow(error("ELF_TRUNCATED", { section: ".gnu.hash" }, "found"));
  });

  it("versions that overlap, go back, or do not exist", () => {
    const overlap = damaged(shared, (view, it) =>
      view.setUint32(section(it, ".gnu.version_d").offset + 16, 4, true),
    );
    expect(() => overlap.versions()).toThrow(
      error("ELF_BAD_VALUE", { section: ".gnu.version_d" }, "distance to the next entry: found 4"),
    );
    // A hundred definitions that share their names would say 25,000 names in 4,000 bytes.
    const made = new DataView(new ArrayBuffer(4000));
    for (let at = 0; at < 2000; at += 20) {
      made.setUint16(at + 6, 250, true);
      made.setUint32(at + 12, 2000 - at, true);
      made.setUint32(at + 16, 20, true);
    }
    for (let at = 2000; at < 4000; at += 8) made.setUint32(at + 4, at + 8 < 4000 ? 8 : 0, true);
    const { image } = overlap;
    const table = {
      bytes: new Uint8Array(made.buffer),
      count: 100,
      strings: overlap.strings(section(overlap, ".dynstr")),
    };
    expect(() => new VersionTable(image, undefined, { ...table, part: "made" }, undefined)).toThrow(
      error("ELF_LOOP", { section: "made" }, "found more parts of entries than the table has room for"),
    );
    const unknown = damaged(shared, (view, it) =>
      view.setUint16(section(it, ".gnu.version").offset + 4, 77, true),
    );
    expect(() => unknown.dynsym()?.at(2)).toThrow(
      error(
        "ELF_BAD_REFERENCE",
        { section: ".gnu.version", offset: 4 },
        "version of symbol 2: found index 77",
      ),
    );
  });

  it("a table outside every segment, in a file without sections", () => {
    const file = damaged(shared, (view, it) => {
      view.setBigUint64(40, 0n, true);
      view.setUint16(60, 0, true);
      view.setUint16(62, 0, true);
      const dynamic = section(it, ".dynamic");
      it.dynamic()?.entries.forEach((entry, i) => {
        if (entry.tag === 6) view.setBigUint64(dynamic.offset + i * 16 + 8, 0x7fff_0000_0000n, true);
      });
    });
    expect(file.dynamic()?.soname).toBe("it.so");
    expect(() => file.dynsym()).toThrow(
      error("ELF_BAD_REFERENCE", { section: "DT_SYMTAB" }, "at address 0x7fff00000000"),
    );
  });
});

describe("archives", () => {
  const open = (text: string) => Archive.open(new TextEncoder().encode(text), { name: "f" });
  const header = (name: string, size: string) =>
    `${name.padEnd(16)}0           0     0     644     ${size.padEnd(10)}\`\n`;

  it.each([
    [`!<arch>\n${header("a/", "99")}abc`, "ELF_TRUNCATED", 8, "member: found 3 bytes, expected 99"],
    [`!<arch>\n${header("a/", "x")}abc`, "ELF_BAD_VALUE", 56, 'size of the member: found "x"'],
    [`!<arch>\n${header("a/", "3").slice(0, 58)}##abc`, "ELF_BAD_VALUE", 66, "found no end mark"],
    [`!<arch>\n${header("/7", "3")}abc`, "ELF_BAD_REFERENCE", 8, "name of the member: found offset 7"],
    ["!<arch>\nshort", "ELF_TRUNCATED", 8, "member header: found 5 bytes, expected 60"],
    [`!<arch>\n${header("#1/50", "10")}0123456789`, "ELF_BAD_VALUE", 8, "name of the member: found 50 bytes"],
  ])("%j", (text, code, offset, message) => {
    expect(() => open(text).members).toThrow(error(code, { offset }, message));
  });

  it("a symbol index that claims more than it holds", () => {
    const archive = open(`!<arch>\n${header("/", "8")}\x7f\x7f\x7f\x7fabcd`);
    expect(() => archive.symbols()).toThrow(
      error("ELF_BAD_VALUE", { offset: 68 }, "symbol index: found a count of 2139062143"),
    );
  });
});
