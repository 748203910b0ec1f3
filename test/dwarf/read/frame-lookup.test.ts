/** Call frames of the C library, and of relocatable files by section and offset, found for an address. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FrameHeaderTable } from "../../../src/dwarf/read/frame/header.ts";
import { frameRowAt } from "../../../src/dwarf/read/frame/row.ts";
import type { FrameSection } from "../../../src/dwarf/read/frame/section.ts";
import type { Resolver } from "../../../src/dwarf/relocation/relocatable.ts";
import { STT } from "../../../src/elf/constants/symbol.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { RelocationRequiredError } from "../../../src/errors.ts";
import { openFrames, ourInstructions, ourRows, readelfInstructions, readelfRows } from "./frame-oracles.ts";

const LIBC = "/lib/x86_64-linux-gnu/libc.so.6";

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-frame-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

function ehFrame(path: string): FrameSection {
  const [frames] = openFrames(path);
  if (frames === undefined) throw new Error(`${path}: no frames`);
  return frames;
}

describe("the C library", () => {
  const frames = ehFrame(LIBC);

  test("has the instructions that readelf prints, every one", () => {
    const expected = readelfInstructions(LIBC);
    expect(expected.length).toBeGreaterThan(3000);
    expect(ourInstructions(frames)).toEqual(expected);
  });

  test("has the rows that readelf prints, every one", () => {
    const expected = readelfRows(LIBC);
    expect(expected.flatMap(({ lines }) => lines).length).toBeGreaterThan(20_000);
    expect(ourRows(frames)).toEqual(expected);
  });

  test("has a search table that leads to each of them", () => {
    const table = FrameHeaderTable.read(ElfFile.open(readFileSync(LIBC)));
    if (table === undefined) throw new Error("no .eh_frame_hdr");
    const { addr } = frames.reader.section.elfSection;
    expect(table.ehFrame).toBe(addr);
    const fdes = [...frames.fdes()];
    expect(table.count).toBe(fdes.length);
    const starts = new Map(fdes.map((fde) => [fde.offset, fde.start.resolve()]));
    for (let index = 0; index < table.count; index++) {
      expect(starts.get(Number(table.fde(index) - addr))).toBe(table.start(index));
    }
    for (const fde of fdes) {
      const last = fde.start.resolve() + BigInt(fde.size) - 1n;
      expect(table.find(last)).toBe(addr + BigInt(fde.offset));
      expect(frames.find(last)?.offset).toBe(fde.offset);
      expect(frames.findAt(fde.start)?.offset).toBe(fde.offset);
    }
    expect(table.find(table.start(0) - 1n)).toBeUndefined();
    expect(frames.find(0n)).toBeUndefined();
    expect(frames.find(0xffff_ffff_ffff_ffffn)).toBeUndefined();
  });

  test("says where the handler of signals finds the registers: its frame is the kernel's", () => {
    const signal = [...frames.fdes()].filter(({ cie }) => cie.isSignalFrame);
    expect(signal.length).toBe(1);
    const [restore] = signal;
    if (restore === undefined) throw new Error("no signal frame");
    // By its unwind information it begins a byte before the code, so that a search for pc - 1 finds it.
    const row = frameRowAt(restore, 1);
    expect(row?.cfa.kind).toBe("expression");
    expect([...(row?.rules.keys() ?? [])]).toEqual(Array.from({ length: 17 }, (_, register) => register));
    expect(frameRowAt(restore, restore.size)).toBeUndefined();
  });
});

describe("relocatable files", () => {
  function sections(...compiler: string[]): { frames: FrameSection; elf: ElfFile } {
    const source = join(scratch, "s.cc");
    writeFileSync(
      source,
      `int g(int); int one(int a) { return g(a) + 1; } int two(int a) { return g(a) * 2; }
       __attribute__((section(".init.text"))) int three(int a) { try { return g(a); } catch (...) { return 3; } }`,
    );
    const object = join(scratch, "s.o");
    const [program = "", ...flags] = compiler;
    execFileSync(program, [...flags, "-O1", "-ffunction-sections", "-c", source, "-o", object]);
    const frames = ehFrame(object);
    return { frames, elf: frames.reader.section.elf };
  }

  const COMPILERS = [
    ["g++"],
    ["g++", "-m32"],
    [
      "g++",
      "-g",
      "-fno-asynchronous-unwind-tables",
      "-fno-unwind-tables",
      "-fno-exceptions",
      "-Dtry=if(1)",
      "-Dcatch(x)=else",
    ],
    ...["aarch64", "riscv64", "s390x", "powerpc64le", "mips64"].map((machine) => [
      "clang++",
      "-fexceptions",
      "-fasynchronous-unwind-tables",
      `--target=${machine}-linux-gnu`,
    ]),
  ];

  test.each(COMPILERS)("%s %s: all functions begin at 0, and none is taken for another", (...compiler) => {
    const { frames, elf } = sections(...compiler.filter((option) => option !== undefined));
    const functions = [...(elf.symtab() ?? [])].filter(({ type }) => type === STT.STT_FUNC);
    const own = functions.filter(({ name }) => /one|two|three/.test(name));
    expect(own.length).toBe(3);
    for (const { sectionIndex, value, size, name } of own) {
      expect(value).toBe(0n);
      const fde = frames.findIn(sectionIndex, Number(size) - 1);
      if (fde === undefined) throw new Error(`no FDE for ${name}`);
      expect(String(fde.start)).toBe(`${elf.section(sectionIndex).name}+0x0`);
      expect(frames.findAt(fde.start.plus(fde.size - 1))?.offset).toBe(fde.offset);
      expect(frames.findAt(fde.start.plus(fde.size))).toBeUndefined();
      expect(fde.size).toBe(Number(size));
      expect(fde.range.resolve()).toBe(size);
      expect(frames.findIn(sectionIndex, Number(size))).toBeUndefined();
      expect(() => fde.start.resolve()).toThrow(RelocationRequiredError);
    }
    expect(frames.findIn(frames.reader.section.elfSection.index, 0)).toBeUndefined();
  });

  test("addresses are found where a resolver puts the sections, and elsewhere when it moves them", () => {
    const { frames, elf } = sections("g++");
    const asked: number[] = [];
    const placed = (base: bigint): Resolver => ({
      sectionAddress(_, index) {
        asked.push(index);
        return base + BigInt(index) * 0x1000n;
      },
      symbolAddress: () => undefined,
    });
    for (const base of [0x10_0000n, 0xffff_ffff_c000_0000n]) {
      const resolver = placed(base);
      for (const fde of frames.fdes()) {
        const index = fde.start.info().target?.symbol.sectionIndex ?? 0;
        const start = base + BigInt(index) * 0x1000n;
        expect(fde.start.resolve(resolver)).toBe(start);
        expect(frames.find(start + 1n, resolver)?.offset).toBe(fde.offset);
        expect(frames.find(start + BigInt(fde.size), resolver)).toBeUndefined();
      }
    }
    // Only sections with code in them are asked for.
    const code = new Set([...frames.fdes()].map(({ start }) => start.info().target?.symbol.sectionIndex));
    expect(new Set(asked)).toEqual(code);
    // Nobody said where they are.
    expect(frames.find(0n)).toBeUndefined();
    expect(elf.section([...code][0] ?? 0).name).toMatch(/^\.(text|init)/);
  });

  test("personality and language-specific data are named, and the detour of the first told", () => {
    const { frames } = sections("g++", "-fpic");
    const [three] = [...frames.fdes()].filter(({ lsda }) => lsda !== undefined);
    const personality = three?.cie.personality;
    expect(personality?.indirect).toBe(true);
    expect(personality?.value.info().target?.symbol.name).toBe("DW.ref.__gxx_personality_v0");
    expect(String(three?.lsda?.value)).toBe(".gcc_except_table._Z5threei+0x0");
    expect(three?.lsda?.indirect).toBe(false);
    const plain = sections("g++", "-fno-pic").frames;
    const [direct] = [...plain.fdes()].flatMap(({ cie }) => cie.personality ?? []);
    expect([direct?.indirect, String(direct?.value)]).toEqual([false, "__gxx_personality_v0+0x0"]);
    // The others have a CIE without.
    expect([...plain.fdes()].filter(({ cie }) => cie.personality === undefined).length).toBe(2);
  });
});
