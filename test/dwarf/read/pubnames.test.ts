/** `.debug_pubnames`, `.debug_pubtypes` and GNU's, against what llvm-dwarfdump prints of the same objects. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { entryAt } from "../../../src/dwarf/die.ts";
import type { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { PublicNameCursor } from "../../../src/dwarf/read/names/pubnames.ts";
import { compileNames, openFile, printed, refusals } from "./names-objects.ts";

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-pubnames-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

const TABLES = ["debug_pubnames", "debug_pubtypes", "debug_gnu_pubnames", "debug_gnu_pubtypes"];
const BUILDS = [
  ["gcc", "-gdwarf-2", "-gpubnames"],
  ["gcc", "-gdwarf-5", "-gdwarf64", "-ggnu-pubnames"],
  ["clang", "-g", "-gdwarf-4", "-gpubnames"],
  ["clang", "-g", "-gdwarf-4", "-ggnu-pubnames", "-gdwarf64"],
  ["clang", "--target=mips64-linux-gnu", "-g", "-gdwarf-4", "-ggnu-pubnames"],
  ["clang", "--target=riscv32-linux-gnu", "-g", "-gdwarf-4", "-gpubnames"],
].map((command) => ({ command }));

describe.each(BUILDS)("$command", ({ command }) => {
  test("has the sets and names that llvm-dwarfdump prints, of entries that have those names", () => {
    const object = compileNames(scratch, command);
    const dwarf = openFile(object);
    let names = 0;
    for (const table of TABLES) {
      const option = `--${table.replaceAll("_", "-")}`;
      const expected = printed("llvm-dwarfdump", option, object)
        .split("\n")
        .flatMap((line) => {
          const set = /unit_offset = 0x(\w+), unit_size = 0x(\w+)/.exec(line);
          if (set !== null) return [`set ${hex(set[1])} ${hex(set[2])}`];
          const entry = /^0x(\w+) +(?:(\w+) +(\w+) +)?"(.*)"$/.exec(line);
          return entry === null ? [] : [`${hex(entry[1])} ${entry[2] ?? ""} ${entry[3] ?? ""} ${entry[4]}`];
        });
      const ours = lines(dwarf, table, (name, entry) => expect(entry).toBe(name));
      const riscv = command.some((option) => option.includes("riscv"));
      const plain = (line: string) => (riscv ? line.replace(/^set .*/, "set") : line);
      expect(ours.map(plain)).toEqual(expected.map(plain));
      names += ours.length;
    }
    expect(names).toBeGreaterThan(10);
  });
});

test("damage is refused with a place", () => {
  const object = compileNames(scratch, ["gcc", "-g", "-ggnu-pubnames"]);
  const read = (dwarf: Dwarf) => TABLES.flatMap((table) => lines(dwarf, table));
  expect(refusals(object, /pub(names|types)$/, 1000, read)).toBeGreaterThan(200);
});

function hex(digits = ""): string {
  return `0x${Number.parseInt(digits, 16).toString(16)}`;
}

function lines(
  dwarf: Dwarf,
  table: string,
  check: (ours: string, entry: string | undefined) => void = () => undefined,
): string[] {
  const found: string[] = [];
  for (const section of dwarf.sections.named(table)) {
    const at = new PublicNameCursor(dwarf.reader(section));
    while (at.nextSet()) {
      const unit = at.unit(dwarf);
      found.push(`set 0x${at.unitOffset.toString(16)} 0x${at.unitLength.toString(16)}`);
      while (at.next()) {
        const linkage = at.gnu ? (at.isStatic ? "STATIC" : "EXTERNAL") : "";
        const kind = at.kind?.toUpperCase() ?? "";
        check(at.name, entryAt(unit, unit.header.offset + at.entry).name);
        found.push(`0x${at.entry.toString(16)} ${linkage} ${kind} ${at.name}`);
      }
    }
  }
  return found;
}
