/** Objects whose tables of addresses, names and macros are compared, and how they are made. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { DwarfError, ElfError } from "../../../src/errors.ts";
import { mutate } from "../../support/elf-mutate.ts";
import { Random } from "../../support/elf-random.ts";

/** Two sections of code that both begin at 0, names of all kinds, some of them in no 7-bit script, and macros. */
const SOURCE = `
#define ONE 1
#define SUM(x, y) ((x) + (y))
#undef ONE
#include "a.h"
struct record { int a; struct inner { int x; } b; } v;
typedef int word;
static int hidden;
enum color { RED, GREEN } color;
struct record größe;
int ΣΊΣΥΦΟΣ, Straße, Ǆ, İstanbul, ılık, Ꭰ, ꭰ, ﬁ;
int first(word x) __attribute__((section(".init.text")));
int first(word x) { return x + hidden++; }
int second(int x) { return x * 2; }
int main(void) { return first(1) + second(2) + color; }
`;
const HEADER = "#define FROM_HEADER struct record *\n#undef NEVER\n";

/** Compiles the source. The compiler's first word may be followed by options. */
export function compileNames(scratch: string, command: readonly string[], name = "a.o"): string {
  const path = join(scratch, name);
  writeFileSync(join(scratch, "a.c"), SOURCE);
  writeFileSync(join(scratch, "a.h"), HEADER);
  const [compiler = "", ...options] = command;
  execFileSync(compiler, [...options, "-c", "a.c", "-o", path], { cwd: scratch, stdio: "pipe" });
  return path;
}

export function openFile(path: string): Dwarf {
  return Dwarf.open(ElfFile.open(readFileSync(path), { name: path }));
}

/** What a tool prints of a file, warnings aside. */
export function printed(tool: string, ...args: string[]): string {
  return execFileSync(tool, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 1 << 26,
  });
}

/**
 * Damages sections of a file `cases` times, and reads each. What is read must end, or be refused with a place.
 * @returns how many were refused
 */
export function refusals(
  path: string,
  section: RegExp,
  cases: number,
  read: (dwarf: Dwarf) => unknown,
): number {
  const image = readFileSync(path);
  const places = ElfFile.open(image).sections.filter(({ name }) => section.test(name));
  let refused = 0;
  for (let seed = 0; seed < cases; seed++) {
    const random = new Random(seed);
    const { offset, size } = random.pick(places);
    try {
      read(Dwarf.open(ElfFile.open(mutate(image, random, offset, offset + size), { name: "damaged" })));
    } catch (error) {
      const known = error instanceof DwarfError || error instanceof ElfError;
      if (!known || (error.place.section ?? error.place.file) === undefined)
        throw new Error(`seed ${seed}`, { cause: error });
      refused++;
    }
  }
  return refused;
}
