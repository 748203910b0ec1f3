/** Files that compilers and ar(1) make besides plain objects: loaded, or refused by what they are. */
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { makeModule } from "../../../src/dynld/mkmod/mkmod.ts";
import { NativeModule, readFiles } from "../../../src/dynld/module.ts";
import { MAIN } from "../../cli/run.ts";
import { compile, compileTo, pathOf, tool } from "../support/compile.ts";
import { refusal } from "../support/refusal.ts";

const SOURCE = "struct pair { int a; long b; }; long sum(struct pair p) { return p.a + p.b; }";

/** Open files whose paths end so. */
function openFiles(end: string): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).endsWith(end);
    } catch {
      return false;
    }
  }).length;
}

describe.each(["gcc", "clang"] as const)("an object of %s -gsplit-dwarf", (compiler) => {
  it("has the types that are in its .dwo file, which is let go of with it", () => {
    const path = compileTo(SOURCE, compiler, ["-gsplit-dwarf", "-g", "-fPIC"]);
    const module = NativeModule.open(path);
    expect(module.fn.sum?.({ a: 3, b: 4n })).toBe(7n);
    const plain = compile(SOURCE, compiler, ["-g", "-fPIC"]);
    using same = NativeModule.load(plain);
    expect(module.export.map(({ sig }) => sig)).toEqual(same.export.map(({ sig }) => sig));
    module.unload();
    expect(openFiles(".dwo")).toBe(0);
  });

  it("makes a module that has them without that file", () => {
    const path = compileTo(SOURCE, compiler, ["-gsplit-dwarf", "-g", "-fPIC"]);
    const { bytes } = makeModule(readFiles(path), { debug: false });
    expect(openFiles(".dwo")).toBe(0);
    rmSync(path.replace(/o$/, "dwo"));
    using module = NativeModule.load({ name: "made", bytes });
    expect(module.fn.sum?.({ a: 3, b: 4n })).toBe(7n);
  });
});

describe("a thin archive", () => {
  it("has the members that it names, wherever it is opened from", () => {
    const [user, unused] = [
      compileTo("int base(void); int use(void) { return base() + 1; }", "gcc", ["-g"]),
      compileTo("int unused(void) { return nowhere(); }", "gcc", ["-w"]),
    ];
    const used = compileTo("int base(void) { return 41; }", "gcc", ["-g"]);
    tool("ar", "rcsT", "thin.a", basename(used), basename(unused));
    const files = [user, pathOf("thin.a")];
    using module = NativeModule.open(files);
    expect(module.fn.use?.()).toBe(42);
    const { exports } = makeModule(readFiles(files));
    expect([...exports.keys()].sort()).toEqual(["base", "use"]);
  });

  it("is refused where its members are not at hand", () => {
    const used = compileTo("int base(void) { return 41; }", "gcc");
    tool("ar", "rcsT", "thinner.a", basename(used));
    const [{ name, bytes }] = readFiles(pathOf("thinner.a")) as [{ name: string; bytes: Uint8Array }];
    expect(refusal(() => NativeModule.load({ name, bytes })).message).toContain("thin archive");
  });
});

it.each(["gzip", "xz", "zstd"])("an object that %s compressed is loaded as it was", (command) => {
  for (const room of ["", "char room[1 << 19] = { 1 };"]) {
    const path = compileTo(`${SOURCE} ${room}`, "gcc", ["-g", "-fPIC"]);
    tool(command, "-qk", basename(path));
    const packed = `${path}.${{ gzip: "gz", xz: "xz", zstd: "zst" }[command]}`;
    using module = NativeModule.open(packed);
    expect(module.fn.sum?.({ a: 3, b: 4n })).toBe(7n);
  }
});

describe("what has no machine code", () => {
  const flags = ["-flto", "-fno-fat-lto-objects"];

  it.each([
    ["gcc", flags, "intermediate code of gcc"],
    ["clang", ["-flto"], "intermediate code of LLVM"],
  ] as const)("is refused: %s -flto", (compiler, its, what) => {
    const path = compileTo(SOURCE, compiler, its);
    for (const act of [() => NativeModule.open(path), () => makeModule(readFiles(path))]) {
      const { message } = refusal(act);
      expect(message).toContain(path);
      expect(message).toContain(`found ${what}, expected machine code: compile without -flto`);
    }
    using fat = NativeModule.load(compile(SOURCE, "gcc", ["-flto", "-ffat-lto-objects", "-g"]));
    expect(fat.fn.sum?.({ a: 1, b: 1n })).toBe(2n);
  });

  it("is refused: an empty archive, by its name", () => {
    const path = pathOf("nothing.a");
    writeFileSync(path, "!<arch>\n");
    expect(refusal(() => NativeModule.open(path)).message).toBe(
      `${path}: found no object file in the archive`,
    );
  });

  it("is refused: an object for x32, for what it is", () => {
    const path = compileTo("int f(void) { return 1; }", "clang", ["--target=x86_64-linux-gnux32"]);
    const alone = refusal(() => NativeModule.open(path));
    expect(alone.message).toBe(`${path}: found code for EM_X86_64 in ELF32, expected EM_X86_64 in ELF64`);
    const other = compileTo("int g(void) { return 1; }", "gcc");
    expect(refusal(() => NativeModule.open([other, path])).message).toContain(
      `found EM_X86_64, ELF32, expected EM_X86_64, ELF64 as in ${other}`,
    );
  });

  it("is refused: a pipe, without waiting for what comes of it", () => {
    const path = pathOf("pipe.o");
    execFileSync("mkfifo", [path]);
    const told = spawnSync(process.execPath, [MAIN, "load", path], { encoding: "utf8", timeout: 10_000 });
    expect(told.stderr).toBe(`bindery: ${path}: found no regular file, expected one\n`);
  });
});
