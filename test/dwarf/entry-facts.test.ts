/** What entries say along their references: against objdump, readelf, the source itself; and references that lead back. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DW_AT } from "../../src/dwarf/constants/attribute.ts";
import { DW_TAG } from "../../src/dwarf/constants/tag.ts";
import { Die, rootEntry } from "../../src/dwarf/die.ts";
import type { Dwarf } from "../../src/dwarf/dwarf.ts";
import {
  callPlace,
  declarationPlace,
  importedUnits,
  inlineChain,
  linkageName,
} from "../../src/dwarf/entry-facts.ts";
import { openDwarf } from "./read/location-objects.ts";

/** Lines are counted in the tests. */
const SOURCE = `extern "C" int other(int);
namespace space {
struct node { int value; node *next;
  int total() const; };
}
int space::node::total() const { return value + other(2); }
static inline int twice(int x) {
  return 2 * other(x);
}
static inline int four(int x) {
  return twice(x) + twice(x + 1);
}
int eight(int x) {
  return four(x) + four(x + 2) + 1;
}
`;

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-facts-"));
  writeFileSync(join(scratch, "a.cc"), SOURCE);
});
afterAll(() => rmSync(scratch, { recursive: true }));

function* entriesOf(dwarf: Dwarf): IterableIterator<Die> {
  for (const unit of dwarf.units()) {
    const at = unit.entries();
    while (at.next()) yield new Die(unit, at);
  }
}

describe.each([
  { command: ["g++", "-O2", "-gdwarf-5"] },
  { command: ["g++", "-O2", "-gdwarf-4", "-ffunction-sections"] },
  { command: ["clang++", "-O2", "-gdwarf-5", "-ffunction-sections"] },
  { command: ["clang++", "-O2", "-gdwarf-4", "-ggdb"] },
])("$command", ({ command }) => {
  const compile = (): string => {
    const object = join(scratch, "a.o");
    const [compiler = "", ...options] = command;
    execFileSync(compiler, [...options, "-g", "-c", join(scratch, "a.cc"), "-o", object]);
    return object;
  };

  test("siblings are the children of one owner, one after the other", () => {
    let chains = 0;
    for (const die of entriesOf(openDwarf(compile()))) {
      const children = Array.from(die.children(), ({ offset }) => offset);
      const followed: number[] = [];
      for (let [at] = die.children(); at !== undefined; at = at.sibling) followed.push(at.offset);
      expect(followed).toEqual(children);
      if (children.length > 1) chains++;
    }
    expect(chains).toBeGreaterThan(4);
  });

  test("returns of calls are where objdump shows that calls end", () => {
    const object = compile();
    const dwarf = openDwarf(object);
    const ours: string[] = [];
    for (const die of entriesOf(dwarf)) {
      const isCall = die.tag === DW_TAG.DW_TAG_call_site || die.tag === DW_TAG.DW_TAG_GNU_call_site;
      if (!isCall) continue;
      const returns = die.attribute(DW_AT.DW_AT_call_return_pc) ?? die.attribute(DW_AT.DW_AT_low_pc);
      const target = die.attribute(DW_AT.DW_AT_call_origin) ?? die.attribute(DW_AT.DW_AT_abstract_origin);
      const isTail = die.attribute(DW_AT.DW_AT_call_tail_call) ?? die.attribute(DW_AT.DW_AT_GNU_tail_call);
      expect(target?.reference?.name).toBe("other");
      if (isTail === undefined) ours.push(String(returns?.address));
      for (const parameter of die.children()) {
        const value =
          parameter.attribute(DW_AT.DW_AT_call_value) ?? parameter.attribute(DW_AT.DW_AT_GNU_call_site_value);
        expect(value?.block.length).toBeGreaterThan(0);
      }
    }
    expect(ours.length).toBeGreaterThan(3);
    expect(new Set(ours)).toEqual(new Set(callEnds(object)));
  });

  test("declarations are where the source has them", () => {
    const dwarf = openDwarf(compile());
    const places = new Map<string, string>();
    const names = new Map<string, string | undefined>();
    for (const die of entriesOf(dwarf)) {
      if (die.tag !== DW_TAG.DW_TAG_subprogram || die.attribute(DW_AT.DW_AT_declaration) !== undefined)
        continue;
      const { file, line } = declarationPlace(die) ?? {};
      places.set(die.name ?? "", `${file}:${line}`);
      if (die.attribute(DW_AT.DW_AT_low_pc) !== undefined) names.set(die.name ?? "", linkageName(die));
    }
    const path = join(scratch, "a.cc");
    expect(Object.fromEntries(places)).toMatchObject({
      total: `${path}:6`,
      twice: `${path}:7`,
      four: `${path}:10`,
      eight: `${path}:13`,
    });
    expect(Object.fromEntries(names)).toEqual({ total: "_ZNK5space4node5totalEv", eight: "_Z5eighti" });
  });

  test("inlined calls lead to the function that they ended up in, by the lines of the source", () => {
    const dwarf = openDwarf(compile());
    const chains = Array.from(entriesOf(dwarf))
      .filter((die) => die.tag === DW_TAG.DW_TAG_inlined_subroutine && die.name === "twice")
      .map((die) =>
        inlineChain(die)
          .map(({ name, call }) => `${name}:${call?.line ?? ""}`)
          .join(" "),
      );
    expect(chains.length).toBeGreaterThanOrEqual(4);
    expect(new Set(chains)).toEqual(new Set(["twice:11 four:14 eight:"]));
    for (const die of entriesOf(dwarf)) {
      if (die.tag !== DW_TAG.DW_TAG_inlined_subroutine) continue;
      expect(callPlace(die)?.file).toBe(join(scratch, "a.cc"));
      expect(inlineChain(die).at(-1)?.die.tag).toBe(DW_TAG.DW_TAG_subprogram);
      // Variables and blocks within belong to the same functions.
      for (const child of die.children())
        expect(inlineChain(child).slice(-1)).toMatchObject([{ name: "eight" }]);
    }
  });
});

