/** Look-ups by place and by name: one code, whatever version and form of DWARF describes it. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bufferSource, countingSource } from "../../../src/bytes/source.ts";
import { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { isPathEnd } from "../../../src/dwarf/lookup/find-line.ts";
import { CodeLookup } from "../../../src/dwarf/lookup/lookup.ts";
import { SHF } from "../../../src/elf/constants/section.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { DwarfError, ElfError } from "../../../src/errors.ts";
import { mutate } from "../../support/elf-mutate.ts";
import { Random } from "../../support/elf-random.ts";

const FIXTURES = fileURLToPath(new URL("../../fixtures/addr2line/", import.meta.url));
let scratch = "";

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-lookup-"));
  for (const file of ["main.c", "inline.h"]) copyFileSync(join(FIXTURES, file), join(scratch, file));
});
afterAll(() => rmSync(scratch, { recursive: true }));

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { cwd: scratch, encoding: "utf8", stdio: "pipe" });
}

function compile(name: string, compiler: string, ...options: string[]): string {
  run(compiler, "-O2", "-ffunction-sections", ...options, "-c", "main.c", "-o", name);
  return name;
}

function open(name: string): ElfFile {
  return ElfFile.open(readFileSync(join(scratch, name)), { name });
}

/** What is known of every byte of all code, by section; without columns, which old versions do not have. */
function everything(elf: ElfFile, lookup = new CodeLookup(Dwarf.open(elf))): Record<string, string[]> {
  const all: Record<string, string[]> = {};
  for (const { index, name, flags, size } of elf.sections) {
    if ((flags & SHF.SHF_EXECINSTR) === 0) continue;
    all[name] = Array.from({ length: size }, (_, offset) => {
      const { frames, errors } = lookup.at(index, BigInt(offset));
      expect(errors).toEqual([]);
      return frames.map((frame) => `${frame.name} ${frame.file}:${frame.line}`).join(" < ");
    });
  }
  return all;
}

const symbolsOf = (name: string): [name: string, section: string, value: bigint][] =>
  [
    ...run("readelf", "-sW", name).matchAll(
      /^ *\d+: ([0-9a-f]+) +\w+ FUNC +\S+ +\S+ (?:\[[^\]]*\] )? *(\d+) (\S+)/gm,
    ),
  ].map(([, value, section = "", symbol = ""]) => [symbol, section, BigInt(`0x${value}`)]);

describe("one code", () => {
  const variants: [string, string, string[]][] = [
    ["gcc", "version 5", ["-gdwarf-5"]],
    ["gcc", "version 3", ["-gdwarf-3"]],
    ["gcc", "version 2", ["-gdwarf-2", "-gno-strict-dwarf"]],
    ["gcc", "64-bit format", ["-gdwarf-5", "-gdwarf64"]],
    ["gcc", "type units", ["-gdwarf-4", "-fdebug-types-section"]],
    ["gcc", "compressed", ["-gdwarf-5", "-gz"]],
    ["gcc", "split in one file", ["-gdwarf-5", "-gsplit-dwarf"]],
    ["clang", "version 5", ["-gdwarf-5"]],
    ["clang", "version 5, with ranges of addresses", ["-gdwarf-5", "-gdwarf-aranges"]],
    ["clang", "version 3", ["-gdwarf-3"]],
    ["clang", "type units", ["-gdwarf-5", "-fdebug-types-section"]],
    ["clang", "split in the object itself", ["-gdwarf-5", "-gsplit-dwarf=single"]],
  ];

  it.each(variants.filter(([, name]) => name !== "split in one file"))(
    "by %s: %s",
    (compiler, name, options) => {
      const plain = everything(open(compile(`${compiler}.o`, compiler, "-gdwarf-4")));
      const file = `${compiler}-${name.replaceAll(/\W/g, "")}.o`;
      expect(everything(open(compile(file, compiler, ...options)))).toEqual(plain);
      expect(
        Object.values(plain)
          .flat()
          .filter((one) => one.includes("mix")).length,
      ).toBeGreaterThan(100);
    },
  );

  it("split into a file of its own, which is followed", () => {
    const plain = everything(open(compile("gcc.o", "gcc", "-gdwarf-4")));
    compile("apart.o", "gcc", "-gdwarf-5", "-gsplit-dwarf");
    const elf = open("apart.o");
    const dwarf = Dwarf.open(elf);
    dwarf.attachSplit(() => [Dwarf.open(open("apart.dwo"))]);
    expect(everything(elf, new CodeLookup(dwarf))).toEqual(plain);
  });

  it("without .debug_aranges, and with some units in it only", () => {
    compile("gcc.o", "gcc", "-gdwarf-5");
    const plain = everything(open("gcc.o"));
    run(
      "objcopy",
      "--remove-section=.debug_aranges",
      "--remove-section=.rela.debug_aranges",
      "gcc.o",
      "bare.o",
    );
    expect(everything(open("bare.o"))).toEqual(plain);
    run(
      "clang",
      "-O2",
      "-g",
      "-Dhelper=helper2",
      "-Done=one2",
      "-Dtwo=two2",
      "-Dthree=three2",
      "-Dbegin=begin2",
      "-Dend=end2",
      "-Dmain=main2",
      "-c",
      "main.c",
      "-o",
      "other.o",
    );
    run("ld", "-r", "-z", "noexecstack", "gcc.o", "other.o", "-o", "both.o");
    const elf = open("both.o");
    const lookup = new CodeLookup(Dwarf.open(elf));
    for (const [symbol, section, value] of symbolsOf("both.o")) {
      expect(lookup.at(Number(section), value).frames.at(-1)?.name).toBe(
        symbol.replace(/\.(cold|part|isra|\d).*/, ""),
      );
    }
  });
});

