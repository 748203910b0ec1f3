import { afterAll, describe, expect, it } from "vitest";
import { EM } from "../../../src/elf/constants/machine.ts";
import { DT, ElfFile, ET, PF, PT, R_X86_64, SHF, SHN, SHT, STB, STT } from "../../../src/elf/index.ts";
import type { ElfDescription, SectionDescription } from "../../../src/elf/write/description.ts";
import { writeElf } from "../../../src/elf/write/write.ts";
import { Workshop } from "./support.ts";

const shop = new Workshop();
afterAll(() => shop[Symbol.dispose]());

const AX = SHF.SHF_ALLOC | SHF.SHF_EXECINSTR;
const WA = SHF.SHF_ALLOC | SHF.SHF_WRITE;

/** `mov $42, %edi; mov $60, %eax; syscall`: exit(42). */
const EXIT_42 = Uint8Array.of(0xbf, 42, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05);
/** `mov $N, %eax; ret`. */
const returns = (value: number) => Uint8Array.of(0xb8, value, 0, 0, 0, 0xc3);

const text = (bytes: Uint8Array): SectionDescription => ({
  name: ".text",
  type: SHT.SHT_PROGBITS,
  flags: AX,
  addralign: 16,
  bytes,
});

/** Saves an image, which readelf, eu-elflint and objcopy must take without a word. */
function accepted(name: string, image: Uint8Array): string {
  const path = shop.save(name, image);
  shop.readelf(path);
  expect(shop.lint(path)).toBe("No errors");
  expect(shop.run("objcopy", [path, `${path}.copy`])).toBe("");
  return path;
}

describe("an executable", () => {
  it("runs, with headers and zero-filled memory as described", () => {
    const image = writeElf({
      machine: EM.EM_X86_64,
      type: ET.ET_EXEC,
      baseAddress: 0x400000,
      entry: { section: ".text", offset: 0 },
      sections: [
        text(EXIT_42),
        { name: ".data", type: SHT.SHT_PROGBITS, flags: WA, addralign: 8, bytes: new Uint8Array(8) },
        { name: ".bss", type: SHT.SHT_NOBITS, flags: WA, addralign: 64, size: 0x2000 },
        {
          name: ".symtab",
          type: SHT.SHT_SYMTAB,
          relative: true,
          symbols: [{ name: "_start", section: ".text", size: 12, type: STT.STT_FUNC }],
        },
      ],
      segments: [
        { type: PT.PT_PHDR, flags: PF.PF_R, headers: true, align: 8 },
        { type: PT.PT_LOAD, flags: PF.PF_R | PF.PF_X, headers: true, sections: [".text"] },
        { type: PT.PT_LOAD, flags: PF.PF_R | PF.PF_W, sections: [".data", ".bss"] },
        { type: PT.PT_GNU_STACK, flags: PF.PF_R | PF.PF_W },
      ],
    });
    const path = accepted("exit42", image);
    shop.run(path, [], 42);
    expect(shop.readelf(path)).toMatch(/LOAD +0x0+ 0x0000000000400000 .* R E 0x1000/);
    shop.run("strip", [path, "-o", `${path}.stripped`]);
    shop.run(`${path}.stripped`, [], 42);
  });

  it("runs in 32 bits", () => {
    // mov $1, %eax; mov $7, %ebx; int $0x80: exit(7).
    const code = Uint8Array.of(0xb8, 1, 0, 0, 0, 0xbb, 7, 0, 0, 0, 0xcd, 0x80);
    const image = writeElf({
      is64: false,
      machine: EM.EM_386,
      type: ET.ET_EXEC,
      entry: 0x8048100,
      sections: [{ ...text(code), addr: 0x8048100 }],
      segments: [
        { type: PT.PT_LOAD, flags: PF.PF_R | PF.PF_X, headers: true, sections: [1] },
        { type: PT.PT_GNU_STACK, flags: PF.PF_R | PF.PF_W },
      ],
    });
    shop.run(accepted("exit7", image), [], 7);
  });
});