/** Behind every call instruction: `.text+0x19`. */
function callEnds(object: string): string[] {
  const printed = execFileSync("objdump", ["-dw", object], { encoding: "utf8" });
  const ends: string[] = [];
  let section = "";
  let isBehind = false;
  for (const line of printed.split("\n")) {
    section = /^Disassembly of section (.*):$/.exec(line)?.[1] ?? section;
    const instruction = /^ +([0-9a-f]+):\t[0-9a-f ]+\t(\w+)/.exec(line);
    if (instruction === null) continue;
    if (isBehind) ends.push(`${section}+0x${instruction[1]}`);
    isBehind = instruction[2] === "call";
  }
  return ends;
}

describe("references that lead back", () => {
  /** A unit with entries of tag, attribute, and the entry that it refers to; and a unit that imports itself. */
  const crafted = (): Dwarf => {
    const object = join(scratch, "loop.o");
    const source = `
.section .debug_abbrev
.uleb128 1, 0x11\n.byte 1\n.uleb128 0, 0
.uleb128 2, 0x2e\n.byte 0\n.uleb128 0x31, 0x13, 0, 0
.uleb128 3, 0x2e\n.byte 0\n.uleb128 0x47, 0x13, 0, 0
.uleb128 4, 0x3d\n.byte 0\n.uleb128 0x18, 0x10, 0, 0
.uleb128 5, 0x39\n.byte 0\n.uleb128 0x54, 0x13, 0, 0
.uleb128 6, 0x39\n.byte 0\n.uleb128 3, 8, 0, 0
.byte 0
.section .debug_info
start: .4byte 9f-8f
8: .2byte 4\n.4byte 0\n.byte 8
root: .uleb128 1
one: .uleb128 2\n.4byte two-start
two: .uleb128 3\n.4byte one-start
.uleb128 4\n.4byte root2
.uleb128 4\n.4byte root
extended: .uleb128 5\n.4byte original-start
original: .uleb128 6\n.asciz "space"
.byte 0
9: .4byte 7f-6f
6: .2byte 4\n.4byte 0\n.byte 8
root2: .uleb128 1
.uleb128 4\n.4byte root
.byte 0
7:
`;
    execFileSync("as", ["-o", object], { input: source });
    return openDwarf(object);
  };

  test("are refused by who follows them", () => {
    const [unit] = crafted().units();
    const [one, two] = unit === undefined ? [] : rootEntry(unit).children();
    for (const die of [one, two]) {
      for (const ask of [
        () => die?.name,
        () => die && declarationPlace(die),
        () => die && linkageName(die),
      ]) {
        expect(ask).toThrow(/\.debug_info\+0x[0-9a-f]+: entry: its references lead back to it$/);
      }
    }
  });

  test("are followed once among imported units", () => {
    const offsets = Array.from(crafted().units(), (unit) =>
      Array.from(importedUnits(unit), ({ header }) => header.offset),
    );
    const [first, second] = Array.from(crafted().units(), ({ header }) => header.offset);
    expect(offsets).toEqual([
      [second, first],
      [first, second],
    ]);
  });

  test("a namespace that goes on has the name of its beginning", () => {
    const names = Array.from(entriesOf(crafted()))
      .filter(({ tag }) => tag === DW_TAG.DW_TAG_namespace)
      .map(({ name }) => name);
    expect(names).toEqual(["space", "space"]);
  });
});