describe("other machines", () => {
  it.each(["aarch64", "arm", "riscv64", "powerpc64le", "s390x", "mips64", "i386"])("%s", (machine) => {
    const name = `${machine}.o`;
    const options = [
      `--target=${machine}-linux-gnu`,
      "-ffreestanding",
      "-nostdinc",
      "-include",
      "declared.h",
    ];
    run(
      "sh",
      "-c",
      "printf '%s\\n' 'void qsort(void *, unsigned long, unsigned long, int (*)(const void *, const void *));' 'void abort(void);' > declared.h; grep -v '^#include <' main.c > bare.c",
    );
    run("clang", "-O1", "-g", ...options, "-c", "bare.c", "-o", name);
    const lookup = new CodeLookup(Dwarf.open(open(name)));
    const found = symbolsOf(name).map(([symbol, section, value]) => {
      const { frames, errors } = lookup.at(Number(section), value & ~1n);
      return [symbol, frames.at(-1)?.name, errors.length, (frames[0]?.line ?? 0) > 0];
    });
    expect(found.length).toBeGreaterThan(7);
    for (const [symbol, name_, errors, hasLine] of found)
      expect([name_, errors, hasLine]).toEqual([symbol, 0, true]);
  });
});

describe("from names and lines", () => {
  it("gives each function where its symbol is, relocatable, and what is inlined where it is asked for", () => {
    const elf = open(compile("names.o", "gcc", "-g"));
    const lookup = new CodeLookup(Dwarf.open(elf));
    for (const [symbol, section, value] of symbolsOf("names.o")) {
      if (symbol.includes(".")) continue;
      const [found, more] = lookup.functions(symbol);
      expect([found?.section, found?.offset, found?.name, more]).toEqual([
        Number(section),
        value,
        symbol,
        undefined,
      ]);
      expect(found?.address?.toString()).toBe(`${elf.section(Number(section)).name}+0x${value.toString(16)}`);
    }
    expect(lookup.functions("mix")).toEqual([]);
    const copies = lookup.functions("mix", { inlined: true });
    expect(copies.length).toBeGreaterThan(5);
    for (const { section, offset, inlined } of copies) {
      expect(inlined).toBe(true);
      expect(lookup.at(section, offset).frames.map((frame) => frame.name)).toContain("mix");
    }
    expect(lookup.errors).toEqual([]);
  });

  it("gives places whose line it is", () => {
    const lookup = new CodeLookup(Dwarf.open(open(compile("lines.o", "gcc", "-g"))));
    for (const [file, line] of [
      ["main.c", 10],
      ["main.c", 9],
      ["inline.h", 1],
      [join(scratch, "inline.h"), 3],
    ] as const) {
      const found = lookup.lines(file, line);
      expect(found.length).toBeGreaterThan(0);
      for (const { section, offset, address, file: path } of found) {
        expect(path).toBe(join(scratch, file.slice(file.lastIndexOf("/") + 1)));
        expect(address.place()).toMatchObject({ section, offset });
        const rows = lookup.at(section, offset).frames;
        expect(rows[0]?.file).toBe(path);
      }
    }
    expect([
      ...lookup.lines("ain.c", 10),
      ...lookup.lines("/main.c", 10),
      ...lookup.lines("main.c", 4000),
    ]).toEqual([]);
  });

  it.each([
    ["/usr/src/fs/inode.c", "inode.c", true],
    ["/usr/src/fs/inode.c", "fs/inode.c", true],
    ["/usr/src/./fs/../fs//inode.c", "src/fs/inode.c", true],
    ["/usr/src/fs/inode.c", "/usr/src/fs/inode.c", true],
    ["/usr/src/fs/inode.c", "/fs/inode.c", false],
    ["/usr/src/fs/vinode.c", "inode.c", false],
    ["inode.c", "fs/inode.c", false],
    ["inode.c", "", false],
  ])("%s ends with %s: %s", (path, wanted, expected) => {
    expect(isPathEnd(path, wanted)).toBe(expected);
  });
});

