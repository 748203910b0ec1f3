/** Relocated fields of objects for every machine, against what lld links and what readelf relocates. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Dwarf } from "../../src/dwarf/dwarf.ts";
import { pcBounds } from "../../src/dwarf/read/list/range.ts";
import type { Resolver } from "../../src/dwarf/relocation/resolver.ts";
import { SHF, SHT } from "../../src/elf/constants/section.ts";
import { ElfFile } from "../../src/elf/file.ts";

const SOURCE = `
static int counter;
extern int elsewhere;
__thread int local = 3;
__attribute__((section(".text.other"))) int other(int a) { return a + elsewhere; }
int twice(int a) {
  if (a > 3) { int k = a * 2; counter += k; return k; }
  return other(a) + counter + local;
}
int __aeabi_read_tp(void) { return 0; }
void __aeabi_unwind_cpp_pr0(void) {}
`;

const TARGETS = [
  ["x86_64-linux-gnu"],
  ["i386-linux-gnu"],
  ["aarch64-linux-gnu"],
  ["aarch64_be-linux-gnu"],
  ["armv7-linux-gnueabihf"],
  ["riscv64-linux-gnu"],
  ["riscv32-linux-gnu"],
  ["powerpc64le-linux-gnu"],
  ["powerpc64-linux-gnu", "-mabi=elfv2"],
  ["powerpc64-linux-gnu"],
  ["s390x-linux-gnu"],
  ["mips-linux-gnu"],
  ["mipsel-linux-gnu"],
  ["mips64-linux-gnuabi64"],
  ["mips64el-linux-gnuabi64"],
].flatMap(([machine = "", ...options]) =>
  ["-gdwarf-4", "-gdwarf-5"].map((version) => ({ machine, options: [...options, version] })),
);

/** lld 14 links for neither s390x nor the first PowerPC ABI, and not for big-endian AArch64. */
const LINKED = TARGETS.filter(
  ({ machine, options }) =>
    !/^(s390x|aarch64_be)/.test(machine) &&
    (machine !== "powerpc64-linux-gnu" || options.includes("-mabi=elfv2")),
);

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-relocation-"));
  writeFileSync(join(scratch, "a.c"), SOURCE);
});
afterAll(() => rmSync(scratch, { recursive: true }));

function compile(machine: string, options: readonly string[]): string {
  const object = join(scratch, "a.o");
  const shape = ["-O1", "-fasynchronous-unwind-tables", "-Wno-builtin-requires-header"];
  execFileSync("clang", [`--target=${machine}`, "-g", ...options, ...shape, "-c", "a.c", "-o", object], {
    cwd: scratch,
  });
  return object;
}

function open(path: string): ElfFile {
  return ElfFile.open(readFileSync(path), { name: path });
}

interface Field {
  readonly section: string;
  readonly offset: number;
  readonly size: number;
  readonly type: string;
  /** Counts from a thread-local variable. */
  readonly isLocal: boolean;
}

/** Fields that readelf lists relocations for, with the size that the type's name says. */
function relocatedFields(object: string): Field[] {
  const printed = execFileSync("readelf", ["-rW", object], { encoding: "utf8" });
  const fields = new Map<string, Field>();
  let section = "";
  for (const line of printed.split("\n")) {
    section = /^Relocation section '\.rela?(\S+)'/.exec(line)?.[1] ?? section;
    if (!/^\.(debug_|eh_frame)/.test(section)) continue;
    const [, at, type = ""] = /^([0-9a-f]+) +[0-9a-f]+ +R_(?:X86_64|[A-Z0-9]+)_(\S+)/.exec(line) ?? [];
    if (at === undefined) continue;
    const offset = Number.parseInt(at, 16);
    const bits = Number(/\d+/.exec(type)?.[0] ?? "0");
    fields.set(`${section} ${offset}`, {
      section,
      offset,
      size: Math.max(1, bits / 8),
      type,
      isLocal: / local\b/.test(line),
    });
  }
  return [...fields.values()];
}

/** The final values of fields in one spelling; how they are read is the caller's. */
function values(fields: readonly Field[], value: (field: Field) => bigint | number): string[] {
  return fields.map((field) => `${field.section}+${field.offset}: ${value(field).toString(16)}`);
}

function reader(dwarf: Dwarf, name: string) {
  const section = dwarf.sections.first(name.slice(1));
  if (section === undefined) throw new Error(`no section ${name}`);
  return dwarf.reader(section);
}

describe.each(LINKED)("$machine $options", ({ machine, options }) => {
  test("has the values that lld links", () => {
    const object = compile(machine, options);
    const program = join(scratch, "a.out");
    // Without -O0, strings would be merged and have other offsets.
    execFileSync("ld.lld", ["-O0", "-e", "twice", "--defsym", "elsewhere=0x4567", object, "-o", program]);
    const linked = open(program);
    const dwarf = Dwarf.open(open(object), placedAs(linked));
    // lld lays .eh_frame out anew.
    const fields = relocatedFields(object).filter(({ section }) => section !== ".eh_frame");
    expect(fields.length).toBeGreaterThan(20);
    const expected = values(fields, ({ section, offset, size }) => {
      const found = linked.sections.find((one) => one.name === section);
      return unsigned(found?.bytes() ?? new Uint8Array(0), offset, size, linked.image.little);
    });
    expect(values(fields, ({ section, offset, size }) => reader(dwarf, section).final(offset, size))).toEqual(
      expected,
    );
    const resolved = values(fields, ({ section, offset, size }) =>
      reader(dwarf, section).address(offset, size).resolve(placedAs(linked)),
    );
    expect(resolved).toEqual(expected);
    const starts = relocatedFields(object)
      .filter(({ section, type }) => section === ".eh_frame" && /PC|REL/.test(type))
      .map((field) => functionStart(dwarf, field));
    expect(starts.sort()).toEqual(starts.length === 0 ? [] : frameStarts(program));
  });
});