describe("a relocatable object", () => {
  it("links and runs, its relocations resolved", () => {
    // call callee; mov %eax, %edi; mov $60, %eax; syscall
    const code = Uint8Array.of(0xe8, 0, 0, 0, 0, 0x89, 0xc7, 0xb8, 60, 0, 0, 0, 0x0f, 0x05);
    const image = writeElf({
      machine: EM.EM_X86_64,
      type: ET.ET_REL,
      sections: [
        text(code),
        { ...text(returns(33)), name: ".text.callee" },
        {
          name: ".rela.text",
          type: SHT.SHT_RELA,
          target: ".text",
          relocations: [{ offset: 1, type: R_X86_64.R_X86_64_PLT32, symbol: "callee", addend: -4 }],
        },
        {
          name: ".symtab",
          type: SHT.SHT_SYMTAB,
          // The local one is given last and must come first.
          symbols: [
            { name: "_start", section: ".text", type: STT.STT_FUNC, size: code.length },
            { name: "callee", section: ".text.callee", type: STT.STT_FUNC, size: 6, binding: STB.STB_LOCAL },
          ],
        },
        { name: ".note.GNU-stack", type: SHT.SHT_PROGBITS, bytes: new Uint8Array(0) },
      ],
    });
    const path = accepted("calls.o", image);
    shop.run("ld", [path, "-o", shop.path("calls")]);
    shop.run(shop.path("calls"), [], 33);
    expect(shop.run("nm", ["-p", path])).toMatch(/t callee\n[0-9a-f]+ T _start/);
  });

  it("gives the linker groups, of which it keeps one", () => {
    const half = (result: number, extra: SectionDescription[]) =>
      writeElf({
        machine: EM.EM_X86_64,
        type: ET.ET_REL,
        sections: [
          { name: ".group", type: SHT.SHT_GROUP, signature: "shared", members: [".text.shared"] },
          { ...text(returns(result)), name: ".text.shared" },
          ...extra,
          {
            name: ".symtab",
            type: SHT.SHT_SYMTAB,
            symbols: [
              { name: "shared", section: ".text.shared", type: STT.STT_FUNC, size: 6 },
              ...(extra.length > 0 ? [{ name: "_start", section: ".text" }] : []),
            ],
          },
          { name: ".note.GNU-stack", type: SHT.SHT_PROGBITS, bytes: new Uint8Array(0) },
        ],
      });
    const first = accepted("first.o", half(1, [text(EXIT_42)]));
    const second = accepted("second.o", half(2, []));
    shop.run("ld", [first, second, "-o", shop.path("both")]);
    shop.run(shop.path("both"), [], 42);
    expect(shop.readelf(first)).toMatch(
      /COMDAT group section \[\s*1\] `\.group' \[shared\] contains 1 sections/,
    );
  });

  it("numbers more sections than 16 bits hold", () => {
    const count = 0xff00 + 10;
    const sections: SectionDescription[] = Array.from({ length: count }, (_, i) => ({
      ...text(i === count - 1 ? EXIT_42 : new Uint8Array(0)),
      name: `.t${i}`,
    }));
    const image = writeElf({
      machine: EM.EM_X86_64,
      type: ET.ET_REL,
      sections: [
        ...sections,
        {
          name: ".symtab",
          type: SHT.SHT_SYMTAB,
          symbols: [
            { name: "first", section: 1 },
            { name: "_start", section: count },
            { name: "absolute", reserved: SHN.SHN_ABS, value: 5 },
          ],
        },
        { name: ".note.GNU-stack", type: SHT.SHT_PROGBITS, bytes: new Uint8Array(0) },
      ],
    });
    const path = shop.save("many.o", image);
    expect(shop.run("readelf", ["-hW", path])).toMatch(/Number of section headers: +0 \(65296\)/);
    const symbols = shop.run("readelf", ["-sW", path]);
    expect(symbols).toMatch(/ 65290 _start/);
    expect(symbols).toMatch(/ ABS absolute/);
    shop.run("ld", [path, "-o", shop.path("many")]);
    shop.run(shop.path("many"), [], 42);
  });

  it("takes columns as it takes objects", () => {
    const names = Array.from({ length: 100 }, (_, i) => `f${i}`);
    const sections = (symbols: SectionDescription): ElfDescription => ({
      machine: EM.EM_X86_64,
      type: ET.ET_REL,
      sections: [text(new Uint8Array(1600)), symbols],
    });
    const infoOf = (i: number) => ((i % 3 === 0 ? STB.STB_LOCAL : STB.STB_GLOBAL) << 4) | STT.STT_FUNC;
    const head = { name: ".symtab", type: SHT.SHT_SYMTAB };
    const columns = writeElf(
      sections({
        ...head,
        symbols: {
          names,
          values: BigUint64Array.from(names, (_, i) => BigInt(i * 16)),
          sizes: 16,
          infos: names.map((_, i) => infoOf(i)),
          sections: 1,
        },
      }),
    );
    const objects = writeElf(
      sections({
        ...head,
        symbols: names.map((name, i) => ({
          name,
          section: ".text",
          value: i * 16,
          size: 16n,
          binding: infoOf(i) >> 4,
          type: STT.STT_FUNC,
        })),
      }),
    );
    expect(columns).toEqual(objects);
    const path = accepted("columns.o", columns);
    expect(shop.run("nm", [path])).toMatch(/0000000000000010 T f1\n/);
  });
});

describe("a shared library", () => {
  const names = Array.from({ length: 200 }, (_, i) => `fn_${i}`);
  const library = (is64: boolean, machine: number, little = true) =>
    writeElf({
      is64,
      little,
      machine,
      type: ET.ET_DYN,
      strings: "suffix",
      sections: [
        { name: ".hash", type: SHT.SHT_HASH, flags: SHF.SHF_ALLOC, over: ".dynsym" },
        { name: ".gnu.hash", type: SHT.SHT_GNU_HASH, flags: SHF.SHF_ALLOC, over: ".dynsym" },
        {
          name: ".dynsym",
          type: SHT.SHT_DYNSYM,
          flags: SHF.SHF_ALLOC,
          relative: true,
          symbols: [
            { name: "answer", section: ".text", size: 6, type: STT.STT_FUNC },
            ...names.map((name) => ({ name, section: ".text", size: 6, type: STT.STT_FUNC })),
            { name: "puts", type: STT.STT_FUNC },
            { name: "table", section: ".data", size: 8, type: STT.STT_OBJECT },
          ],
        },
        { name: ".dynstr", type: SHT.SHT_STRTAB, flags: SHF.SHF_ALLOC, strings: [] },
        {
          name: ".rela.dyn",
          type: SHT.SHT_RELA,
          flags: SHF.SHF_ALLOC,
          link: ".dynsym",
          target: ".data",
          relative: true,
          relocations: [{ offset: 0, type: R_X86_64.R_X86_64_64, symbol: "answer" }],
        },
        text(returns(42)),
        {
          name: ".dynamic",
          type: SHT.SHT_DYNAMIC,
          flags: WA,
          dynamic: [
            { tag: DT.DT_NEEDED, string: "libc.so.6" },
            { tag: DT.DT_SONAME, string: "libwritten.so" },
            { tag: DT.DT_HASH, section: ".hash" },
            { tag: DT.DT_GNU_HASH, section: ".gnu.hash" },
            { tag: DT.DT_STRTAB, section: ".dynstr" },
            { tag: DT.DT_STRSZ, section: ".dynstr", field: "size" },
            { tag: DT.DT_SYMTAB, section: ".dynsym" },
            { tag: DT.DT_SYMENT, section: ".dynsym", field: "entsize" },
            { tag: DT.DT_RELA, section: ".rela.dyn" },
            { tag: DT.DT_RELASZ, section: ".rela.dyn", field: "size" },
            { tag: DT.DT_RELAENT, section: ".rela.dyn", field: "entsize" },
          ],
        },
        { name: ".data", type: SHT.SHT_PROGBITS, flags: WA, addralign: 8, bytes: new Uint8Array(8) },
      ],
      segments: [
        {
          type: PT.PT_LOAD,
          flags: PF.PF_R | PF.PF_X,
          headers: true,
          sections: [".hash", ".gnu.hash", ".dynsym", ".dynstr", ".rela.dyn", ".text"],
        },
        { type: PT.PT_LOAD, flags: PF.PF_R | PF.PF_W, sections: [".dynamic", ".data"] },
        { type: PT.PT_DYNAMIC, flags: PF.PF_R | PF.PF_W, sections: [".dynamic"] },
        { type: PT.PT_GNU_STACK, flags: PF.PF_R | PF.PF_W },
      ],
    });

  it("is linked against, loaded, relocated and searched by the loader", () => {
    accepted("libwritten.so", library(true, EM.EM_X86_64));
    shop.save(
      "user.c",
      `#include <dlfcn.h>
      #include <stdio.h>
      int answer(void); extern int (*table[1])(void);
      int main(void) {
        void *handle = dlopen("libwritten.so", RTLD_NOW);
        char name[16];
        int found = 0;
        for (int i = 0; i < 200; i++) {
          sprintf(name, "fn_%d", i);
          int (*f)(void) = (int (*)(void))dlsym(handle, name);
          found += f && f() == 42;
        }
        printf("%d %d %d %d\\n", answer(), table[0](), found, dlsym(handle, "fn_200") != 0);
      }`,
    );
    shop.run("gcc", ["user.c", "libwritten.so", `-Wl,-rpath,${shop.directory}`, "-o", "user"]);
    expect(shop.run(shop.path("user"), [])).toBe("42 42 200 0\n");
    // With the GNU table gone, the loader takes the other one.
    const image = library(true, EM.EM_X86_64);
    const dynamic = ElfFile.open(image).sectionsNamed(".dynamic")[0];
    new DataView(image.buffer).setBigUint64((dynamic?.offset ?? 0) + 3 * 16, 0x6000_0abcn, true);
    shop.save("libwritten.so", image);
    expect(shop.run(shop.path("user"), [])).toBe("42 42 200 0\n");
  });

  it.each([
    ["32 bits, big-endian", false, EM.EM_PPC, false],
    ["64 bits, big-endian", true, EM.EM_PPC64, false],
    ["64 bits, hash words of 64 bits", true, EM.EM_S390, false],
    ["32 bits, little-endian", false, EM.EM_ARM, true],
  ])("has hash tables that readelf walks: %s", (_, is64, machine, little) => {
    const path = shop.save("foreign.so", library(is64, machine, little));
    const shown = shop.run("readelf", ["-IW", "--dyn-syms", path]);
    expect(shown).toMatch(/for bucket list length|Histogram/);
    const file = ElfFile.open(library(is64, machine, little));
    const { gnu, sysv } = file.hashTables();
    const symbols = file.dynsym();
    for (const name of ["answer", "fn_0", "fn_199", "table"]) {
      expect(symbols?.name(gnu?.lookup(name) ?? 0)).toBe(name);
      expect(symbols?.name(sysv?.lookup(name) ?? 0)).toBe(name);
    }
    expect(gnu?.lookup("puts")).toBeUndefined();
  });
});

describe("other things to write", () => {
  it("keeps notes of a core file in a segment without sections", () => {
    // Elf64_Nhdr, name "CORE", type NT_PRPSINFO with an empty descriptor.
    const note = Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0x43, 0x4f, 0x52, 0x45, 0, 0, 0, 0);
    const path = shop.save(
      "core",
      writeElf({
        machine: EM.EM_X86_64,
        type: ET.ET_CORE,
        sections: [],
        sectionNames: false,
        segments: [
          { type: PT.PT_NOTE, flags: 0, bytes: note, align: 4, memsz: 0 },
          { type: PT.PT_LOAD, flags: PF.PF_R, vaddr: 0x7fff_0000_0000n, bytes: new Uint8Array(64) },
        ],
      }),
    );
    const shown = shop.readelf(path);
    expect(shown).toMatch(/Type: +CORE/);
    expect(shown).toMatch(/CORE +0x00000000\tNT_PRPSINFO/);
    expect(shown).toMatch(/LOAD .* 0x00007fff00000000 .* 0x000040 0x000040 R /);
    expect(shown).toMatch(/There are no sections in this file/);
  });

  it("packs addresses as readelf unpacks them", () => {
    const addresses = [0x1000, 0x1008, 0x1010, 0x11f8, 0x1200, 0x5000, 0x5002, 0x9000];
    for (const is64 of [true, false]) {
      const path = shop.save(
        "relr",
        writeElf({
          is64,
          machine: is64 ? EM.EM_X86_64 : EM.EM_386,
          type: ET.ET_DYN,
          sections: [{ name: ".relr.dyn", type: SHT.SHT_RELR, flags: SHF.SHF_ALLOC, addresses }],
        }),
      );
      const shown = shop.run("readelf", ["-rW", path]).match(/^[0-9a-f]{8,}$/gm) ?? [];
      expect(shown.map((one) => Number.parseInt(one, 16))).toEqual(addresses);
    }
  });

  it("writes the relocations of 64-bit MIPS in their own order of fields", () => {
    for (const little of [true, false]) {
      const path = shop.save(
        "mips64.o",
        writeElf({
          little,
          machine: EM.EM_MIPS,
          type: ET.ET_REL,
          flags: 0x6000_0000,
          sections: [
            text(new Uint8Array(16)),
            {
              name: ".rela.text",
              type: SHT.SHT_RELA,
              target: 1,
              // R_MIPS_GPREL16, R_MIPS_SUB, R_MIPS_HI16
              relocations: [{ offset: 4, type: 7 | (24 << 8) | (5 << 16), symbol: "f", addend: -1n }],
            },
            { name: ".symtab", type: SHT.SHT_SYMTAB, symbols: [{ name: "e" }, { name: "f", section: 1 }] },
          ],
        }),
      );
      const shown = shop.readelf(path);
      expect(shown).toMatch(
        /0000000000000004 .* R_MIPS_GPREL16 +0000000000000000 f - 1\n +Type2: R_MIPS_SUB *\n +Type3: R_MIPS_HI16/,
      );
    }
  });

  it("has versions follow their symbols to where the hash table wants them", () => {
    const symbols = Array.from({ length: 50 }, (_, i) => ({ name: `v${i + 2}`, section: 1, version: i + 2 }));
    const flags = SHF.SHF_ALLOC;
    const image = writeElf({
      machine: EM.EM_X86_64,
      type: ET.ET_DYN,
      sections: [
        text(returns(1)),
        { name: ".dynsym", type: SHT.SHT_DYNSYM, flags, symbols },
        { name: ".dynstr", type: SHT.SHT_STRTAB, flags, strings: [] },
        { name: ".gnu.hash", type: SHT.SHT_GNU_HASH, flags, over: ".dynsym" },
        { name: ".gnu.version", type: SHT.SHT_GNU_versym, flags, over: ".dynsym" },
      ],
    });
    const path = shop.save("versions.so", image);
    const names = shop.run("readelf", ["--dyn-syms", "-W", path]).match(/\bv\d+/g) ?? [];
    const versions = shop.run("eu-readelf", ["-V", path]).match(/\d+(?= \?\?\?)/g) ?? [];
    expect(names.length).toBe(50);
    expect(names).not.toEqual(symbols.map((one) => one.name));
    expect(versions.map((one) => `v${one}`)).toEqual(names);
  });

  it("shares tails of names when asked", () => {
    const names = ["foobar", "bar", "ar", "bazaar", "foobar", ""];
    const image = writeElf({
      machine: EM.EM_X86_64,
      type: ET.ET_REL,
      strings: "suffix",
      sections: [{ name: ".symtab", type: SHT.SHT_SYMTAB, symbols: { names } }],
    });
    const file = ElfFile.open(image);
    expect(file.sectionsNamed(".strtab")[0]?.size).toBe("\0foobar\0bazaar\0".length);
    const shown = shop.run("readelf", ["-sW", shop.save("tails.o", image)]);
    expect(shown.match(/UND .*$/gm)?.map((line) => line.slice(4))).toEqual(["", ...names]);
  });

  it("keeps names that are not ASCII", () => {
    const image = writeElf({
      machine: EM.EM_X86_64,
      type: ET.ET_REL,
      sections: [{ name: ".größe", type: SHT.SHT_PROGBITS, bytes: new Uint8Array(1) }],
    });
    expect(ElfFile.open(image).sections[1]?.name).toBe(".größe");
    expect(shop.run("objdump", ["-h", "--unicode=locale", shop.save("utf8.o", image)])).toMatch(/\.gr\S+/);
  });
});