it("reads no names, strings or lines before they are asked for", () => {
  compile("lazy.o", "gcc", "-g");
  const source = countingSource(bufferSource(readFileSync(join(scratch, "lazy.o")), "lazy.o"));
  const elf = ElfFile.open(source);
  const lookup = new CodeLookup(Dwarf.open(elf));
  const wasRead = (name: string): boolean => {
    const { offset, size } = elf.sectionsNamed(name)[0] ?? { offset: 0, size: 0 };
    return source.reads.some((one) => one.offset < offset + size && one.offset + one.length > offset);
  };
  expect(["info", "line", "str", "aranges", "rnglists"].filter((name) => wasRead(`.debug_${name}`))).toEqual(
    [],
  );
  const [code] = elf.sectionsNamed(".text.helper");
  expect(lookup.unitAt(code?.index, 0n)?.header.offset).toBe(0);
  expect(["line", "str"].filter((name) => wasRead(`.debug_${name}`))).toEqual([]);
  expect(lookup.at(code?.index, 0n).frames[0]?.name).toBe("helper");
  expect(["line", "str"].filter((name) => wasRead(`.debug_${name}`))).toEqual(["line", "str"]);
});

it("gives answers, notes or errors with a place for thousands of damaged files, in bounded time", () => {
  const bytes = readFileSync(join(scratch, compile("damaged.o", "gcc", "-g", "-gdwarf-5")));
  const whole = ElfFile.open(bytes);
  const random = new Random(7);
  const parts = whole.sections.filter(({ name }) => /^\.(rela\.)?debug_/.test(name));
  const places = [".text.helper", ".init.text"].map((name) => whole.sectionsNamed(name)[0]?.index);
  let noted = 0;
  for (let round = 0; round < 1500; round++) {
    const { offset: from, size } = parts[round % parts.length] ?? whole.section(0);
    const copy = mutate(bytes, random, from, from + size);
    try {
      const lookup = new CodeLookup(Dwarf.open(ElfFile.open(copy)));
      for (const place of places) {
        for (let offset = 0n; offset < 90n; offset += 9n) noted += lookup.at(place, offset).errors.length;
      }
      if (round % 10 === 0)
        noted += lookup.functions("mix", { inlined: true }).length + lookup.lines("main.c", 10).length;
      noted += lookup.errors.length;
    } catch (error) {
      if (!(error instanceof DwarfError) && !(error instanceof ElfError)) throw error;
      expect(error.place.section ?? error.place.offset).toBeDefined();
    }
  }
  expect(noted).toBeGreaterThan(100);
});
