/**
 * Damaged files give an answer or an `ElfError` that says where, within bounded time and memory. Each case comes from
 * a seed of its own; a finding is kept in `findings.test.ts`.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Archive, ElfFile } from "../../src/elf/index.ts";
import type { ElfError } from "../../src/errors.ts";
import { TARGETS, type Target, Workshop } from "../support/elf-clang.ts";
import { coreImage } from "../support/elf-core.ts";
import { exerciseArchive, exerciseElf } from "../support/elf-exercise.ts";
import { mutate } from "../support/elf-mutate.ts";
import { Random } from "../support/elf-random.ts";

const CASES = Number(process.env.BINDERY_MUTATIONS ?? 24_000);
const workshop = new Workshop();
const elfs: { name: string; bytes: Uint8Array; parts: { name: string; from: number; to: number }[] }[] = [];
const archives: { name: string; bytes: Uint8Array }[] = [];

function target(name: string): Target {
  const found = TARGETS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no target ${name}`);
  return found;
}

beforeAll(() => {
  for (const name of ["x86_64", "i386", "ppc64", "mips64", "mips"]) {
    const object = workshop.compile(target(name), "symbols.c");
    const groups = workshop.compile(target(name), "groups.cc", "-ffunction-sections");
    const flags = [
      "-s",
      "-z",
      "max-page-size=4096",
      ...(name === "x86_64" ? ["--pack-dyn-relocs=relr"] : []),
    ];
    const script = `${import.meta.dirname}/fixtures/versions.map`;
    const shared = workshop.link(target(name), [object], `--version-script=${script}`, ...flags);
    for (const path of [object, groups, shared]) addElf(`${name} ${path}`, readFileSync(path));
    // The same without section headers: everything has to be found through PT_DYNAMIC.
    const stripped = Uint8Array.from(readFileSync(shared));
    const { is64 } = ElfFile.open(stripped).header;
    stripped.fill(0, is64 ? 40 : 32, is64 ? 48 : 36);
    stripped.fill(0, is64 ? 58 : 46, is64 ? 64 : 52);
    addElf(`${name} without sections`, stripped);
  }
  const object = workshop.compile(target("x86_64"), "symbols.c", "-g");
  workshop.run("objcopy", "--compress-debug-sections=zlib", object, "zlib.o");
  workshop.run("objcopy", "--compress-debug-sections=zlib-gnu", object, "zdebug.o");
  for (const name of ["zlib.o", "zdebug.o"]) addElf(name, readFileSync(workshop.path(name)));
  addElf("core", coreImage());
  workshop.run("ar", "rcs", "gnu.a", object, "zlib.o", "zdebug.o");
  workshop.run("ar", "rcsT", "thin.a", object, "zlib.o");
  workshop.run("llvm-ar", "rcs", "--format=bsd", "bsd.a", object, "zlib.o");
  workshop.run("llvm-ar", "rcs", "--format=darwin", "darwin.a", object, "zlib.o");
  for (const name of ["gnu.a", "thin.a", "bsd.a", "darwin.a"]) {
    archives.push({ name, bytes: Uint8Array.from(readFileSync(workshop.path(name))) });
  }
});
afterAll(() => workshop.remove());

/** Keeps an image, with the ranges worth damaging: headers, each table, each small section. */
function addElf(name: string, data: Uint8Array): void {
  const bytes = Uint8Array.from(data);
  const file = ElfFile.open(bytes);
  const { header } = file;
  const parts = [{ name: "header", from: 0, to: header.ehsize }];
  const part = (what: string, from: number, size: number) => {
    if (size > 0) parts.push({ name: what, from, to: from + size });
  };
  part("sections", header.shoff, header.shnum * header.shentsize);
  part("segments", header.phoff, header.phnum * header.phentsize);
  for (const section of file.sections) {
    if (section.type !== 8 && section.type !== 0) part(section.name, section.offset, section.size);
  }
  for (const segment of file.segments) part(segment.typeName, segment.offset, segment.filesz);
  elfs.push({ name, bytes, parts });
}

function expectPlaces(errors: readonly ElfError[], file: string): void {
  for (const error of errors) {
    expect(error.place.file, error.message).toContain(file);
    expect(error.message.length).toBeGreaterThan(file.length + 10);
  }
}

describe("mutated files", () => {
  it(`${CASES} damaged ELF files and archives give answers or errors with a place`, () => {
    let refused = 0;
    let accepted = 0;
    let slowest = 0;
    for (let seed = 1; seed <= CASES; seed++) {
      const random = new Random(seed);
      const start = performance.now();
      let errors: ElfError[];
      if (seed % 8 === 0) {
        const base = random.pick(archives);
        const bytes = mutate(base.bytes, random, 0, random.below(2) === 0 ? 256 : base.bytes.length);
        errors = attempt(seed, base.name, () =>
          exerciseArchive(() => Archive.open(bytes, { name: "damaged" })),
        );
      } else {
        const base = random.pick(elfs);
        const part = random.pick(base.parts);
        const bytes = mutate(base.bytes, random, part.from, part.to);
        errors = attempt(seed, `${base.name} ${part.name}`, () => exerciseElf(bytes, "damaged"));
      }
      slowest = Math.max(slowest, performance.now() - start);
      expectPlaces(errors, "damaged");
      if (errors.length > 0) refused++;
      else accepted++;
    }
    // Both must happen, or the damage is not the kind that tests anything.
    expect(refused).toBeGreaterThan(CASES / 10);
    expect(accepted).toBeGreaterThan(CASES / 100);
    console.log(
      `${CASES} damaged files: ${refused} refused, ${accepted} read; slowest ${slowest.toFixed(0)} ms`,
    );
  }, 120_000);
});

/** Says which case it was when something other than an `ElfError` comes out. */
function attempt(seed: number, what: string, run: () => ElfError[]): ElfError[] {
  try {
    return run();
  } catch (cause) {
    throw new Error(`seed ${seed}, ${what}: ${String(cause)}`, { cause });
  }
}
