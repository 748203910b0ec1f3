/** Symbols by address and name, as libdwfl finds them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Module } from "../../src/dwfl/module/module.ts";
import { Dwfl } from "../../src/dwfl/session.ts";
import { Random } from "../support/elf-random.ts";
import { euSymbols } from "./eu-modules.ts";
import { SessionWorkshop } from "./session-workshop.ts";

const one = new Dwfl();
let workshop: SessionWorkshop;

beforeAll(() => {
  workshop = new SessionWorkshop();
});
afterAll(() => {
  one.close();
  workshop.remove();
});

/** A module of its own session, so that its addresses begin where elfutils' do. */
function moduleOf(path: string): Module {
  const alone = new Dwfl({ offlineBase: 0n });
  const [module] = alone.reportFile(path);
  if (module === undefined) throw new Error(`${path}: no module`);
  return module;
}

/** `name+0x10` as eu-addr2line -S prints it; empty where there is no symbol. */
function described(module: Module, address: bigint): string {
  const match = module.symbolAt(address);
  if (match === undefined) return "";
  return match.offset === 0n ? match.symbol.name : `${match.symbol.name}+0x${match.offset.toString(16)}`;
}

/** Addresses all over a module. */
function sample(module: Module, count: number): bigint[] {
  const random = new Random(7);
  const size = Number(module.end - module.start);
  return Array.from({ length: count }, () => module.start + BigInt(random.below(size)));
}

function assembled(name: string, source: string, ...flags: string[]): string {
  workshop.run("as", "-o", `${name}.o`, workshop.write(`${name}.s`, source));
  if (flags.length > 0) workshop.run("ld", ...flags, "-o", name, `${name}.o`);
  return workshop.path(flags.length > 0 ? name : `${name}.o`);
}

describe("symbolAt", () => {
  it.each([
    ["a stripped executable", "/usr/bin/python3"],
    ["a library", "/lib/x86_64-linux-gnu/libm.so.6"],
    ["a position-independent executable", "/usr/bin/gdb"],
  ])("finds what libdwfl finds at 2,000 addresses of %s", (_what, path) => {
    const module = moduleOf(path);
    const addresses = sample(module, 2000);
    const theirs = euSymbols(addresses, "-e", path);
    const ours = addresses.map((address) => described(module, address));
    const differences = ours.flatMap((text, i) => {
      const [mine, other, at] = [text, theirs[i] ?? "", addresses[i] ?? 0n];
      return mine === other || isAlias(module, at, mine, other)
        ? []
        : [`${at.toString(16)}: ${mine} ${other}`];
    });
    expect(differences).toEqual([]);
  });

  it("prefers as libdwfl does", () => {
    const path = assembled(
      "preferences",
      `
      .macro sym name, bind, at, size
      .\\bind \\name
      .set \\name, start + \\at
      .size \\name, \\size
      .type \\name, @function
      .endm
      .text
      start: .skip 0x400
      sym outer global 0x10 0x40
      sym inner local 0x20 0x10
      sym weakly weak 0x60 0x10
      sym strongly global 0x60 0x10
      sym locally local 0x60 0x10
      sym large global 0x80 0x20
      sym small global 0x80 0x10
      sym label global 0xc0 0
      sym sized local 0xd0 0x10
      sym local_label local 0xf0 0
      .data
      datum: .long 0
      `,
      "-shared",
      "-z",
      "noseparate-code",
    );
    const module = moduleOf(path);
    const text = module.elf.sectionsNamed(".text")[0]?.addr ?? 0n;
    const at = (offset: number) => described(module, text + BigInt(offset));
    expect(at(0x2f)).toBe("outer+0x1f"); // A local symbol gives way, though it is closer.
    expect(at(0x64)).toBe("strongly+0x4");
    expect(at(0x8f)).toBe("small+0xf");
    expect(at(0x90)).toBe("large+0x10");
    expect(at(0xc8)).toBe("label+0x8"); // No size: the closest below,
    expect(at(0xd8)).toBe("sized+0x8");
    expect(at(0xe8)).toBe(""); // but not across another's end.
    expect(at(0xf4)).toBe("local_label+0x4");
    const addresses = Array.from({ length: 0x400 }, (_, offset) => text + BigInt(offset));
    expect(addresses.map((address) => described(module, address))).toEqual(euSymbols(addresses, "-e", path));
  });

  it("takes of labels where two sections meet the one of the section that the address is in", () => {
    const path = assembled(
      "meeting",
      '.text\n.skip 16\n.globl z_end\nz_end:\n.section .next,"ax"\n.globl a_start\na_start: .skip 16\n',
      "-shared",
    );
    const module = moduleOf(path);
    const [end, start] = [module.symbolNamed("z_end"), module.symbolNamed("a_start")];
    expect(start?.address).toBe(end?.address);
    const inside = (start?.address ?? 0n) + 4n;
    expect(described(module, inside)).toBe("a_start+0x4");
    // libdwfl takes the other one; gdb knows.
    const asked = workshop.run("gdb", "-batch", "-nx", path, "-ex", `info symbol ${inside}`);
    expect(asked).toContain("a_start + 4 in section .next");
  });

  it("keeps the sections of an object apart", () => {
    const module = moduleOf(workshop.path("user.o"));
    const named = (name: string) => module.symbolNamed(name);
    const [setup, local] = [named("setup"), named("local")];
    expect([setup?.offset, local?.offset]).toEqual([0n, 0n]);
    expect(setup?.section).not.toBe(local?.section);
    for (const name of ["setup", "local", "entry", "counter", "pointer"]) {
      const symbol = named(name);
      expect(module.symbolAt((symbol?.address ?? 0n) + 3n)).toEqual({ symbol, offset: 3n });
    }
    const addresses = Array.from({ length: Number(module.end) }, (_, i) => BigInt(i));
    const ours = addresses.map((address) => module.symbolAt(address)?.symbol.name ?? "");
    const theirs = euSymbols(addresses, "-e", workshop.path("user.o")).map((text) =>
      text.replace(/\+.*/, ""),
    );
    // libdwfl takes the padding behind a section for a part of it.
    expect(ours.filter((name, i) => name !== "" && name !== theirs[i])).toEqual([]);
    expect(ours.filter((name) => name !== "").length).toBeGreaterThan(50);
  });

  it("leaves out absolute symbols, marks of the assembler and thread-local symbols", () => {
    const module = moduleOf(
      assembled(
        "left",
        '.globl constant\n.set constant, 4\n.text\n.globl here\nhere: .skip 16\n.section .tbss,"awT",@nobits\n.globl mine\nmine: .skip 8\n',
      ),
    );
    expect([...module.symbols].map((symbol) => symbol.name)).toEqual(["here", "constant"]);
    expect(module.symbolNamed("constant")).toMatchObject({ address: 4n, section: undefined });
    expect(module.symbolAt((module.symbolNamed("here")?.address ?? 0n) + 8n)?.symbol.name).toBe("here");
  });

  it("takes the instruction set out of ARM's addresses, and passes its marks over", () => {
    const source = workshop.write("thumb.c", "int f(int x) { return x + 1; } int g(int x) { return x - 1; }");
    workshop.run("clang", "--target=armv7-linux-gnueabi", "-mthumb", "-O1", "-c", "-o", "thumb.o", source);
    const module = moduleOf(workshop.path("thumb.o"));
    expect([...module.symbols].map(({ name, offset }) => [name, offset])).toEqual([
      ["f", 0n],
      ["g", 4n],
    ]);
  });
});

