/** Hash tables: against the specification's numbers, against lld's tables byte for byte, and read by glibc. */
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildGnuHash, buildSysvHash, ElfFile, gnuHash, layoutOf, sysvHash } from "../../src/elf/index.ts";
import { TARGETS, Workshop } from "../support/elf-clang.ts";

const workshop = new Workshop();
afterAll(() => workshop.remove());

describe("hash functions", () => {
  it("give the published values", () => {
    // [gABI, "Hash Table"] has the function; these are its values as binutils and glibc compute them.
    expect(sysvHash("")).toBe(0);
    expect(sysvHash("printf")).toBe(0x077905a6);
    expect(sysvHash("exit")).toBe(0x0006cf04);
    expect(gnuHash("")).toBe(5381);
    expect(gnuHash("printf")).toBe(0x156b2bb8);
    expect(gnuHash("exit")).toBe(0x7c967e3f);
  });

  it("match the hashes that the linker stored for every version of libc", () => {
    const file = ElfFile.open(readFileSync("/usr/lib/x86_64-linux-gnu/libc.so.6"));
    const { definitions } = file.versions();
    expect(definitions.length).toBeGreaterThan(30);
    for (const one of definitions) expect(sysvHash(one.names[0] ?? "")).toBe(one.hash);
  });
});

describe("look-up", () => {
  it("finds every dynamic symbol of libc and libstdc++ in both tables, and nothing else", () => {
    for (const name of ["libc.so.6", "libstdc++.so.6", "libm.so.6"]) {
      const file = ElfFile.open(readFileSync(`/usr/lib/x86_64-linux-gnu/${name}`));
      const symbols = file.dynsym();
      const { gnu, sysv } = file.hashTables();
      if (symbols === undefined || gnu === undefined) throw new Error("no table");
      for (let i = gnu.symbolOffset; i < symbols.length; i++) {
        expect(gnu.lookupAll(symbols.name(i))).toContain(i);
        if (sysv !== undefined) expect(sysv.lookupAll(symbols.name(i))).toContain(i);
      }
      expect(gnu.symbolCount()).toBe(symbols.length);
      if (sysv !== undefined) expect(sysv.symbolCount).toBe(symbols.length);
      expect(gnu.lookup("no such symbol")).toBeUndefined();
      expect(sysv?.lookup("no such symbol")).toBeUndefined();
    }
  });
});

describe("construction", () => {
  for (const target of TARGETS.filter((one) => one.hash === "both")) {
    it(`${target.name}: makes lld's tables, byte for byte, from lld's parameters`, () => {
      const path = workshop.link(target, [workshop.compile(target, "symbols.c")]);
      const file = ElfFile.open(readFileSync(path));
      const symbols = file.dynsym();
      const { gnu, sysv } = file.hashTables();
      if (symbols === undefined || gnu === undefined || sysv === undefined) throw new Error("no table");
      const names = Array.from({ length: symbols.length }, (_, i) => symbols.name(i));
      const { little, is64 } = file.header;
      const made = buildGnuHash(names.slice(gnu.symbolOffset), {
        little,
        is64,
        symbolOffset: gnu.symbolOffset,
        buckets: gnu.buckets,
        bloomWords: gnu.bloomWords,
      });
      expect(Array.from(made.order)).toEqual(names.slice(gnu.symbolOffset).map((_, i) => i));
      const stored = file.sectionsNamed(".gnu.hash")[0]?.bytes();
      expect(Buffer.from(made.bytes).equals(Buffer.from(stored ?? []))).toBe(true);
    });
  }

  it("orders symbols by bucket, so that the chains of the table lead to them", () => {
    const names = Array.from({ length: 1000 }, (_, i) => `name_${i}`);
    const { bytes, order } = buildGnuHash(names, { little: true, is64: true, symbolOffset: 5 });
    expect(new Set(order).size).toBe(1000);
    const view = new DataView(bytes.buffer);
    const [buckets, offset, bloom] = [
      view.getUint32(0, true),
      view.getUint32(4, true),
      view.getUint32(8, true),
    ];
    expect(offset).toBe(5);
    const heads = 16 + bloom * 8;
    const chains = heads + buckets * 4;
    names.forEach((name, i) => {
      const place = order.indexOf(i);
      const hash = gnuHash(name);
      let at = view.getUint32(heads + (hash % buckets) * 4, true);
      while (at - offset !== place) {
        expect(view.getUint32(chains + (at - offset) * 4, true) & 1).toBe(0);
        at++;
      }
      expect((view.getUint32(chains + place * 4, true) | 1) >>> 0).toBe((hash | 1) >>> 0);
    });
  });

  describe("a library whose tables we made", () => {
    let probe = "";
    beforeAll(() => {
      const source = Array.from({ length: 500 }, (_, i) => `int exported_${i}(void) { return ${i}; }`).join(
        "\n",
      );
      writeFileSync(workshop.path("many.c"), source);
      writeFileSync(
        workshop.path("probe.c"),
        `#include <dlfcn.h>
         #include <stdio.h>
         int main(int argc, char **argv) {
           void *it = dlopen(argv[1], RTLD_NOW);
           if (!it) return puts(dlerror()), 1;
           int right = 0;
           for (int i = 0; i < 500; i++) {
             char name[32];
             sprintf(name, "exported_%d", i);
             int (*function)(void) = dlsym(it, name);
             right += function && function() == i;
           }
           printf("%d %d", right, dlsym(it, "exported_500") == 0);
         }`,
      );
      workshop.run("gcc", "probe.c", "-o", "probe", "-ldl");
      probe = workshop.path("probe");
    });

    it.each(["sysv", "gnu"] as const)("has every symbol found by glibc: %s", (style) => {
      const path = workshop.path(`many-${style}.so`);
      workshop.run("gcc", "-shared", "-fPIC", "many.c", "-o", path, `-Wl,--hash-style=${style}`);
      const image = Uint8Array.from(readFileSync(path));
      const file = ElfFile.open(image);
      const symbols = file.dynsym();
      const table = file.sectionsNamed(style === "sysv" ? ".hash" : ".gnu.hash")[0];
      if (symbols === undefined || table === undefined) throw new Error("no table");
      const all = Array.from({ length: symbols.length }, (_, i) => symbols.name(i));
      const { gnu, sysv } = file.hashTables();
      // A different number of buckets than the linker's, in the room that its table has.
      if (style === "sysv" && sysv !== undefined) {
        const made = buildSysvHash(all, { little: true, buckets: sysv.buckets - 7 });
        image.fill(0, table.offset, table.offset + table.size);
        image.set(made, table.offset);
      } else if (gnu !== undefined) {
        const own = all.slice(gnu.symbolOffset);
        const options = {
          little: true,
          is64: true,
          symbolOffset: gnu.symbolOffset,
          bloomWords: gnu.bloomWords,
        };
        const { bytes, order } = buildGnuHash(own, { ...options, buckets: gnu.buckets - 7 });
        const { symsize } = layoutOf(true);
        const at = (file.sectionsNamed(".dynsym")[0]?.offset ?? 0) + gnu.symbolOffset * symsize;
        const before = image.slice(at, at + own.length * symsize);
        order.forEach((from, to) => {
          image.set(before.subarray(from * symsize, (from + 1) * symsize), at + to * symsize);
        });
        image.fill(0, table.offset, table.offset + table.size);
        image.set(bytes, table.offset);
      }
      writeFileSync(path, image);
      expect(workshop.run(probe, path)).toBe("500 1");
    });
  });
});
