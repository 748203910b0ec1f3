/** Damaged units, abbreviations and strings: a result, or an error that says where. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { DwarfError, ElfError } from "../../../src/errors.ts";
import { mutate } from "../../support/elf-mutate.ts";
import { Random } from "../../support/elf-random.ts";

const CASES = 3000;
const TARGETS = [".debug_info", ".debug_abbrev", ".debug_str", ".debug_str_offsets", ".rela.debug_info"];

let images: Uint8Array[] = [];
let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-dwarf-"));
  const source = join(scratch, "a.c");
  writeFileSync(source, "struct s { int a : 3; struct s *next; } v; int f(int x) { return v.a + x; }\n");
  images = [
    ["gcc", "-gdwarf-4"],
    ["clang", "-gdwarf-5"],
    ["clang", "--target=s390x-linux-gnu", "-gdwarf-5", "-gdwarf64"],
  ].map(([compiler = "", ...options]) => {
    const object = join(scratch, "a.o");
    execFileSync(compiler, [...options, "-g", "-c", source, "-o", object]);
    return readFileSync(object);
  });
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** Everything there is to read of entries. @returns how much that was */
function readAll(bytes: Uint8Array): number {
  const dwarf = Dwarf.open(ElfFile.open(bytes, { name: "damaged.o" }));
  let values = 0;
  for (const unit of dwarf.units()) {
    const batch = unit.batch();
    while (batch.fill() > 0) values += batch.count;
    const at = unit.entries();
    while (at.next()) {
      while (at.nextAttribute()) {
        values += dwarf.string(unit, at)?.length ?? 1;
      }
    }
  }
  return values;
}

test("gives entries or an error with a place for thousands of damaged objects", () => {
  let refused = 0;
  for (const [index, image] of images.entries()) {
    const places = TARGETS.flatMap((name) => ElfFile.open(image).sectionsNamed(name));
    for (let seed = 0; seed < CASES; seed++) {
      const random = new Random(index * CASES + seed);
      const { offset, size } = random.pick(places);
      try {
        expect(readAll(mutate(image, random, offset, offset + size))).toBeGreaterThanOrEqual(0);
      } catch (error) {
        if (!(error instanceof DwarfError || error instanceof ElfError))
          throw new Error(`image ${index}, seed ${seed}`, { cause: error });
        expect(
          error.place.section ?? error.place.file,
          `image ${index}, seed ${seed}: ${error.message}`,
        ).toBeDefined();
        refused++;
      }
    }
  }
  // Some damage is not to be seen, as in a name; most is.
  expect(refused).toBeGreaterThan(CASES);
});
