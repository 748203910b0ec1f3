/** Split files and packages: what they say is what a program that was compiled whole says, and what other readers print. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DW_AT } from "../../src/dwarf/constants/attribute.ts";
import { DW_FORM } from "../../src/dwarf/constants/form.ts";
import { DW_TAG } from "../../src/dwarf/constants/tag.ts";
import { Die, rootEntry } from "../../src/dwarf/die.ts";
import { Dwarf, type DwarfUnit } from "../../src/dwarf/dwarf.ts";
import { declarationPlace } from "../../src/dwarf/entry-facts.ts";
import { expressionText } from "../../src/dwarf/read/expression/text.ts";
import { locations } from "../../src/dwarf/read/list/location.ts";
import { entryRanges } from "../../src/dwarf/read/list/range.ts";
import { unitMacros } from "../../src/dwarf/read/macro/unit.ts";
import { typeDeclaration } from "../../src/dwarf/type/declaration.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { DwarfError } from "../../src/errors.ts";
import { buildSplit, openDwarf, printedEntries, SPLIT_BUILDS, type SplitBuild } from "./split-objects.ts";

let scratch = "";
const built = new Map<string, string>();
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-split-"));
  for (const build of SPLIT_BUILDS) built.set(JSON.stringify(build), buildSplit(scratch, build));
}, 60_000);
afterAll(() => rmSync(scratch, { recursive: true }));

/** A unit's entries with what they own. */
function* entriesOf(unit: DwarfUnit): IterableIterator<Die> {
  const at = unit.entries();
  while (at.next()) yield new Die(unit, at);
}

/** Functions and variables: names, types, ranges, locations. Offsets in sections, which differ, are left out. */
function described(unit: DwarfUnit): string[] {
  const lines: string[] = [];
  const at = unit.entries();
  while (at.next()) {
    const die = new Die(unit, at);
    if (die.offset === unit.header.entries) continue;
    const head = `${die.tagName} ${die.name}`;
    for (const { begin, end } of entryRanges(unit, die)) lines.push(`${head} ${begin} ${end}`);
    if (die.attribute(DW_AT.DW_AT_type) !== undefined && die.tag === DW_TAG.DW_TAG_formal_parameter) {
      lines.push(`${head} is ${typeDeclaration(die)}`);
    }
    while (at.nextAttribute()) {
      if (at.attribute !== DW_AT.DW_AT_location) continue;
      for (const { begin, end, expression } of locations(unit, at)) {
        const text = expressionText(expression, { like: "readelf", address: String });
        const plain = text
          .replace(/DW_OP_(?:GNU_addr_index|addrx):/g, "DW_OP_addr:")
          .replace(/DW_OP_(?:GNU_const_index|constx):/g, "DW_OP_const8u:")
          // An index says no size; in place, on i386, it is 4.
          .replace(/DW_OP_const4u: (?=\.tbss)/, "DW_OP_const8u: ");
        lines.push(`${head} at ${begin} ${end} ${plain}`);
      }
    }
  }
  return lines;
}

/**
 * What gcc 12 has wrong is not compared: it gives thread-local variables addresses in `.debug_addr` (`.quad local`), and
 * writes lengths in split lists of DWARF 4 as `.LVL1-.LVL0-1` where it means
 * `.LVL1-(.LVL0-1)`: 2 too short.
 */
function comparable(lines: string[], { compiler, version }: SplitBuild): string[] {
  if (compiler !== "gcc") return lines.toSorted();
  const known = lines.filter((line) => !line.startsWith("DW_TAG_variable local at"));
  return known.map((line) => (version === 4 ? line.replace(/ at (\S+) \S+/, " at $1") : line)).sort();
}

function splitUnits(dwarf: Dwarf): DwarfUnit[] {
  return Array.from(dwarf.units()).flatMap((unit) => unit.split ?? []);
}

/** Those of a program that belong to its own two files. */
function compileUnits(dwarf: Dwarf): DwarfUnit[] {
  return Array.from(dwarf.units()).filter((unit) => !unit.isType);
}

