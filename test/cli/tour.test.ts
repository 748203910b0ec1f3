/** The tour, as `npm start` runs it at its end. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bindery } from "./run.ts";

test("shows libc as a file, a live object, gdb's own backtrace through it, a plug-in that comes and goes, and a program's start", () => {
  const { stdout, stderr, status } = bindery(["tour"]);
  expect([status, stderr]).toEqual([0, ""]);
  const address = (label: string): string | undefined =>
    new RegExp(`${label} +(0x[0-9a-f]+)$`, "m").exec(stdout)?.[1];
  expect(address("\\+ where it is mapped")).toBe(address("= what dlsym says"));
  expect(stdout).toMatch(/dladdr of its 5th byte +sort_numbers at 0x/);
  expect(stdout).toMatch(/mov eax, dword ptr \[rdi\]/);
  expect(stdout).toMatch(/after +-3 0 6 7 12 42 85 1999$/m);
  // gdb: stopped in the one function, called by libc, called by the other one, called by the FFI library.
  expect(stdout).toMatch(
    /#0 .* in compare_numbers \(\)[\s\S]*qsort[\s\S]* in sort_numbers \(\)[\s\S]*koffi\.node/,
  );
  // The plug-in: typed by its debug information, called back, replaced with its state, refused with the reason, gone.
  const plugin = stdout.slice(stdout.indexOf("4. A plug-in"), stdout.indexOf("5. A program's start"));
  expect(plugin).toMatch(/^ {4}int take\(const struct reading \*reading\)$/m);
  expect(plugin.match(/alarm: .*/g)).toEqual([
    "alarm: inlet is at 73, above 70",
    "alarm: inlet is at 76, above 70",
  ]);
  expect(plugin.match(/count .*/g)).toEqual([
    "count 2, least 68, greatest 73, mean 70.5",
    "count 4, least 68, greatest 76, mean 72.75",
  ]);
  expect(plugin).toMatch(/refused +DYNLD_SIGNATURE_MISMATCH/);
  expect(plugin).toContain("struct reading: expected double value at 16, found float value at 16");
  expect(plugin).toMatch(/readings +5\n[\s\S]*still mapped +no\n\s*$/);
  // The start of Node: all that ldd(1) says it loads, before anything of it runs, and its end.
  const start = stdout.slice(stdout.indexOf("5. A program's start"));
  const events = start.match(/(?<=^ +\d+\.\d {2})\w.*$/gm) ?? [];
  expect(events.slice(0, 3)).toEqual(["exec", "RD_DLACTIVITY RD_ADD", "RD_PREINIT"]);
  expect(events).toContain("RD_POSTINIT");
  expect(events.at(-1)).toBe("exit, code 0");
  const loaded = [...start.slice(0, start.indexOf("RD_POSTINIT")).matchAll(/\+ 0x\w+ (\S+)/g)].map(
    ([, name]) => name,
  );
  const ldd = execFileSync("ldd", [process.execPath], { encoding: "utf8" });
  const needed = [...ldd.matchAll(/(?:=> |^\s+)(\/\S+) \(/gm)].map(([, path = ""]) => path);
  expect(needed.length).toBeGreaterThan(3);
  expect(loaded).toEqual(expect.arrayContaining(needed));
  expect(start).toMatch(/load and relocate +\d+\.\d ms, \d+ relocations\n +initialize +\d+\.\d ms\n/);
});

test("says what is left out where there is no debugger and no compiler", () => {
  const folder = mkdtempSync(join(tmpdir(), "bindery-path-"));
  try {
    symlinkSync("/usr/bin/timeout", join(folder, "timeout"));
    const { stdout, stderr, status } = bindery(["tour"], "", { PATH: folder });
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("not shown: gdb is not installed");
    expect(stdout).toMatch(/not shown: examples\/plugin\.c needs gcc, which is not installed\n/);
    expect(stdout).toMatch(/RD_PREINIT[\s\S]*exit, code 0/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
