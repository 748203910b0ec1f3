/** `.debug_aranges`, against what readelf, llvm-dwarfdump and the linker say of the same objects. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { ArangeCursor } from "../../../src/dwarf/read/names/aranges.ts";
import { ArangeIndex } from "../../../src/dwarf/read/names/aranges-index.ts";
import type { Relocatable } from "../../../src/dwarf/relocation/relocatable.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { placedAs } from "./location-objects.ts";
import { compileNames, openFile, printed, refusals } from "./names-objects.ts";

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-aranges-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

const BUILDS = [
  ["gcc", "-g", "-gdwarf-2"],
  ["gcc", "-gdwarf-5", "-ffunction-sections"],
  ["gcc", "-g", "-gdwarf-4", "-gdwarf64"],
  ["clang", "-gdwarf-4", "-gdwarf-aranges", "-ffunction-sections"],
  ["clang", "-gdwarf-5", "-gdwarf64", "-gdwarf-aranges"],
  ...["i386", "aarch64", "riscv64", "mips", "powerpc64", "arm"].map((machine) => [
    "clang",
    `--target=${machine}-linux-gnu`,
    "-g",
    "-gdwarf-aranges",
    "-ffunction-sections",
  ]),
].map((command) => ({ command }));

describe.each(BUILDS)("$command", ({ command }) => {
  test("counts from the sections that the linker placed, and has the addresses and lengths of the linked file", () => {
    const object = compileNames(scratch, command);
    const linked = linkedApart(object);
    const expected = printed("llvm-dwarfdump", "--debug-aranges", linked)
      .split("\n")
      .flatMap((line) => [...line.matchAll(/\[0x(\w+), 0x(\w+)\)/g)])
      .map(([, from, to]) => ({
        from: BigInt(`0x${from}`),
        length: BigInt(`0x${to}`) - BigInt(`0x${from}`),
      }));
    expect(expected.length).toBeGreaterThan(1);
    expect(finals(openFile(linked))).toEqual(expected);

    const dwarf = openFile(object);
    const shown = starts(dwarf).map((start) => start.toString());
    expect(shown).toContain(".init.text+0x0");
    expect(() => finals(dwarf)).toThrow(/value requires relocation/);
    dwarf.place(placedAs(linked));
    expect(finals(dwarf)).toEqual(expected);
  });

  test("finds the unit of a place and of a final address, and none beside them", () => {
    const object = compileNames(scratch, command);
    const linked = linkedApart(object);
    const dwarf = openFile(object);
    const index = ArangeIndex.of(dwarf);
    const linkedIndex = ArangeIndex.of(openFile(linked));
    const resolver = placedAs(linked);
    const sections = dwarf.sections.elf.sections.filter(({ name }) => name.startsWith(".rel") === false);
    const code = sections.filter(({ name, size }) => /^\.(text|init\.text)/.test(name) && size > 0n);
    expect(code.length).toBeGreaterThan(1);
    for (const { index: section, name } of code) {
      const start = resolver.sectionAddress(dwarf.sections.elf, section) ?? 0n;
      const at = (offset: bigint) => index.at({ section, symbol: 0, offset })?.header.offset;
      expect([name, at(0n)]).toEqual([name, 0]);
      expect([at(-1n), at(1n << 40n)]).toEqual([undefined, undefined]);
      expect(index.atAddress(start + 1n, resolver)?.header.offset).toBe(0);
      expect(linkedIndex.atAddress(start + 1n)?.header.offset).toBe(0);
    }
    const note = sections.find(({ name }) => name === ".debug_info");
    expect(index.at({ section: note?.index, symbol: 0, offset: 0n })).toBeUndefined();
    expect(index.atAddress(0n, resolver)).toBeUndefined();
  });
});

test("a unit whose header does not begin where a set says is refused", () => {
  const object = compileNames(scratch, ["gcc", "-g"]);
  const linked = linkedApart(object);
  const image = readFileSync(linked);
  const [section] = ElfFile.open(image).sectionsNamed(".debug_aranges");
  image[(section?.offset ?? 0) + 6] = 1;
  const index = ArangeIndex.of(Dwarf.open(ElfFile.open(image)));
  const [first] = finals(openFile(linked));
  expect(() => index.atAddress(first?.from ?? 0n)).toThrow(
    /\.debug_(aranges\+0x6|info\+0x[15]): .*(no unit of|version|past the section)/,
  );
});

test("an empty range at the start of a section is no end of its set", () => {
  const path = join(scratch, "empty.s");
  const tuples = ".quad .text, 0, tail, 4, 0, 0";
  writeFileSync(
    path,
    `.text\n.nop\n.section .text.tail,"ax"\ntail: .long 0\n.section .debug_aranges,"",@progbits
    .long 2f-1f\n1: .short 2\n .long 0\n .byte 8, 0\n .long 0\n ${tuples}\n2:\n`.replace(".nop", "nop"),
  );
  const object = join(scratch, "empty.o");
  execFileSync("as", [path, "-o", object]);
  expect(starts(openFile(object)).map(String)).toEqual([".text+0x0", ".text.tail+0x0"]);
});

test("damage is refused with a place", () => {
  const object = compileNames(scratch, ["clang", "-g", "-gdwarf-aranges", "-ffunction-sections"]);
  const linked = linkedApart(object);
  for (const file of [object, linked]) {
    const refused = refusals(file, /debug_aranges$/, 1000, (dwarf) =>
      ArangeIndex.of(dwarf).atAddress(0x10000n, placedAs(linked)),
    );
    expect(refused).toBeGreaterThan(200);
  }
});

function* tuples(dwarf: Dwarf): IterableIterator<ArangeCursor> {
  for (const section of dwarf.sections.named("debug_aranges")) {
    const at = new ArangeCursor(dwarf.reader(section));
    while (at.nextSet()) while (at.next()) yield at;
  }
}

function starts(dwarf: Dwarf): Relocatable[] {
  return Array.from(tuples(dwarf), (at) => at.start);
}

function finals(dwarf: Dwarf): { from: bigint; length: bigint }[] {
  return Array.from(tuples(dwarf), (at) => {
    at.finalStart();
    const from = (BigInt(at.reader.high) << 32n) | BigInt(at.reader.low);
    expect(at.start.resolve()).toBe(from);
    return { from, length: BigInt(at.length) };
  });
}

/** Links an object of any machine by itself, each section at a place of its own. */
function linkedApart(object: string): string {
  const linked = `${object}.linked`;
  const script = join(scratch, "apart.lds");
  writeFileSync(script, "SECTIONS { . = 0x10000; }\n");
  const options = ["--unresolved-symbols=ignore-all", "--no-relax", "-e", "0", "-T", script];
  execFileSync("ld.lld", [...options, object, "-o", linked], { stdio: "pipe" });
  return linked;
}