describe.each(SPLIT_BUILDS)("$compiler, DWARF $version", (build) => {
  const { compiler, version } = build;
  const directory = (): string => built.get(JSON.stringify(build)) ?? "";
  const packages = ["split.dwp", ...(version === 4 ? ["gnu.dwp"] : [])];
  // GNU's dwp crashes on DWARF 5.
  beforeAll(() => {
    if (version === 4) execFileSync("dwp", ["-e", "split", "-o", "gnu.dwp"], { cwd: directory() });
  });

  const expectWhole = (main: Dwarf): void => {
    const whole = compileUnits(openDwarf(directory(), "whole"));
    const split = splitUnits(main);
    expect(split.map((unit) => rootEntry(unit).name)).toEqual(["a.c", "b.cc"]);
    const [ours, theirs] = [split, whole].map((units) => comparable(units.flatMap(described), build));
    expect(theirs?.length).toBeGreaterThan(40);
    expect(ours).toEqual(theirs);
  };

  test("split files have what a program has that was compiled whole", () => {
    const main = openDwarf(directory(), "split");
    main.attachSplit((link) => [openDwarf(link.directory ?? "", link.name)]);
    expectWhole(main);
  });

  test.each(packages)("so has the package %s", (name) => {
    const main = openDwarf(directory(), "split");
    const dwp = openDwarf(directory(), name);
    main.attachSplit(() => [dwp]);
    expectWhole(main);
    // Units of the package itself know their skeletons then, without being asked for by them.
    const units = compileUnits(dwp);
    expect(units.map((unit) => unit.skeleton?.splitLink?.id)).toEqual(units.map(({ id }) => id));
  });

  test.each(packages)("the package %s has the entries that llvm-dwarfdump prints", (name) => {
    const ours = Array.from(openDwarf(directory(), name).units()).flatMap((unit) =>
      Array.from(entriesOf(unit), (die) => ({
        offset: die.offset,
        tag: die.tagName,
        name: die.attribute(DW_AT.DW_AT_name)?.string,
      })),
    );
    expect(ours.length).toBeGreaterThan(80);
    expect(ours).toEqual(printedEntries(join(directory(), name)));
  });

  test.each(packages)("the package %s has the index that llvm-dwarfdump prints", (name) => {
    const dwp = openDwarf(directory(), name);
    for (const index of ["debug_cu_index", "debug_tu_index"] as const) {
      const ours = dwp.packageIndex(index);
      const rows = Array.from(ours?.signatures() ?? [], ([signature, row]) => {
        expect(ours?.find(signature)).toBe(row);
        const parts = ours?.contributions(row);
        return [signature, ...Array.from(parts ?? [], ([, { offset, size }]) => `${offset}+${size}`)].join(
          " ",
        );
      });
      expect(rows).toHaveLength(2);
      expect(rows).toEqual(printedIndex(join(directory(), name), index));
      expect(ours?.find(1n)).toBe(-1);
    }
  });

  test("types are found by signature through the package's index", () => {
    const main = openDwarf(directory(), "split");
    const dwp = openDwarf(directory(), "split.dwp");
    main.attachSplit(() => [dwp]);
    const names = splitUnits(main)
      .flatMap((unit) => Array.from(entriesOf(unit)))
      .flatMap((die) => die.attributes.filter(({ form }) => form === DW_FORM.DW_FORM_ref_sig8))
      .map(({ reference }) => {
        const declared = reference?.attribute(DW_AT.DW_AT_specification)?.reference ?? reference;
        const { file, line } = (reference && declarationPlace(reference)) ?? {};
        return `${declared?.parent?.name}::${reference?.name} ${file?.replace(/.*\//, "")}:${line}`;
      });
    expect(new Set(names)).toEqual(new Set(["space::node b.cc:2", "space::color b.cc:2"]));
  });

  test("an object file's split unit has addresses that count from the object's sections", () => {
    const main = openDwarf(directory(), "as.o");
    main.attachSplit((link) => [openDwarf(link.directory ?? "", link.name)]);
    const [unit] = splitUnits(main);
    if (unit === undefined) throw new Error("no split unit");
    const ranges = Array.from(entriesOf(unit)).flatMap((die) =>
      die.tag === DW_TAG.DW_TAG_subprogram
        ? Array.from(entryRanges(unit, die), ({ begin }) => `${die.name} ${begin}`)
        : [],
    );
    // What nm says of the symbols.
    expect(ranges.sort()).toEqual(["first .text+0x0", "second .text.cold+0x0"]);
    const resolver = {
      sectionAddress: (_: ElfFile, index: number) => BigInt(index) * 0x1000n,
      symbolAddress: () => 0n,
    };
    main.place(resolver);
    const cold = Array.from(entriesOf(unit)).find(
      ({ name, tag }) => name === "second" && tag === DW_TAG.DW_TAG_subprogram,
    );
    const index = main.sections.elf.sections.find(({ name }) => name === ".text.cold")?.index ?? 0;
    expect(cold?.attribute(DW_AT.DW_AT_low_pc)?.address?.resolve()).toBe(BigInt(index) * 0x1000n);
  });

  test("an entry's values are those that gdb shows", () => {
    // gdb 13 crashes on packages of DWARF 5, and does not read type units of DWARF 5 in split files.
    const program = version === 4 ? "split" : "mixed";
    const main = openDwarf(directory(), program);
    main.attachSplit((link) => [openDwarf(directory(), version === 4 ? "split.dwp" : link.name)]);
    const unit = splitUnits(main)[0];
    if (unit === undefined) throw new Error("no split unit");
    const ours: string[] = [];
    const first = Array.from(rootEntry(unit).children()).find(
      (die) => die.name === "first" && die.attribute(DW_AT.DW_AT_low_pc),
    );
    for (const child of first?.children() ?? []) {
      if (child.attribute(DW_AT.DW_AT_location) === undefined || child.name === undefined) continue;
      const at = unit.entries();
      while (at.offset < child.offset && at.next());
      while (at.nextAttribute()) {
        if (at.attribute !== DW_AT.DW_AT_location) continue;
        for (const { begin, end } of locations(unit, at))
          if (`${begin}` !== `${end}`) ours.push(`${child.name} ${begin}-${end}`);
      }
    }
    expect(ours.length).toBeGreaterThan(5);
    expect(ours).toEqual(gdbRanges(directory(), program));
  });

  test("without the file, addresses are asked for in vain, and the message says why", () => {
    const [unit] = compileUnits(openDwarf(directory(), "as.dwo"));
    if (unit === undefined) throw new Error("no unit");
    expect(unit.skeleton).toBeUndefined();
    expect(() => described(unit)).toThrow(
      /its addresses are in the file of its skeleton unit, which is not known/,
    );
    const main = openDwarf(directory(), "split");
    expect(splitUnits(main)).toEqual([]);
    // Another program's file has other ids.
    const strange = built.get(JSON.stringify({ compiler, version: version === 4 ? 5 : 4 })) ?? "";
    main.attachSplit(() => [openDwarf(strange, "as.dwo"), openDwarf(strange, "split.dwp")]);
    expect(splitUnits(main)).toEqual([]);
  });
});

