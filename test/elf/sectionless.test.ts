/** Files without section headers: what PT_DYNAMIC leads to is what the sections said. */
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { ElfFile, SHT } from "../../src/elf/index.ts";
import { TARGETS, Workshop } from "../support/elf-clang.ts";

const workshop = new Workshop();
afterAll(() => workshop.remove());

/** A copy of `image` whose header denies that there are sections. */
function withoutSections(image: Uint8Array): ElfFile {
  const copy = Uint8Array.from(image);
  const { is64 } = ElfFile.open(image).header;
  copy.fill(0, is64 ? 40 : 32, is64 ? 48 : 36);
  copy.fill(0, is64 ? 60 : 48, is64 ? 64 : 52);
  return ElfFile.open(copy, { name: "bare" });
}

/** Both readings must agree in everything that the run-time linker uses. */
function expectSame(image: Uint8Array): void {
  const whole = ElfFile.open(image);
  const bare = withoutSections(image);
  expect(bare.sections.length).toBe(0);
  const symbols = whole.dynsym();
  expect(symbols?.length).toBeGreaterThan(5);
  // A GNU table alone does not count symbols that can't be found: here it is the last that can be.
  expect([...(bare.dynsym() ?? [])]).toEqual([...(symbols ?? [])]);
  expect(bare.versions().definitions).toEqual(whole.versions().definitions);
  expect(bare.versions().needs).toEqual(whole.versions().needs);
  expect(bare.dynamic()?.needed).toEqual(whole.dynamic()?.needed);
  expect(bare.dynamic()?.soname).toEqual(whole.dynamic()?.soname);
  for (const name of ["caller", "table", "absent"]) {
    expect(bare.hashTables().gnu?.lookupAll(name)).toEqual(whole.hashTables().gnu?.lookupAll(name));
    expect(bare.hashTables().sysv?.lookupAll(name)).toEqual(whole.hashTables().sysv?.lookupAll(name));
  }
  expect(bare.buildId()).toBe(whole.buildId());
  const places = (file: ElfFile) =>
    file
      .dynamicRelocations()
      .flatMap((table) => [...table].map((one) => `${one.offset} ${one.type} ${one.symbol}`));
  expect(places(bare)).toEqual(places(whole));
  const types: number[] = [SHT.SHT_RELA, SHT.SHT_REL, SHT.SHT_RELR];
  const fromSections = whole.sections
    .filter((one) => types.includes(one.type) && one.addr !== 0n)
    .flatMap((one) =>
      [...whole.relocations(one)].map((record) => `${record.offset} ${record.type} ${record.symbol}`),
    );
  expect(places(bare).sort()).toEqual(fromSections.sort());
  expect(places(bare).length).toBeGreaterThan(0);
}

describe("without section headers", () => {
  for (const target of TARGETS.filter((one) => one.hash !== undefined)) {
    it(`${target.name}: the same dynamic symbols, versions, hashes, notes and relocations`, () => {
      const script = `${import.meta.dirname}/fixtures/versions.map`;
      const object = workshop.compile(target, "symbols.c");
      expectSame(readFileSync(workshop.link(target, [object], `--version-script=${script}`)));
    });
  }

  it.each(["libc.so.6", "libstdc++.so.6", "libz.so.1"])("%s too", (name) => {
    expectSame(readFileSync(`/usr/lib/x86_64-linux-gnu/${name}`));
  });

  it("the symbols that only a GNU hash table counts", () => {
    const target = TARGETS.find((one) => one.name === "x86_64");
    if (target === undefined) throw new Error("no target");
    const object = workshop.compile(target, "symbols.c");
    expectSame(readFileSync(workshop.link(target, [object], "--hash-style=gnu")));
  });
});
