/** Modules that are refused, and how: with a code, a place, and nothing left. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { type ModuleOptions, NativeModule } from "../../../src/dynld/module.ts";
import { ElfFile } from "../../../src/elf/index.ts";
import { DynldError } from "../../../src/errors.ts";
import { compile } from "../support/compile.ts";

function refusal(files: Parameters<typeof NativeModule.load>[0], options: ModuleOptions = {}): DynldError {
  const state = () => ({
    descriptors: readdirSync("/proc/self/fd").length,
    mappings: readFileSync("/proc/self/maps", "utf8")
      .split("\n")
      .filter((line) => line.includes("bindery:")),
  });
  const before = state();
  try {
    NativeModule.load(files, { name: "refused", ...options }).unload();
  } catch (error) {
    if (!(error instanceof DynldError)) throw error;
    expect(state()).toEqual(before);
    return error;
  }
  throw new Error("the module was loaded");
}

describe("a module is refused", () => {
  it("for undefined symbols, all of them, with the closest names there are", () => {
    const table = new ExportTable()
      .add({ name: "device_read", sig: 0, addr: 0x1000 })
      .addLibrary("libc.so.6", ["strlen"]);
    const source = `int devise_read(void); int strlem(const char *); int nothing_like_it(void);
      int use(void) { return devise_read() + strlem("") + nothing_like_it(); }`;
    const error = refusal(compile(source), { table });
    expect(error.code).toBe("DYNLD_UNDEFINED_SYMBOL");
    expect([error, ...error.also].map((one) => one.symbol).sort()).toEqual([
      "devise_read",
      "nothing_like_it",
      "strlem",
    ]);
    expect(error.message).toContain("undefined symbol: devise_read; the table has device_read");
    expect(error.message).toContain("undefined symbol: strlem; the table has strlen");
    expect(error.message).toMatch(/undefined symbol: nothing_like_it$/m);
  });

  it("for what two of its objects define", () => {
    const files = [compile("int twice = 1;"), compile("int twice = 2;")];
    const error = refusal(files);
    expect(error.code).toBe("DYNLD_DUPLICATE");
    expect(error.symbol).toBe("twice");
    expect(error.message).toContain(files[0]?.name);
    expect(error.place.file).toBe(files[1]?.name);
  });

  it("for a displacement that does not reach, saying what would", () => {
    const table = new ExportTable()
      .add({ name: "low", sig: 0, addr: 0x1000, isData: true })
      .add({ name: "high", sig: 0, addr: 0x7fff_0000_0000, isData: true });
    const source = "extern int low, high; int get(void) { return high + low; }";
    const error = refusal(compile(source, "gcc", ["-fPIE"]), { table });
    expect(error.code).toBe("DYNLD_OVERFLOW");
    expect(error.symbol).toMatch(/^(low|high)$/);
    expect(error.message).toMatch(/\.text\+0x[0-9a-f]+: R_X86_64_PC32 of \w+: found -?0x/);
    expect(error.message).toContain("-fPIC");
  });

  it("rather than have code read a stub for data", () => {
    const source =
      "extern int far; int get(void) { return far; } int call(void) { extern int f(void); return f(); }";
    const table = new ExportTable()
      .add({ name: "far", sig: 0, addr: 0x1000 })
      .add({ name: "f", sig: 0, addr: 0x1000 })
      .add({ name: "high", sig: 0, addr: 0x7fff_0000_0000, isData: true });
    const high = "extern int high; int other(void) { return high; }";
    const error = refusal(compile(source + high, "gcc", ["-fPIE"]), { table });
    expect([error, ...error.also].map(({ symbol }) => symbol)).not.toContain("f");
    expect(error.code).toBe("DYNLD_OVERFLOW");
  });

  it("for its size, before memory is taken", () => {
    const large = compile("char large[3 << 20]; int get(void) { return large[5]; }");
    const error = refusal(large, { maxsize: 3 << 20 });
    expect(error.code).toBe("DYNLD_TOO_BIG");
    expect(error.message).toContain(`expected fewer than ${3 << 20}`);
    using fits = NativeModule.load(large, { name: "fits", maxsize: (3 << 20) + 4096 });
    expect(fits.bss).toBeGreaterThanOrEqual(3 << 20);
    expect(refusal(compile("char huge[1L << 40];", "gcc", ["-mcmodel=large"])).code).toBe("DYNLD_TOO_BIG");
  });

  it("for another machine, another kind of file, or no file", () => {
    const target = (name: string) => compile("int f(void) { return 1; }", "clang", [`--target=${name}`]);
    expect(refusal(target("aarch64-linux-gnu")).message).toContain("EM_AARCH64");
    expect(refusal(target("riscv64-linux-gnu")).code).toBe("DYNLD_BAD_MAGIC");
    expect(refusal([target("x86_64-linux-gnu"), target("i386-linux-gnu")]).code).toBe("DYNLD_BAD_MAGIC");
    const program = { name: "program", bytes: readFileSync("/bin/true") };
    expect(refusal(program).message).toBe(
      "program: ELF header+0x10: found ET_DYN, expected a relocatable file (ET_REL)",
    );
    expect(refusal({ name: "text", bytes: Buffer.from("no module") }).code).toBe("DYNLD_BAD_MAGIC");
    expect(refusal([]).code).toBe("DYNLD_BAD_ARGUMENT");
  });

  it("for code that would be writable", () => {
    const source = `__asm__(".section writable_code, \\"awx\\"\\n nop\\n .text"); int f(void) { return 1; }`;
    expect(refusal(compile(source)).message).toContain("writable and executable");
  });

  it("for relocations of unknown types and at places outside their section", () => {
    const file = compile("int other(void); int f(void) { return other(); }", "gcc", ["-O1"]);
    const table = new ExportTable().add({ name: "other", sig: 0, addr: 0x1000 });
    const edited = (change: { type?: number; offset?: bigint }) => {
      const bytes = Uint8Array.from(file.bytes);
      const view = new DataView(bytes.buffer);
      const elf = ElfFile.open(file.bytes);
      const section = elf.sections.find(({ name }) => name === ".rela.text");
      const at = section?.offset ?? 0;
      if (change.type !== undefined) view.setUint32(at + 8, change.type, true);
      if (change.offset !== undefined) view.setBigUint64(at, change.offset, true);
      return { name: "edited.o", bytes };
    };
    const unknown = refusal(edited({ type: 200 }), { table });
    expect(unknown.code).toBe("DYNLD_BAD_RELOCATION");
    expect(unknown.message).toContain("relocation 200");
    for (const offset of [1n << 63n, 0xffff_fff0n, 1000n]) {
      const outside = refusal(edited({ offset }), { table });
      expect(outside.code).toBe("DYNLD_BAD_RELOCATION");
      expect(outside.message).toContain("outside the section");
    }
  });

  it("for what is no file, or a name that no object can have", () => {
    const file = compile("int f(void) { return 1; }");
    const load = (given: unknown) => () =>
      NativeModule.load(given as Parameters<typeof NativeModule.load>[0]);
    const expected = "expected a file, { name, bytes }";
    expect(load(file.name)).toThrow(/^module: found "\/.*, expected a file, \{ name, bytes \}$/);
    expect(load(file.bytes)).toThrow(`module: found an object (Buffer), ${expected}`);
    expect(load([file, { name: "x" }])).toThrow(`module: found an object (Object), ${expected}`);
    expect(load(undefined)).toThrow(`module: found undefined, ${expected}`);
    using module = NativeModule.load(file);
    expect(() => module.reload(file.name as unknown as typeof file)).toThrow(expected);
    for (const name of ["a/b", "", "x".repeat(201)]) {
      expect(refusal(file, { name })).toMatchObject({ code: "DYNLD_BAD_ARGUMENT" });
    }
    expect(() => new ExportTable().addFunction("int f(void)", 5 as unknown as () => number)).toThrow(
      "addFunction: found 5, expected a function",
    );
  });
});