describe("in one file", () => {
  test.each([4, 5])("DWARF %i: skeletons find the split units beside them", (version) => {
    const source = join(built.get(JSON.stringify({ compiler: "clang", version })) ?? "", "a.c");
    const object = join(scratch, `single${version}.o`);
    execFileSync("clang", [
      "-g",
      `-gdwarf-${version}`,
      "-O2",
      "-gsplit-dwarf=single",
      "-c",
      source,
      "-o",
      object,
    ]);
    const main = openDwarf(object);
    const [unit, ...more] = splitUnits(main);
    expect(more).toEqual([]);
    expect(unit?.skeleton?.isSplit).toBe(false);
    const whole = openDwarf(built.get(JSON.stringify({ compiler: "clang", version })) ?? "", "aw.o");
    expect(unit && described(unit)).toEqual(compileUnits(whole).flatMap(described));
  });

  test("two programs that share a split file have each their own addresses", () => {
    const directory = built.get(JSON.stringify({ compiler: "gcc", version: 5 })) ?? "";
    execFileSync("gcc", ["-Wl,-Ttext-segment=0x600000", "-no-pie", "as.o", "bs.o", "-o", "moved"], {
      cwd: directory,
    });
    const shared = openDwarf(directory, "as.dwo");
    const begin = ["split", "moved"].map((name) => {
      const main = openDwarf(directory, name);
      main.attachSplit(() => [shared]);
      const [unit] = splitUnits(main);
      const die =
        unit &&
        Array.from(entriesOf(unit)).find((one) => one.name === "first" && one.attribute(DW_AT.DW_AT_low_pc));
      return die?.attribute(DW_AT.DW_AT_low_pc)?.address?.resolve();
    });
    const symbols = ["split", "moved"].map((name) => {
      const elf = ElfFile.open(readFileSync(join(directory, name)));
      return Array.from(elf.symtab() ?? []).find((symbol) => symbol.name === "first")?.value;
    });
    expect(begin).toEqual(symbols);
    expect(begin[0]).not.toBe(begin[1]);
  });
});

