/**
 * Damage to every section of debug information there is: all readers go on with what is whole, and what is not is refused
 * with file, section and offset.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Dwarf } from "../../src/dwarf/dwarf.ts";
import type { Resolver } from "../../src/dwarf/relocation/resolver.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { ElfError } from "../../src/errors.ts";
import { mutate } from "../support/elf-mutate.ts";
import { Random } from "../support/elf-random.ts";
import { type Exercise, exercise } from "./exercise.ts";
import { C, CXX } from "./matrix-sources.ts";

/** Of each section of each object. */
const CASES = 6;

const BUILDS = [
  // Not version 2: there gcc gives a unit of several sections a base, and lists that already count from theirs.
  ["gcc", "a.c", "-gdwarf-3", "-O2", "-g3", "-gstrict-dwarf"],
  ["gcc", "a.c", "-gdwarf-4", "-O2", "-g3", "-gpubnames", "-ffunction-sections"],
  ["gcc", "a.cc", "-gdwarf-4", "-O2", "-fdebug-types-section", "-ggnu-pubnames"],
  ["gcc", "a.c", "-gdwarf-5", "-O2", "-g3", "-gdwarf64"],
  ["clang", "a.c", "-gdwarf-5", "-O2", "-gpubnames", "-mllvm", "-accel-tables=Dwarf", "-gdwarf-aranges"],
  ["clang", "a.cc", "-gdwarf-5", "-O1", "-fdebug-types-section", "-ggnu-pubnames", "-fdebug-macro"],
  ["clang", "a.c", "--target=s390x-linux-gnu", "-gdwarf-4", "-O2", "-gpubnames", "-gdwarf-aranges"],
  ["clang", "a.c", "--target=riscv32-linux-gnu", "-gdwarf-5", "-O2", "-mrelax"],
  ["clang", "a.c", "--target=mips-linux-gnu", "-gdwarf-4", "-O1", "-fdebug-macro"],
].map(([compiler = "", source = "", ...options], index) => ({ compiler, source, options, index }));

/** What the damage is aimed at. */
const SECTION = /^\.(rela?\.)?(debug_|eh_frame)/;

const FLAT: Resolver = {
  sectionAddress: (_, index) => BigInt(index) << 32n,
  symbolAddress: () => 0x1000n,
};

const aimedAt = new Set<string>();
let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-mutation-"));
  writeFileSync(join(scratch, "a.c"), C);
  writeFileSync(join(scratch, "a.cc"), CXX);
});
afterAll(() => rmSync(scratch, { recursive: true }));

function read(image: Uint8Array): Exercise | ElfError {
  try {
    return exercise(Dwarf.open(ElfFile.open(image, { name: "damaged.o" }), FLAT));
  } catch (error) {
    if (error instanceof ElfError) return error;
    throw error;
  }
}

describe.each(BUILDS)("$compiler $source $options", ({ compiler, source, options, index }) => {
  test("damage to each section is refused with a place, and the rest is read", () => {
    const object = join(scratch, "a.o");
    execFileSync(compiler, ["-g", ...options, "-c", source, "-o", object], { cwd: scratch });
    const image = readFileSync(object);
    const whole = read(image);
    if (whole instanceof ElfError) throw whole;
    expect(whole.refusals).toEqual([]);
    let refused = 0;
    const places = ElfFile.open(image).sections.filter(({ name }) => SECTION.test(name));
    for (const { name } of places) aimedAt.add(name);
    for (const [place, { name, offset, size }] of places.entries()) {
      for (let seed = 0; seed < CASES; seed++) {
        const random = new Random((index * 100 + place) * CASES + seed);
        const which = `${name}, seed ${index} ${place} ${seed}`;
        let result: Exercise | ElfError;
        try {
          result = read(mutate(image, random, offset, offset + size));
        } catch (error) {
          throw new Error(which, { cause: error });
        }
        if (result instanceof ElfError) continue;
        for (const { place: at, message } of result.refusals) {
          expect([at.file, typeof at.section, Number.isInteger(at.offset)], `${which}: ${message}`).toEqual([
            "damaged.o",
            "string",
            true,
          ]);
        }
        refused += Math.min(1, result.refusals.length);
        // No damage of a few bytes makes a hundred times as much of a file.
        expect(result.count, which).toBeLessThan(100 * whole.count);
      }
    }
    expect(refused).toBeGreaterThan(places.length);
  });
});

test("the damage was aimed at every section that compilers write into objects", () => {
  const names = [
    "abbrev",
    "addr",
    "aranges",
    "gnu_pubnames",
    "info",
    "line",
    "line_str",
    "loc",
    "loclists",
    "macinfo",
  ];
  names.push("macro", "names", "pubnames", "pubtypes", "ranges", "rnglists", "str", "str_offsets", "types");
  expect([...aimedAt]).toEqual(
    expect.arrayContaining([...names.map((name) => `.debug_${name}`), ".eh_frame"]),
  );
});
