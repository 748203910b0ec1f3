/** Forms that lead to a supplementary file [DWARF5 7.5.6], in files written by hand: dwz writes but some of them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DW_AT } from "../../src/dwarf/constants/attribute.ts";
import { rootEntry } from "../../src/dwarf/die.ts";
import type { Dwarf } from "../../src/dwarf/dwarf.ts";
import { DwarfError } from "../../src/errors.ts";
import { openDwarf } from "./split-objects.ts";

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-supplementary-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

function assemble(name: string, source: string): Dwarf {
  execFileSync("as", ["-o", join(scratch, name)], { input: source });
  return openDwarf(scratch, name);
}

/** A unit of the 64-bit format with an entry of each form. */
const MAIN = `
.section .debug_sup
.2byte 5\n.byte 0\n.asciz "shared.sup"\n.uleb128 2\n.byte 0xab, 0xcd
.section .debug_abbrev
.uleb128 1, 0x11\n.byte 1\n.uleb128 3, 0x1d, 0, 0
.uleb128 2, 0x34\n.byte 0\n.uleb128 0x49, 0x1c, 0, 0
.uleb128 3, 0x34\n.byte 0\n.uleb128 0x49, 0x24, 0, 0
.uleb128 4, 0x34\n.byte 0\n.uleb128 0x49, 0x1f20, 3, 0x1f21, 0, 0
.uleb128 5, 0x34\n.byte 0\n.uleb128 0x49, 0x20, 0, 0
.byte 0
.section .debug_info
.4byte -1\n.8byte 9f-8f
8: .2byte 5\n.byte 1, 8\n.8byte 0
.uleb128 1\n.8byte 6
.uleb128 2\n.4byte 0x13
.uleb128 3\n.8byte 0x15
.uleb128 4\n.8byte 0x13, 0
.uleb128 5\n.8byte 0x1122334455667788
.uleb128 3\n.8byte 0x14
.byte 0
9:
`;
/** Types at 0x13 and 0x15 of `.debug_info`, and a type unit. */
const SHARED = `
.section .debug_sup
.2byte 5\n.byte 1\n.asciz ""\n.uleb128 2\n.byte 0xab, 0xcd
.section .debug_str
.asciz "first"\n.asciz "unit"\n.asciz "second"
.section .debug_abbrev
.uleb128 1, 0x3c\n.byte 1\n.uleb128 0, 0
.uleb128 2, 0x24\n.byte 0\n.uleb128 3, 0x0b, 0, 0
.uleb128 3, 0x24\n.byte 0\n.uleb128 3, 0x0e, 0, 0
.uleb128 4, 0x41\n.byte 1\n.uleb128 0, 0
.byte 0
.section .debug_info
.4byte 9f-8f
8: .2byte 5\n.byte 3, 8\n.4byte 0
.uleb128 1
.zero 6
.uleb128 2\n.byte 1
.uleb128 3\n.4byte 11
.byte 0
9: .4byte 7f-6f
6: .2byte 5\n.byte 2, 8\n.4byte 0\n.8byte 0x1122334455667788\n.4byte 5f-9b
.uleb128 4
5: .uleb128 3\n.4byte 0
.byte 0
7:
`;

function entries(main: Dwarf) {
  const [unit] = main.units();
  if (unit === undefined) throw new Error("no unit");
  return { root: rootEntry(unit), children: Array.from(rootEntry(unit).children()) };
}

describe("attached", () => {
  test("strings and references of all forms lead there, type signatures too", () => {
    const shared = assemble("shared.sup", SHARED);
    const main = assemble("main.o", MAIN);
    let asked = 0;
    main.attachSupplementary(() => {
      asked++;
      return shared;
    });
    const { root, children } = entries(main);
    expect(asked).toBe(0);
    expect(root.attribute(DW_AT.DW_AT_name)?.string).toBe("unit");
    const types = children.slice(0, 4).map((die) => die.attribute(DW_AT.DW_AT_type)?.reference);
    expect(types.map((die) => die?.offset)).toEqual([0x13, 0x15, 0x13, 0x34]);
    expect(types.map((die) => die?.unit.dwarf)).toEqual(Array(4).fill(shared));
    expect([types[1], types[3]].map((die) => die?.name)).toEqual(["second", "first"]);
    expect(children[2]?.name).toBe("first");
    expect(asked).toBe(1);
  });

  test("a reference to no entry is refused with its place", () => {
    const main = assemble("main.o", MAIN);
    main.attachSupplementary(assemble("short.sup", SHARED.replace(".zero 6", ".zero 7")));
    const type = entries(main).children[0]?.attribute(DW_AT.DW_AT_type);
    expect(() => type?.reference).toThrow(
      /short\.sup: \.debug_info\+0x13: no entry of the unit begins here$/,
    );
    main.attachSupplementary(assemble("empty.sup", ""));
    expect(() => type?.reference).toThrow(
      /main\.o: \.debug_info\+0x[0-9a-f]+: DW_AT_type \[DW_FORM_ref_sup4\]: offset 0x13: in no unit of the supplementary file$/,
    );
  });
});

test("not attached, a reference says which file is missing", () => {
  const { root, children } = entries(assemble("main.o", MAIN));
  expect(root.attribute(DW_AT.DW_AT_name)?.string).toBeUndefined();
  for (const [die, form] of [
    [children[0], "ref_sup4"],
    [children[1], "ref_sup8"],
    [children[2], "GNU_ref_alt"],
  ] as const) {
    const ask = (): unknown => die?.attribute(DW_AT.DW_AT_type)?.reference;
    expect(ask).toThrow(DwarfError);
    expect(ask).toThrow(
      `DW_AT_type [DW_FORM_${form}]: leads to the supplementary file, shared.sup (abcd): it is not attached`,
    );
  }
});