describe.each([
  { command: ["clang", "--target=s390x-linux-gnu", "-gdwarf-4"], version: 4 },
  { command: ["clang", "--target=s390x-linux-gnu", "-gdwarf-5", "-gdwarf64"], version: 5 },
  { command: ["clang", "--target=i386-linux-gnu", "-gdwarf-5"], version: 5 },
  { command: ["clang", "--target=armv7-linux-gnueabi", "-gdwarf-4"], version: 4 },
  { command: ["clang", "-gdwarf-5", "-gdwarf64"], version: 5 },
  { command: ["gcc", "-gdwarf-4", "-gdwarf64"], version: 4 },
  { command: ["gcc", "-gdwarf-5", "-gdwarf64"], version: 5 },
  { command: ["gcc", "-gdwarf-5", "-m32"], version: 5 },
] as const)("$command", ({ command, version }) => {
  test("a split object has what one has that is whole", () => {
    const directory = built.get(JSON.stringify({ compiler: "clang", version: 5 })) ?? "";
    const [compiler, ...options] = command;
    for (const [name, more] of [
      ["whole.o", []],
      ["parted.o", ["-gsplit-dwarf"]],
    ] as const) {
      execFileSync(compiler, [...options, ...more, "-g", "-O2", "-c", "a.c", "-o", name], { cwd: directory });
    }
    const main = openDwarf(directory, "parted.o");
    main.attachSplit((link) => [openDwarf(link.directory ?? "", link.name)]);
    const [ours, theirs] = [splitUnits(main), compileUnits(openDwarf(directory, "whole.o"))].map((units) =>
      comparable(units.flatMap(described), { compiler, version }),
    );
    expect(theirs?.length).toBeGreaterThan(20);
    expect(ours).toEqual(theirs);
  });
});

test("units of a package have their own macros", () => {
  const directory = built.get(JSON.stringify({ compiler: "clang", version: 5 })) ?? "";
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: directory, stdio: "pipe" });
  for (const name of ["ours", "theirs"]) {
    writeFileSync(
      join(directory, `${name}.c`),
      `#define OF_${name}(x) (x + 1)\nint ${name}(int x) { return OF_${name}(x); }\n`,
    );
    run("clang", "-g", "-fdebug-macro", "-gdwarf-5", "-gsplit-dwarf", "-c", `${name}.c`, "-o", `${name}.o`);
  }
  run("llvm-dwp", "ours.dwo", "theirs.dwo", "-o", "macros.dwp");
  const macros = compileUnits(openDwarf(directory, "macros.dwp")).map((unit) => Array.from(unitMacros(unit)));
  const apart = ["ours.dwo", "theirs.dwo"].map((name) =>
    compileUnits(openDwarf(directory, name)).flatMap((unit) => Array.from(unitMacros(unit))),
  );
  expect(macros).toEqual(apart);
  for (const [index, name] of ["ours", "theirs"].entries()) {
    expect(macros[index]).toContainEqual({ kind: "define", line: 1, text: `OF_${name}(x) (x + 1)` });
  }
});

