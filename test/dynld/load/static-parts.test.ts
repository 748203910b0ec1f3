/** Functions that the C library links into every program: a module that uses them gets its own. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { callableAt } from "../../../src/host/call.ts";
import { dlclose, dlopen, dlsym, RTLD_NOW } from "../../../src/host/dl.ts";
import { compile } from "../support/compile.ts";

const folder = mkdtempSync(join(tmpdir(), "static-parts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Each handler writes its letter to a file. */
const SOURCE = `
  #include <fcntl.h>
  #include <pthread.h>
  #include <stdlib.h>
  #include <string.h>
  #include <sys/wait.h>
  #include <unistd.h>
  static const char *path;
  static void note(char letter)
  {
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0644);
    if (write(fd, &letter, 1) == 1) close(fd);
  }
  static void a(void) { note('a'); }
  static void b(void) { note('b'); }
  static void late(void) { note('l'); }
  static void c(void) { note('c'); atexit(late); }
  static void before(void) { note('<'); }
  static void parent(void) { note('>'); }
  static void child(void) { note('v'); }
  static void quick(void) { note('q'); }
  void begin(const char *file) { path = strdup(file); atexit(a); atexit(b); atexit(c); }
  void watch(const char *file) { path = strdup(file); pthread_atfork(before, parent, child); }
  static int wait_for(pid_t pid) { int status; return waitpid(pid, &status, 0) == pid ? status : -1; }
  int split(void)
  {
    pid_t pid = fork();
    if (pid == 0) _exit(3);
    return wait_for(pid) >> 8;
  }
  int leave(const char *file)
  {
    pid_t pid;
    path = strdup(file);
    pid = fork();
    if (pid == 0) { at_quick_exit(quick); quick_exit(4); }
    return wait_for(pid) >> 8;
  }
  __attribute__((destructor)) static void end(void) { if (path) note('.'); }
`;

const read = (path: string): string => readFileSync(path, "utf8");
const table = () => new ExportTable().addLibrary("libc.so.6");

describe("static parts of the C library", () => {
  it("run what atexit was given when the module goes, in the order of a shared object", () => {
    const source = join(folder, "shared.c");
    writeFileSync(source, SOURCE);
    execFileSync("gcc", ["-shared", "-fPIC", "-o", join(folder, "shared.so"), source]);
    const handle = dlopen(join(folder, "shared.so"), RTLD_NOW);
    callableAt(dlsym(handle, "begin") ?? 0n, "void begin(const char *)")(join(folder, "shared"));
    dlclose(handle);
    expect(read(join(folder, "shared"))).toBe(".clba");

    for (const flags of [["-fPIC"], ["-fno-plt", "-fPIC"], ["-fcf-protection", "-O2", "-fPIC"]]) {
      const module = NativeModule.load(compile(SOURCE, "gcc", flags), { table: table() });
      const file = join(folder, flags.join(""));
      module.call("void begin(const char *)", file);
      module.unload();
      expect(read(file), flags.join(" ")).toBe(".clba");
    }
  });

  it("forget what pthread_atfork was given when the module goes", () => {
    const file = join(folder, "fork");
    const [watching, other] = [0, 1].map(() => NativeModule.load(compile(SOURCE), { table: table() }));
    watching?.call("void watch(const char *)", file);
    expect(other?.call("int split(void)")).toBe(3);
    expect([...read(file)].sort().join("")).toBe("<>v");
    watching?.unload();
    expect(read(file)).toMatch(/\.$/);
    const before = read(file);
    expect(other?.call("int split(void)")).toBe(3);
    expect(read(file)).toBe(before);
    other?.unload();
  });

  it("run what at_quick_exit was given", () => {
    using module = NativeModule.load(compile(SOURCE), { table: table() });
    expect(module.call("int leave(const char *)", join(folder, "quick"))).toBe(4);
    expect(read(join(folder, "quick"))).toBe("q");
  });

  it("are not made where the table has no way to them", () => {
    const some = new ExportTable().addLibrary("libc.so.6", ["open", "write", "close"]);
    expect(() => NativeModule.load(compile(SOURCE), { table: some })).toThrow(
      /undefined symbol: atexit(.|\n)*pthread_atfork/,
    );
  });

  it("come from the C library's own archive as well", () => {
    const archive = execFileSync("gcc", ["-print-file-name=libc_nonshared.a"], { encoding: "utf8" }).trim();
    const parts = [compile(SOURCE), { name: "libc_nonshared.a", bytes: readFileSync(archive) }];
    const file = join(folder, "archive");
    const module = NativeModule.load(parts, { table: table() });
    module.call("void begin(const char *)", file);
    module.unload();
    expect(read(file)).toBe(".clba");
  });
});
