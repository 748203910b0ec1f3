/** Relocations of one debug section: whatever shape they come in, what symbols mean, and what is refused. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Dwarf } from "../../src/dwarf/dwarf.ts";
import type { FieldReader } from "../../src/dwarf/relocation/field.ts";
import { Relocatable } from "../../src/dwarf/relocation/relocatable.ts";
import type { Resolver } from "../../src/dwarf/relocation/resolver.ts";
import { ET } from "../../src/elf/constants/header.ts";
import { EM } from "../../src/elf/constants/machine.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { R_386 } from "../../src/elf/machine/i386.ts";
import { R_X86_64 } from "../../src/elf/machine/x86_64.ts";
import type { RelocationDescription } from "../../src/elf/write/description.ts";
import { DwarfError, RelocationRequiredError } from "../../src/errors.ts";
import { relocatable } from "./relocation-objects.ts";

const { R_X86_64_64, R_X86_64_32, R_X86_64_NONE, R_X86_64_RELATIVE, R_X86_64_GOTPCREL } = R_X86_64;

const PLACES: Resolver = {
  sectionAddress: (elf, index) => (elf.section(index).name === ".text" ? 0xffff_ffff_c000_0000n : 0x20000n),
  symbolAddress: (_elf, { name }) => (name === "printk" ? 0x8123_4560n : undefined),
};

function reader(elf: ElfFile, resolver?: Resolver): FieldReader {
  const dwarf = Dwarf.open(elf, resolver);
  const section = dwarf.sections.first("debug_info");
  if (section === undefined) throw new Error("no .debug_info");
  return dwarf.reader(section);
}

function thrown(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("answers do not depend on how records lie", () => {
  // Words of 8 and of 4 bytes beside each other, with addends in the place as well, for REL.
  const sizes = [8, 4, 4, 8, 8, 4, 4, 8];
  const places = sizes.map((size, i) => ({ size, at: sizes.slice(0, i).reduce((sum, one) => sum + one, 0) }));
  const symbols = ["early", "late", "text", "init", "printk", "fixed", "text", "late"];
  const bytes = new Uint8Array(64);
  for (const { at } of places) bytes[at] = at + 1;
  const records = (explicit: boolean): RelocationDescription[] =>
    places.map(({ size, at }, i) => ({
      offset: at,
      type: size === 8 ? R_X86_64_64 : R_X86_64_32,
      symbol: symbols[i] ?? "",
      ...(explicit ? { addend: at + 1 } : {}),
    }));
  const rela = records(true);
  const shuffled = [5, 2, 7, 0, 3, 6, 1, 4].flatMap((i) => rela[i] ?? []);
  const rel = records(false);
  const shapes: [string, ElfFile, number][] = [
    ["sorted RELA, which serves as it lies", relocatable([rela], { bytes }), 0],
    ["unsorted RELA", relocatable([shuffled], { bytes }), 8],
    ["split RELA", relocatable([rela.slice(0, 3), rela.slice(3)], { bytes }), 8],
    ["interleaved RELA", relocatable([shuffled.slice(0, 5), [], shuffled.slice(5)], { bytes }), 8],
    ["REL", relocatable([rel], { bytes, kind: "REL" }), 8],
    ["split REL", relocatable([rel.slice(4), rel.slice(0, 4)], { bytes, kind: "REL" }), 8],
    ["a section index that does not fit (SHN_XINDEX)", relocatable([rela], { bytes, padding: 0xff10 }), 0],
  ];

  test.each(shapes)("%s", (_name, elf, digested) => {
    const fields = reader(elf, PLACES);
    const answers = (order: typeof places): string[] =>
      order.map(({ at, size }) => `${fields.address(at, size)} = 0x${fields.final(at, size).toString(16)}`);
    const expected = [
      ".text+0x11 = 0xffffffffc0000011",
      ".text+0x123d = 0xc000123d",
      ".debug_str+0x2d = 0x2d",
      ".init.text+0x21 = 0x20021",
      "printk+0x19 = 0x81234579",
      "fixed+0x21 = 0x7021",
      ".debug_str+0x45 = 0x45",
      ".text+0x125d = 0xffffffffc000125d",
    ];
    expect(answers(places)).toEqual(expected);
    // Again, now that all is known, and then backwards.
    expect(answers(places)).toEqual(expected);
    expect(answers(places.toReversed())).toEqual(expected.toReversed());
    expect([fields.offset(12, 4), fields.offset(36, 4), fields.offset(12, 4)]).toEqual([0x2d, 0x45, 0x2d]);
    expect(fields.section.relocations?.digested).toBe(digested);
  });
});

describe("gcc's thread-local offset of 4 bytes in a field of 8", () => {
  const { R_X86_64_DTPOFF32 } = R_X86_64;
  const bytes = new Uint8Array(64);
  bytes[20] = 1;
  const at = (offset: number): RelocationDescription => ({
    offset,
    type: R_X86_64_DTPOFF32,
    symbol: "early",
    addend: 4,
  });
  const places: Resolver = { ...PLACES, threadOffset: (_elf, { value }) => value + 0x100n };

  test("is the low half, and the upper one is 0", () => {
    const fields = reader(relocatable([[at(0), at(8)]], { bytes }), places);
    expect(fields.address(0, 8).info().target).toMatchObject({
      threadLocal: true,
      symbol: { name: "early" },
    });
    expect([fields.address(0, 8).resolve(), fields.final(0, 8), fields.offset(0, 8)]).toEqual([
      0x114n,
      0x114n,
      0x114,
    ]);
    expect([fields.address(8, 4).resolve(), fields.final(8, 4)]).toEqual([0x114n, 0x114n]);
  });

  test("is refused where the upper half is something", () => {
    const fields = reader(relocatable([[at(16)]], { bytes }), places);
    const message = /\.debug_info\+0x10: R_X86_64_DTPOFF32: found 32 bits, expected a field of 8 bytes$/;
    expect(() => fields.final(16, 8)).toThrow(message);
    expect(() => fields.address(16, 8).info()).toThrow(message);
  });
});

describe("symbols", () => {
  const at = (symbol: string | number, addend = 0): RelocationDescription[] => [
    { offset: 8, type: R_X86_64_64, symbol, addend },
  ];

  test("an absolute symbol is its value, and no symbol is an absolute 0", () => {
    const fixed = reader(relocatable([at("fixed", 2)])).address(8, 8);
    const none = reader(relocatable([at(0, 0x7001)])).address(8, 8);
    expect(fixed.info().target).toMatchObject({ symbol: { name: "fixed" }, sectionName: undefined });
    expect(none.info()).toEqual({ target: undefined, addend: 0x7001n });
    expect([fixed.resolve(), none.resolve(), none.toString()]).toEqual([0x7002n, 0x7001n, "0x7001"]);
    expect([fixed.minus(none), none.compare(fixed), fixed.compare(fixed)]).toEqual([1n, -1, 0]);
  });

  test.each(["printk", "shared"])("%s is where the resolver says that symbol is", (name) => {
    const asked: string[] = [];
    const answering: Resolver = {
      sectionAddress: () => undefined,
      symbolAddress: (elf, { name: symbol }) => {
        asked.push(`${elf.name} ${symbol}`);
        return 0x5000n;
      },
    };
    const fields = reader(
      relocatable([[...at(name, 1), { offset: 16, type: R_X86_64_32, symbol: name }]]),
      answering,
    );
    expect([fields.final(8, 8), fields.final(8, 8), fields.final(16, 4)]).toEqual([
      0x5001n,
      0x5001n,
      0x5000n,
    ]);
    expect(asked).toEqual([`made.o ${name}`]);
    expect(fields.address(8, 8).toString()).toBe(`${name}+0x1`);
    const unknown = reader(relocatable([at(name)]));
    expect(() => unknown.final(8, 8)).toThrow(RelocationRequiredError);
  });

  test("two sections that both begin at 0 are never confused", () => {
    const fields = reader(
      relocatable([
        [
          { offset: 0, type: R_X86_64_64, symbol: "early" },
          { offset: 8, type: R_X86_64_64, symbol: "init" },
          { offset: 16, type: R_X86_64_64, symbol: "late" },
        ],
      ]),
    );
    const [early, init, late] = [0, 8, 16].map((offset) => fields.address(offset, 8));
    if (early === undefined || init === undefined || late === undefined) throw new Error("three values");
    expect([early.compare(init), init.minus(early)]).toEqual([undefined, undefined]);
    expect([late.minus(early), early.compare(late), late.plus(-0x1224).compare(early)]).toEqual([
      0x1224n,
      -1,
      0,
    ]);
    expect(early.plus(-0x20).toString()).toBe(".text-0x10");
  });

  test("a value read in one file may count from a section of another", () => {
    const [skeleton, split] = [relocatable([at("early", 4)]), relocatable([])];
    const base = reader(skeleton, PLACES).address(8, 8);
    const section = reader(split).section;
    const value = new Relocatable({ section, infoAt: () => base.info() }, 0, 8, 0x20n);
    const asked: (ElfFile | undefined)[] = [];
    const recording: Resolver = {
      sectionAddress(elf) {
        asked.push(elf);
        return 0n;
      },
      symbolAddress: () => undefined,
    };
    expect([value.resolve(), value.minus(base)]).toEqual([0xffff_ffff_c000_0034n, 0x20n]);
    expect(value.resolve(recording)).toBe(0x34n);
    expect(asked).toEqual([skeleton]);
    const other = reader(relocatable([at("early", 4)])).address(8, 8);
    expect([value.minus(other), other.compare(base)]).toEqual([undefined, undefined]);
  });

  test("a value that nobody can place is an error that names it", () => {
    const fields = reader(relocatable([at("early")]));
    const error = thrown(() => fields.final(8, 8));
    expect(error).toBeInstanceOf(RelocationRequiredError);
    expect(error).toMatchObject({
      code: "DWARF_RELOCATION_REQUIRED",
      place: { file: "made.o", section: ".debug_info", offset: 8 },
    });
    for (const action of [() => fields.address(8, 8).resolve(), () => fields.offset(8, 8)]) {
      expect(action).toThrow("made.o: .debug_info+0x8: value requires relocation: it counts from early");
    }
    expect(fields.address(8, 8).resolve(PLACES)).toBe(0xffff_ffff_c000_0010n);
  });
});

describe("what is refused", () => {
  const bad = (type: number, size = 8, offset = 8): unknown =>
    thrown(() => reader(relocatable([[{ offset, type, symbol: "early" }]]), PLACES).final(offset, size));

  test("unknown and illegal types, by type, section and offset", () => {
    const place = "made.o: .debug_info+0x8: ";
    expect(bad(R_X86_64_GOTPCREL)).toMatchObject({
      code: "DWARF_BAD_RELOCATION",
      message: `${place}R_X86_64_GOTPCREL: has no meaning in a debug section`,
    });
    expect(bad(200)).toMatchObject({
      message: `${place}EM_X86_64 relocation 200: has no meaning in a debug section`,
    });
    expect(bad(R_X86_64_RELATIVE)).toMatchObject({
      message: `${place}R_X86_64_RELATIVE: is of linked files only`,
    });
    expect(bad(R_X86_64_32)).toMatchObject({
      message: `${place}R_X86_64_32: found 32 bits, expected a field of 8 bytes`,
    });
    expect(bad(R_X86_64_64, 4)).toMatchObject({
      message: `${place}R_X86_64_64: found 64 bits, expected a field of 4 bytes`,
    });
    const other = relocatable([[{ offset: 8, type: 1, symbol: "early" }]], { machine: EM.EM_SPARCV9 });
    expect(() => reader(other).address(8, 8).info()).toThrow(DwarfError);
  });

  test("a record that does nothing changes nothing", () => {
    const bytes = new Uint8Array(64).fill(7);
    const fields = reader(relocatable([[{ offset: 8, type: R_X86_64_NONE, symbol: "early" }]], { bytes }));
    expect(fields.final(8, 8)).toBe(0x0707_0707_0707_0707n);
    expect(fields.address(8, 4).info()).toEqual({ target: undefined, addend: 0x0707_0707n });
  });

  test("places outside of the section, sorted or not", () => {
    const outside = { offset: 64, type: R_X86_64_64, symbol: "early" };
    const inside = { offset: 8, type: R_X86_64_64, symbol: "early" };
    for (const lists of [[[inside, outside]], [[outside, inside]], [[inside], [outside]]]) {
      expect(() => reader(relocatable(lists))).toThrow(
        "made.o: .debug_info+0x40: relocation: outside of the section, which has 64 bytes",
      );
    }
    const far = relocatable([[{ ...inside, offset: 2 ** 32 + 8 }]]);
    expect(() => reader(far)).toThrow(/outside of the section/);
  });

  test("of two records on one place the last has the say", () => {
    const records = ["early", "late"].map((symbol) => ({ offset: 8, type: R_X86_64_64, symbol }));
    const fields = reader(relocatable([records]), PLACES);
    expect([fields.final(8, 8), fields.final(8, 8)]).toEqual([
      0xffff_ffff_c000_1234n,
      0xffff_ffff_c000_1234n,
    ]);
    expect(fields.address(8, 8).toString()).toBe(".text+0x1234");
  });
});

describe("addends in the place", () => {
  test("are signed, and the value is cut to its field", () => {
    const bytes = new Uint8Array(64);
    new DataView(bytes.buffer).setInt32(4, -0x20, true);
    const options = { machine: EM.EM_386, is64: false, kind: "REL", bytes } as const;
    const fields = reader(
      relocatable([[{ offset: 4, type: R_386.R_386_32, symbol: "early" }]], options),
      PLACES,
    );
    expect(fields.address(4, 4).toString()).toBe(".text-0x10");
    expect(fields.final(4, 4)).toBe(0xbfff_fff0n);
    expect(fields.address(4, 4).resolve()).toBe(0xbfff_fff0n);
  });
});

describe("what tools make of one object", () => {
  let scratch = "";
  let object = "";
  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), "bindery-tools-"));
    object = join(scratch, "a.o");
    const source =
      "static int count;\nint add(int a) { for (int i = 0; i < a; i++) count += i; return count; }\n";
    writeFileSync(join(scratch, "a.c"), source);
    execFileSync("gcc", ["-gdwarf-4", "-O2", "-c", "a.c", "-o", object], { cwd: scratch });
  });
  afterAll(() => rmSync(scratch, { recursive: true }));

  /** Every field of `.debug_info` that the object has a relocation for, as it is in a file. */
  function values(path: string): string[] {
    const at = (given: string): FieldReader =>
      reader(ElfFile.open(readFileSync(given), { name: given }), PLACES);
    const [original, fields] = [at(object), at(path)];
    const { relocations } = original.section;
    if (relocations === undefined) throw new Error("no relocations");
    return Array.from({ length: relocations.count }, (_, i) => {
      const offset = relocations.offsetAt(i);
      const size = relocations.tableAt(i).type(relocations.indexAt(i)) === R_X86_64_64 ? 8 : 4;
      const number = size === 4 ? fields.offset(offset, size) : 0;
      return `${fields.address(offset, size)} ${fields.final(offset, size)} ${number}`;
    });
  }

  test.each(["zlib-gabi", "zlib-gnu"])("compressed sections are relocated as they were (%s)", (style) => {
    const path = join(scratch, `${style}.o`);
    execFileSync("objcopy", [`--compress-debug-sections=${style}`, object, path]);
    expect(execFileSync("readelf", ["-SW", path], { encoding: "utf8" })).toMatch(
      / \.zdebug_info | \.debug_info .* C /,
    );
    const named = values(path).map((line) => line.replace(".zdebug_", ".debug_"));
    expect(named).toEqual(values(object));
  });

  test("eu-strip resolves the same offsets, and leaves the addresses", () => {
    const path = join(scratch, "a.debug");
    const stripped = join(scratch, "stripped.o");
    execFileSync("eu-strip", ["--reloc-debug-sections", "-f", path, "-o", stripped, object]);
    const left = reader(ElfFile.open(readFileSync(path))).section.relocations?.count ?? 0;
    expect(left).toBeGreaterThan(0);
    // Offsets are plain numbers now; that they were `.debug_str+0x10` is gone.
    const numbers = (lines: string[]): string[] =>
      lines.map((line) => line.replace(/^\.debug_\w+\+|^0x/, "").replace(/^0x/, ""));
    expect(left).toBeLessThan(values(object).length);
    expect(numbers(values(path))).toEqual(numbers(values(object)));
  });
});