/** A big-endian index of three units in a table of four slots, two of which collide. */
test.each([2, 5])("a big-endian index of version %i is read as llvm-dwarfdump reads it", (version) => {
  const signatures = ["0x1000000000000001", "0x2000000100000001", "0x3000000000000002"];
  const source = `
.section .debug_cu_index
${version === 2 ? ".4byte 2" : ".2byte 5, 0"}
.4byte 2, 3, 4
.8byte 0, ${signatures.join(", ")}
.4byte 0, 1, 2, 3
.4byte 1, 3
.4byte 0, 0, 16, 32, 48, 64
.4byte 16, 32, 32, 32, 48, 32
.section .debug_info.dwo
.zero 0x60
`;
  const path = join(scratch, "index.dwp");
  execFileSync("llvm-mc", ["-triple=s390x-linux-gnu", "-filetype=obj", "-o", path], { input: source });
  const index = openDwarf(path).packageIndex("debug_cu_index");
  expect(index?.version).toBe(version);
  expect(signatures.map((signature) => index?.find(BigInt(signature)))).toEqual([0, 1, 2]);
  expect([0, 15, 16, 47, 48, 95, 96].map((offset) => index?.rowAt("debug_info", offset))).toEqual([
    0, 0, 1, 1, 2, 2, -1,
  ]);
  const rows = Array.from(index?.signatures() ?? [], ([signature, row]) => {
    const parts = Array.from(index?.contributions(row) ?? [], ([, { offset, size }]) => `${offset}+${size}`);
    return [signature, ...parts].join(" ");
  });
  expect(rows).toHaveLength(3);
  expect(rows).toEqual(printedIndex(path, "debug_cu_index"));
});

test("no file is asked for before an entry of it is, and none twice", () => {
  const directory = built.get(JSON.stringify({ compiler: "gcc", version: 5 })) ?? "";
  const main = openDwarf(directory, "split");
  const asked: string[] = [];
  main.attachSplit(function* (link, skeleton) {
    asked.push(link.name);
    expect(skeleton.splitLink).toEqual(link);
    yield openDwarf(directory, "bs.dwo");
    asked.push("again");
    yield openDwarf(directory, link.name);
  });
  const units = Array.from(main.units());
  expect(units.map((unit) => rootEntry(unit).inherited(DW_AT.DW_AT_comp_dir)?.string)).toEqual([
    directory,
    directory,
  ]);
  expect(asked).toEqual([]);
  for (let time = 0; time < 2; time++)
    expect(units[1]?.split?.dwarf.sections.elf.name).toBe(join(directory, "bs.dwo"));
  expect(asked).toEqual(["bs.dwo"]);
  expect(units[0]?.split?.dwarf.sections.elf.name).toBe(join(directory, "as.dwo"));
  expect(asked).toEqual(["bs.dwo", "as.dwo", "again"]);
  // What the split unit's root has not, its skeleton has.
  const { split } = units[0] ?? {};
  expect(split && rootEntry(split).attribute(DW_AT.DW_AT_stmt_list)).toBeUndefined();
  expect(split && rootEntry(split).inherited(DW_AT.DW_AT_stmt_list)?.unit).toBe(units[0]);
});

test("one split file may have the units of several skeletons, as optimising the whole program makes it", () => {
  const directory = built.get(JSON.stringify({ compiler: "clang", version: 5 })) ?? "";
  const run = (...args: string[]) =>
    execFileSync("clang++", ["-g", "-flto", ...args], { cwd: directory, stdio: "pipe" });
  run("-gdwarf-5", "-O1", "-x", "c", "-c", "a.c", "-o", "la.o");
  run("-gdwarf-5", "-O1", "-c", "b.cc", "-o", "lb.o");
  run("-fuse-ld=lld", "la.o", "lb.o", "-o", "lwhole");
  run("-fuse-ld=lld", "-Wl,--plugin-opt=dwo_dir=dwos", "la.o", "lb.o", "-o", "lsplit");
  const main = openDwarf(directory, "lsplit");
  const file = openDwarf(directory, "dwos/0.dwo");
  main.attachSplit(() => [file]);
  const split = splitUnits(main);
  expect(new Set(split.map((unit) => unit.dwarf))).toEqual(new Set([file]));
  const whole = compileUnits(openDwarf(directory, "lwhole"));
  expect(split.map((unit) => rootEntry(unit).name)).toEqual(whole.map((unit) => rootEntry(unit).name));
  const [ours, theirs] = [split, whole].map((units) => units.flatMap(described).sort());
  expect(theirs?.length).toBeGreaterThan(5);
  expect(ours).toEqual(theirs);
});