describe.each(TARGETS)("$machine $options", ({ machine, options }) => {
  test("has the values that readelf gives sections at 0", () => {
    const object = compile(machine, options);
    const elf = open(object);
    const dwarf = Dwarf.open(elf, AT_ZERO);
    // readelf relocates neither thread-local variables nor R_MIPS_PC32; lld does.
    const fields = relocatedFields(object).filter(
      ({ isLocal, type }) => !isLocal && !(machine.startsWith("mips") && type.startsWith("PC32")),
    );
    const dumps = new Map(
      [...new Set(fields.map(({ section }) => section))].map((one) => [one, relocated(object, one)]),
    );
    const expected = values(fields, ({ section, offset, size }) =>
      unsigned(dumps.get(section) ?? new Uint8Array(0), offset, size, elf.image.little),
    );
    expect(fields.length).toBeGreaterThan(20);
    expect(values(fields, ({ section, offset, size }) => reader(dwarf, section).final(offset, size))).toEqual(
      expected,
    );
  });
});

/** The address that a pointer in `.eh_frame` says, which counts from the pointer itself. */
function functionStart(dwarf: Dwarf, { section, offset, size }: Field): string {
  const fields = reader(dwarf, section);
  const { elf, elfSection, placement } = fields.section;
  const place = (placement.sectionAddress(elf, elfSection.index) ?? 0n) + BigInt(offset);
  const distance = BigInt.asIntN(8 * size, fields.final(offset, size));
  return BigInt.asUintN(elf.image.is64 ? 64 : 32, place + distance).toString(16);
}

function frameStarts(program: string): string[] {
  const printed = execFileSync("readelf", ["--debug-dump=frames", program], { encoding: "utf8" });
  return [...printed.matchAll(/ FDE .* pc=0*([0-9a-f]+)\.\./g)].map(([, pc = ""]) => pc).sort();
}

describe.each(TARGETS)("$machine $options", ({ machine, options }) => {
  test("has the bounds of functions that llvm-dwarfdump prints", () => {
    const object = compile(machine, options);
    const printed = execFileSync("llvm-dwarfdump", ["--debug-info", object], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const expected = [...printed.matchAll(/DW_AT_low_pc\s+\(0x(\w+)\)\s+DW_AT_high_pc\s+\(0x(\w+)\)/g)].map(
      ([, low = "", high = ""]) => `${BigInt(`0x${low}`)} ${BigInt(`0x${high}`)}`,
    );
    expect(expected.length).toBeGreaterThan(3);
    const found: string[] = [];
    for (const unit of Dwarf.open(open(object), AT_ZERO).units()) {
      const at = unit.entries();
      while (at.next()) {
        const bounds = pcBounds(unit, at);
        if (bounds?.high !== undefined) found.push(`${bounds.low.resolve()} ${bounds.high.resolve()}`);
      }
    }
    expect(found).toEqual(expected);
  });
});

const AT_ZERO: Resolver = {
  sectionAddress: () => 0n,
  symbolAddress: () => 0n,
  threadOffset: (_elf, symbol) => symbol.value,
};

/** Where a linked file has the symbols of an object. */
function placedAs(linked: ElfFile): Resolver {
  const addresses = new Map([...(linked.symtab() ?? [])].map(({ name, value }) => [name, value]));
  return {
    sectionAddress(elf, index) {
      const inside = [...(elf.symtab() ?? [])].find(
        ({ name, special, sectionIndex }) =>
          !special && sectionIndex === index && addresses.has(name) && name !== "",
      );
      const section = elf.section(index);
      if (inside !== undefined) return (addresses.get(inside.name) ?? 0n) - inside.value;
      const same = linked.sections.find(({ name }) => name === section.name);
      expect(same, section.name).toBeDefined();
      return same?.addr;
    },
    symbolAddress: (_elf, { name }) => addresses.get(name),
  };
}

function unsigned(bytes: Uint8Array, at: number, size: number, little: boolean): bigint {
  const field = [...bytes.subarray(at, at + size)];
  if (field.length !== size) throw new Error(`no ${size} bytes at ${at}`);
  return (little ? field.reverse() : field).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** What readelf says the bytes of a section are once relocated. */
function relocated(object: string, section: string): Uint8Array {
  const printed = execFileSync("readelf", ["-R", section, object], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const words = [...printed.matchAll(/^ {2}0x[0-9a-f]+ ((?:[0-9a-f]{2,8} ){1,4})/gm)].map(
    ([, hex = ""]) => hex,
  );
  return Uint8Array.from(Buffer.from(words.join("").replaceAll(" ", ""), "hex"));
}

test("no debug section of these objects is loaded but .eh_frame", () => {
  const elf = open(compile("x86_64-linux-gnu", ["-gdwarf-5"]));
  const dwarf = Dwarf.open(elf);
  for (const { name, flags, type } of elf.sections) {
    if (!/^\.(debug_|eh_frame)/.test(name) || type === SHT.SHT_RELA) continue;
    expect((flags & SHF.SHF_ALLOC) !== 0, name).toBe(name === ".eh_frame");
    expect(dwarf.sections.first(name.slice(1))?.section).toBe(name);
  }
});