describe("linked files", () => {
  let scratch = "";
  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), "bindery-emit-"));
    writeFileSync(
      join(scratch, "a.c"),
      "int twice(int a) { return 2 * a; }\nint main(void) { return twice(21); }\n",
    );
  });
  afterAll(() => rmSync(scratch, { recursive: true }));

  test("relocations that a linker left are not applied again", () => {
    const path = join(scratch, "a.out");
    execFileSync("clang", ["-gdwarf-4", "-Wl,--emit-relocs", "-no-pie", "a.c", "-o", path], { cwd: scratch });
    const elf = ElfFile.open(readFileSync(path), { name: path });
    expect(
      elf.relocationSectionsOf(elf.sections.find(({ name }) => name === ".debug_info")?.index ?? 0),
    ).toHaveLength(1);
    const dwarf = Dwarf.open(elf);
    const names = [...dwarf.units()].map((unit) => {
      const root = unit.entries();
      root.next();
      while (root.nextAttribute()) {
        if (root.attribute === 0x11) return root.reader.address(root.valueOffset, 8);
      }
      return undefined;
    });
    const printed = execFileSync("readelf", ["--debug-dump=info", path], { encoding: "utf8" });
    const low = /DW_TAG_compile_unit[\s\S]*?DW_AT_low_pc +: (0x[0-9a-f]+)/.exec(printed)?.[1];
    expect(low).toMatch(/^0x40/);
    const [value] = names.filter((one) => one !== undefined);
    expect([value?.toString(), value?.info(), value?.resolve()]).toEqual([
      low,
      { target: undefined, addend: BigInt(low ?? 0) },
      BigInt(low ?? 0),
    ]);
  });

  test("an executable of the same bytes is read as it stands", () => {
    const bytes = new Uint8Array(64).fill(5);
    const elf = relocatable([[{ offset: 8, type: R_X86_64_64, symbol: "early" }]], {
      bytes,
      type: ET.ET_EXEC,
    });
    expect(reader(elf, PLACES).final(8, 8)).toBe(0x0505_0505_0505_0505n);
  });
});