test("errors of an index are placed", () => {
  const directory = built.get(JSON.stringify({ compiler: "clang", version: 5 })) ?? "";
  const bytes = readFileSync(join(directory, "split.dwp"));
  const { offset } = ElfFile.open(bytes).sectionsNamed(".debug_cu_index")[0] ?? { offset: 0 };
  const damaged = (at: number, value: number): Dwarf => {
    const copy = Uint8Array.from(bytes);
    new DataView(copy.buffer).setUint32(offset + at, value, true);
    const name = "damaged.dwp";
    const main = openDwarf(directory, "split");
    main.attachSplit(() => [openDamaged(copy, name)]);
    return main;
  };
  const message = (at: number, value: number): string => {
    try {
      splitUnits(damaged(at, value));
    } catch (error) {
      if (error instanceof DwarfError) return `${error.code} ${error.message}`;
    }
    return "";
  };
  expect(message(0, 7)).toBe(
    "DWARF_UNSUPPORTED damaged.dwp: .debug_cu_index+0x0: index version 7: expected 2 or 5",
  );
  expect(message(8, 1 << 30)).toMatch(/^DWARF_TRUNCATED .*index: found \d+ bytes, expected \d+$/);
  expect(message(12, 3)).toMatch(/^DWARF_BAD_VALUE .*hash table of 3 slots/);
});

function openDamaged(bytes: Uint8Array, name: string): Dwarf {
  return Dwarf.open(ElfFile.open(bytes, { name }));
}

/** Rows of an index in the order of the hash table: the signature, then each column's part. */
function printedIndex(path: string, index: string): string[] {
  const printed = execFileSync("llvm-dwarfdump", [`--${index.replaceAll("_", "-")}`, path], {
    encoding: "utf8",
  });
  return [...printed.matchAll(/^ +\d+ 0x([0-9a-f]+)((?: \[0x[0-9a-f]+, 0x[0-9a-f]+\))+)/gm)].map(
    ([, signature, parts = ""]) => {
      const shown = [...parts.matchAll(/\[0x([0-9a-f]+), 0x([0-9a-f]+)\)/g)].map(
        ([, begin = "", end = ""]) => {
          const start = Number.parseInt(begin, 16);
          return `${start}+${Number.parseInt(end, 16) - start}`;
        },
      );
      return [BigInt(`0x${signature}`), ...shown].join(" ");
    },
  );
}

/** Where gdb says that the variables of `first` are, by address only. */
function gdbRanges(directory: string, program: string): string[] {
  const args = ["-batch", "-nx", "-ex", "info scope first", program];
  const printed = execFileSync("gdb", args, {
    cwd: directory,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  let symbol = "";
  let base = 0;
  return printed.split("\n").flatMap((line) => {
    const started = /^Symbol (\w+) is/.exec(line)?.[1];
    if (started !== undefined) {
      symbol = started;
      base = 0;
    }
    base = Number(/^ {2}Base address (0x[0-9a-f]+)/.exec(line)?.[1] ?? base);
    const range = /^ {2}(?:Base address \S+ {2})?Range (0x[0-9a-f]+)-(0x[0-9a-f]+):/.exec(line);
    const shown = (bound = "") => `0x${(base + Number(bound)).toString(16)}`;
    return range === null ? [] : [`${symbol} ${shown(range[1])}-${shown(range[2])}`];
  });
}