describe("symbolNamed", () => {
  it("gives a global symbol before a weak one, and that before local ones", () => {
    const path = assembled(
      "twice",
      ".text\nfirst: .skip 4\n.globl same\nsame: .skip 4\n.weak other\nother: .skip 4\n",
    );
    workshop.run("as", "-o", "more.o", workshop.write("more.s", ".text\nsame: .skip 8\nother: .skip 8\n"));
    workshop.run("ld", "-r", "-o", "merged.o", "more.o", path);
    const module = moduleOf(workshop.path("merged.o"));
    expect(module.symbols.named("same").map((one) => [one.binding, one.offset])).toEqual([
      [1, 0x14n],
      [0, 0n],
    ]);
    expect(module.symbolNamed("other")?.binding).toBe(2);
    expect(module.symbolNamed("sam")).toBeUndefined();
    expect(module.symbolNamed("")).toBeUndefined();
  });
});

describe("symbols", () => {
  it("come from the debug file where the file was stripped, and from the dynamic table besides", () => {
    workshop.run("objcopy", "--only-keep-debug", "both.so", "both.debug");
    workshop.run("strip", "-o", "stripped.so", "both.so");
    workshop.run("objcopy", "--add-gnu-debuglink=both.debug", "stripped.so");
    const module = moduleOf(workshop.path("stripped.so"));
    const whole = moduleOf(workshop.path("both.so"));
    expect(whole.symbolNamed("local")?.binding).toBe(0);
    const shown = (of: Module) => [...of.symbols].map(({ name, address }) => `${name} ${address}`).sort();
    expect(shown(module)).toEqual(shown(whole));
    // Each dynamic symbol once.
    expect(module.symbols.named("entry")).toHaveLength(1);
  });

  it("come from .gnu_debugdata where there is no other table", () => {
    workshop.run("objcopy", "-S", "--keep-symbol=local", "--keep-symbol=entry", "both.so", "mini");
    workshop.run("xz", "-k", "mini");
    workshop.path("alone", "x");
    workshop.run("strip", "-o", "alone/mini.so", "both.so");
    const without = moduleOf(workshop.path("alone", "mini.so"));
    expect(without.symbolNamed("local")).toBeUndefined();
    workshop.run("objcopy", "--add-section=.gnu_debugdata=mini.xz", "alone/mini.so", "alone/with.so");
    const module = moduleOf(workshop.path("alone", "with.so"));
    const local = module.symbolNamed("local");
    expect(local?.offset).toBe(moduleOf(workshop.path("both.so")).symbolNamed("local")?.offset);
    const inside = (local?.address ?? 0n) + 1n;
    expect(described(module, inside)).toBe("local+0x1");
    expect(euSymbols([inside], "-e", workshop.path("alone", "with.so"))).toEqual(["local+0x1"]);
  });
});

/** Symbols of one value, binding and size are the same by every rule; which of them is first differs by table. */
function isAlias(module: Module, address: bigint, mine: string, theirs: string): boolean {
  const own = module.symbolAt(address)?.symbol;
  const other = module.symbols
    .named(theirs.replace(/\+0x[0-9a-f]+$/, ""))
    .find((one) => one.offset === own?.offset && one.size === own.size && one.binding === own.binding);
  return other !== undefined && mine.includes("+") === theirs.includes("+");
}
