/** Damaged packages, split files, skeletons and supplementary files: a result, or an error that says where. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DW_AT } from "../../src/dwarf/constants/attribute.ts";
import { DW_FORM } from "../../src/dwarf/constants/form.ts";
import { Die, rootEntry } from "../../src/dwarf/die.ts";
import { Dwarf, type DwarfUnit } from "../../src/dwarf/dwarf.ts";
import { declarationPlace, importedUnits } from "../../src/dwarf/entry-facts.ts";
import { attributeExpression, locationList } from "../../src/dwarf/read/list/location.ts";
import { entryRanges } from "../../src/dwarf/read/list/range.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { DwarfError, ElfError } from "../../src/errors.ts";
import { mutate } from "../support/elf-mutate.ts";
import { Random } from "../support/elf-random.ts";
import { buildSplit, SPLIT_BUILDS } from "./split-objects.ts";

const CASES = 250;

/** A file that others go on in, and sections of either to damage. */
interface Pair {
  readonly main: Uint8Array;
  readonly other: Uint8Array;
  readonly isSplit: boolean;
}

const pairs: Pair[] = [];
let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-damage-"));
  for (const build of SPLIT_BUILDS) {
    const directory = buildSplit(scratch, build);
    const main = readFileSync(join(directory, "split"));
    pairs.push({ main, other: readFileSync(join(directory, "split.dwp")), isSplit: true });
  }
  const directory = join(scratch, "clang-5");
  for (const dwz of [[], ["-5"]]) {
    for (const name of ["one", "two"]) {
      execFileSync("gcc", ["-g", "-gdwarf-4", "-O2", "-shared", "-fPIC", "a.c", "-o", name], {
        cwd: directory,
      });
    }
    execFileSync("dwz", ["-m", "common", ...dwz, "one", "two"], { cwd: directory });
    pairs.push({
      main: readFileSync(join(directory, "one")),
      other: readFileSync(join(directory, "common")),
      isSplit: false,
    });
  }
}, 60_000);
afterAll(() => rmSync(scratch, { recursive: true }));

/** Follows everything there is to follow. @returns how much that was */
function readAll(main: Uint8Array, other: Uint8Array, isSplit: boolean): number {
  const dwarf = Dwarf.open(ElfFile.open(main, { name: "main" }));
  const companion = Dwarf.open(ElfFile.open(other, { name: "other" }));
  if (isSplit) dwarf.attachSplit(() => [companion]);
  else dwarf.attachSupplementary(companion);
  let read = 0;
  for (const unit of dwarf.units()) {
    const whole = unit.split ?? unit;
    read += rootEntry(whole).name?.length ?? 0;
    for (const _ of importedUnits(unit)) read++;
    read += readUnit(whole);
  }
  return read;
}

function readUnit(unit: DwarfUnit): number {
  let read = 0;
  const at = unit.entries();
  while (at.next()) {
    const die = new Die(unit, at);
    for (const { begin, end } of entryRanges(unit, die)) read += String(begin).length + String(end).length;
    read += declarationPlace(die)?.file?.length ?? 0;
    for (const attribute of die.attributes) {
      read += attribute.string?.length ?? 0;
      if (attribute.form !== DW_FORM.DW_FORM_exprloc) read += attribute.reference?.offset ?? 0;
    }
    while (at.nextAttribute()) {
      if (at.attribute !== DW_AT.DW_AT_location) continue;
      const list = attributeExpression(unit, at) === undefined ? locationList(unit, at) : undefined;
      while (list?.next() === true) read += list.expressionLength;
    }
  }
  return read;
}

test("gives entries or an error with a place for thousands of damaged pairs of files", () => {
  let refused = 0;
  const wanted =
    /^\.debug_(cu_index|tu_index|str_offsets|addr|info|types|abbrev|loc|loclists|rnglists|line|sup)/;
  for (const [index, { main, other, isSplit }] of pairs.entries()) {
    expect(readAll(main, other, isSplit)).toBeGreaterThan(0);
    for (let seed = 0; seed < CASES; seed++) {
      const random = new Random(index * CASES + seed);
      const damagesMain = seed % 4 === 0;
      const image = damagesMain ? main : other;
      const places = ElfFile.open(image).sections.filter(({ name, size }) => wanted.test(name) && size > 0);
      // The indexes of packages are small: damage them as often as all else.
      const indexes = places.filter(({ name }) => name.endsWith("_index"));
      const { offset, size } = random.pick(seed % 2 === 1 && indexes.length > 0 ? indexes : places);
      const damaged = mutate(image, random, offset, offset + size);
      try {
        const read = damagesMain ? readAll(damaged, other, isSplit) : readAll(main, damaged, isSplit);
        expect(read).toBeGreaterThanOrEqual(0);
      } catch (error) {
        if (!(error instanceof DwarfError || error instanceof ElfError)) {
          throw new Error(`pair ${index}, seed ${seed}`, { cause: error });
        }
        expect(
          error.place.section ?? error.place.file,
          `pair ${index}, seed ${seed}: ${error.message}`,
        ).toBeDefined();
        refused++;
      }
    }
  }
  expect(refused).toBeGreaterThan(pairs.length * (CASES / 4));
});
