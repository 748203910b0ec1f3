/** Compressed sections: the same bytes as before objcopy compressed them, by either decompressor. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ElfFile, PURE_DECOMPRESSORS, SHF } from "../../src/elf/index.ts";
import { hostDecompressors } from "../../src/host/file.ts";
import { TARGETS, Workshop } from "../support/elf-clang.ts";

const workshop = new Workshop();
afterAll(() => workshop.remove());
let plain: ElfFile;
const made: [string, string, Uint8Array][] = [];

beforeAll(() => {
  for (const name of ["x86_64", "ppc64", "mips"]) {
    const target = TARGETS.find((one) => one.name === name);
    if (target === undefined) throw new Error(`no target ${name}`);
    const object = workshop.compile(target, "symbols.c", "-g");
    if (name === "x86_64") plain = ElfFile.open(readFileSync(object));
    for (const kind of name === "x86_64" ? ["zlib", "zlib-gnu", "zstd"] : ["zlib"]) {
      const tool = name === "x86_64" ? "objcopy" : "llvm-objcopy";
      workshop.run(tool, `--compress-debug-sections=${kind}`, object, `${name}-${kind}.o`);
      made.push([name, kind, Uint8Array.from(readFileSync(workshop.path(`${name}-${kind}.o`)))]);
    }
  }
});

describe("compressed sections", () => {
  it.each(["zlib", "zlib-gnu", "zstd"])("%s decompresses to what there was before", (kind) => {
    const bytes = made.find((one) => one[0] === "x86_64" && one[1] === kind)?.[2] ?? new Uint8Array();
    for (const decompressors of [PURE_DECOMPRESSORS, hostDecompressors()]) {
      const file = ElfFile.open(bytes, { decompressors });
      let compressed = 0;
      for (const section of file.sections) {
        if (!section.name.startsWith(".debug") && !section.name.startsWith(".zdebug")) continue;
        const [before] = plain.sectionsNamed(section.name.replace(".z", "."));
        expect(Buffer.from(section.bytes()).equals(Buffer.from(before?.bytes() ?? []))).toBe(true);
        expect(section.compressed).toBe(section.rawBytes() !== section.bytes());
        if (!section.compressed) continue;
        compressed++;
        expect(section.compression()?.size).toBe(before?.size);
      }
      expect(compressed).toBeGreaterThan(2);
    }
  });

  it("reads the header in the file's own class and byte order", () => {
    for (const [name, , bytes] of made.filter((one) => one[0] !== "x86_64")) {
      const file = ElfFile.open(bytes, { name });
      const compressed = file.sections.filter((one) => one.hasFlags(SHF.SHF_COMPRESSED));
      expect(compressed.length).toBeGreaterThan(0);
      for (const section of compressed) {
        expect(section.bytes().length).toBe(section.compression()?.size);
        expect(section.compression()?.type).toBe(1);
      }
    }
  });

  it("refuses damage, and sizes that can't be, with the section as the place", () => {
    for (const [, kind, bytes] of made.filter((one) => one[0] === "x86_64" && one[1] !== "zlib-gnu")) {
      const at = ElfFile.open(bytes).sections.find((one) => one.hasFlags(SHF.SHF_COMPRESSED));
      if (at === undefined) throw new Error("nothing compressed");
      for (const damage of [8, 12, 24, 30, at.size - 1]) {
        const copy = bytes.slice();
        copy[at.offset + damage] = (copy[at.offset + damage] ?? 0) ^ 0xff;
        const section = ElfFile.open(copy, { name: "damaged.o" }).section(at.index);
        let code: unknown;
        try {
          // The last byte of Zstandard data without a checksum may be literal text.
          section.bytes();
          code = kind === "zstd" && damage === at.size - 1 ? "ELF_BAD_COMPRESSION" : "read";
        } catch (error) {
          expect(error).toMatchObject({ place: { file: "damaged.o", section: at.name } });
          code = error instanceof Error && "code" in error ? error.code : undefined;
        }
        expect(code, `${kind} byte ${damage}`).toBe("ELF_BAD_COMPRESSION");
      }
    }
  });
});
