/** Location lists and expressions in place, against what llvm-dwarfdump prints of the same objects. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attributeName } from "../../../src/dwarf/constants/attribute.ts";
import type { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { expressionText } from "../../../src/dwarf/read/expression-text.ts";
import {
  attributeExpression,
  type BoundedLocation,
  locationList,
  locations,
} from "../../../src/dwarf/read/location.ts";
import type { Relocatable } from "../../../src/dwarf/relocatable.ts";
import { type Build, compile, openDwarf, printedAttributes, printedBounds } from "./location-objects.ts";

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-locations-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

const BUILDS: Build[] = ["gcc", "clang"].flatMap((compiler) =>
  [
    ["-gdwarf-4", "-O2"],
    ["-gdwarf-5", "-O2"],
    ["-gdwarf-4", "-O2", "-ffunction-sections"],
    ["-gdwarf-5", "-O2", "-ffunction-sections"],
    ["-gdwarf-5", "-gdwarf64", "-O2"],
  ].map((options) => ({ compiler, options })),
);
const TARGETS = ["i386", "aarch64", "riscv64", "s390x", "powerpc64", "mips"];
const FOREIGN: Build[] = TARGETS.flatMap((target) =>
  ["-gdwarf-4", "-gdwarf-5"].map((format) => ({
    compiler: "clang",
    options: [`--target=${target}-linux-gnu`, format, "-O2", "-ffunction-sections"],
  })),
);

describe.each([...BUILDS, ...FOREIGN])("$compiler $options", (build) => {
  const known = common(build.options.some((option) => /--target=(?!i386)/.test(option)));

  test("has the locations that llvm-dwarfdump prints", () => {
    const object = compile(scratch, build, "a.o");
    const expected: string[] = [];
    for (const { entry, name, form, text } of printedAttributes(object)) {
      if (!isLocation(name) || !/exprloc|block|sec_offset|loclistx/.test(form)) continue;
      const items = text.split("\n").map((line) => {
        const [bounds] = printedBounds(line);
        // `[0x0, 0x4) ".text" [3]: DW_OP_reg0`
        return bounds === undefined
          ? line
          : `${bounds}: ${line.replace(/^\S+ \S+(?: "[^"]*")?(?: \[\d+\])?: /, "")}`;
      });
      const lines = /sec_offset|loclistx/.test(form) ? items.slice(1) : items;
      for (const line of lines) expected.push(`${entry.toString(16)} ${name} ${known(line)}`);
    }
    const ours: string[] = [];
    for (const { offset, name, at } of located(openDwarf(object))) {
      for (const location of at) ours.push(`${offset.toString(16)} ${name} ${known(shown(location))}`);
    }
    expect(ours.length).toBeGreaterThan(45);
    // It gives up at operations of GNU and some of DWARF 5; test/dwarf/read/expression.test.ts has the rest by readelf.
    const comparable = ours.map((line, i) => {
      const [start, rest] = (expected[i] ?? "").split("<decoding error>");
      return rest !== undefined && line.startsWith(start ?? "") ? expected[i] : line;
    });
    expect(comparable).toEqual(expected);
  });
});

function isLocation(name: string): boolean {
  return /^DW_AT_(location|frame_base|GNU_call_site_value|call_value|data_member_location|call_target)$/.test(
    name,
  );
}

/** What is the same in both: llvm-dwarfdump names base types too, and calls registers of other machines by their parts. */
function common(foreign: boolean): (line: string) => string {
  return (line) => {
    const plain = line.replace(/\(0x[0-9a-f]+ -> (0x[0-9a-f]+)\)( "[^"]*")?/g, "($1)");
    return foreign ? plain.replace(/(DW_OP_b?reg(?:\d+|x)) \w+/g, "$1") : plain;
  };
}

function shown({ begin, end, expression }: BoundedLocation): string {
  const text = expressionText(expression, { like: "llvm", address: sectionOffset });
  return begin === undefined || end === undefined ? text : `${begin} ${end}: ${text}`;
}

/** llvm-dwarfdump applies relocations as if each section were at 0, and says no section here. */
function sectionOffset(value: Relocatable): string {
  const { target, addend } = value.info();
  return `0x${((target?.symbol.value ?? 0n) + addend).toString(16)}`;
}

/** All attributes that say where something is. */
function* located(dwarf: Dwarf) {
  for (const unit of dwarf.units()) {
    const entry = unit.entries();
    while (entry.next()) {
      while (entry.nextAttribute()) {
        const name = attributeName(entry.attribute);
        if (!isLocation(name)) continue;
        if (attributeExpression(unit, entry) === undefined && locationList(unit, entry) === undefined)
          continue;
        yield { unit, offset: entry.offset, name, at: locations(unit, entry) };
      }
    }
  }
}
