/** `bindery dwarf --stats` over many files: directories, threads, progress. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readelfEntries } from "../dwarf/read/readelf-info.ts";
import { bindery, MAIN } from "./run.ts";

let scratch = "";
const path = (name: string): string => join(scratch, name);
/** Files of the directory that have debug information, in the order of their paths. */
const whole = ["a.o", "b.o", "drivers/net/c.ko", "drivers/net/d.ko.xz", "z.a"];

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-cli-jobs-"));
  mkdirSync(path("drivers/net"), { recursive: true });
  mkdirSync(path("empty"));
  for (const [name, functions] of [
    ["a.o", 1],
    ["b.o", 40],
    ["drivers/net/c.ko", 3],
  ] as const) {
    const text = Array.from({ length: functions }, (_, i) => `int f${i}(int x) { return x + ${i}; }\n`);
    writeFileSync(path("source.c"), text.join(""));
    execFileSync("gcc", ["-g", "-c", path("source.c"), "-o", path(name)]);
  }
  copyFileSync(path("a.o"), path("drivers/net/d.ko"));
  execFileSync("xz", [path("drivers/net/d.ko")]);
  execFileSync("ar", ["rc", path("z.a"), path("a.o"), path("b.o")]);
  // What a directory does not stand for: other files, and links, that lead back or to what is there already.
  symlinkSync(scratch, path("drivers/up"));
  symlinkSync(path("a.o"), path("link.o"));
  rmSync(path("source.c"));
  writeFileSync(path("README"), "no ELF file\n");
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** The same in one thread, and in three. */
function inOneAndThree(args: readonly string[]) {
  const [one, three] = ["1", "3"].map((jobs) => bindery(["dwarf", ...args, "--stats", "--jobs", jobs]));
  expect(three).toEqual(one);
  return three;
}

describe("a directory", () => {
  test("stands for the ELF files, archives and compressed modules below it", () => {
    const run = inOneAndThree(["info", "--json", scratch]);
    expect(run).toEqual(inOneAndThree(["info", "--json", ...whole.map(path)]));
    const entries = (name: string): number => readelfEntries(path(name)).length;
    const dies = 3 * entries("a.o") + 2 * entries("b.o") + entries("drivers/net/c.ko");
    expect(JSON.parse(run?.stdout ?? "")).toMatchObject({ units: 6, dies });
    expect([run?.status, run?.stderr]).toEqual([0, ""]);
  });

  test("shows its files under their names, in the order of their paths", () => {
    const { stdout, status } = bindery(["dwarf", "lines", join(scratch, "drivers")]);
    expect(status).toBe(0);
    const titles = stdout.match(/^File: .*$/gm);
    expect(titles).toEqual([`File: ${path("drivers/net/c.ko")}`, `File: ${path("drivers/net/d.ko.xz")}`]);
  });

  test("without such files is an error", () => {
    const { status, stderr } = bindery(["dwarf", "info", "--stats", path("empty")]);
    const what = "found a directory without ELF files, archives or compressed modules that can be read";
    expect([status, stderr]).toEqual([1, `bindery: ${path("empty")}: ${what}\n`]);
  });
});

describe("several threads", () => {
  test.each(["lines", "frames --header", "types --name int"])("count what one thread counts: %s", (words) => {
    const run = inOneAndThree([...words.split(" "), scratch]);
    expect([run?.status, run?.stderr]).toEqual([0, ""]);
  });

  test("keep an error with its file, and the order of the files", () => {
    const damaged = path("damaged.o");
    const undeclared = path("undeclared.o");
    copyFileSync(path("b.o"), damaged);
    execFileSync("truncate", ["-s", "100", damaged]);
    copyFileSync(path("a.o"), undeclared);
    writeFileSync(path("abbrev"), Uint8Array.of(0));
    execFileSync("objcopy", [`--update-section=.debug_abbrev=${path("abbrev")}`, undeclared]);
    const files = [damaged, path("b.o"), path("nothing"), undeclared, path("a.o")];
    const run = inOneAndThree(["info", "--json", ...files]);
    expect(run?.status).toBe(1);
    const named = run?.stderr.trim().split("\n");
    expect(named?.map((line) => files.findIndex((file) => line.startsWith(`bindery: ${file}: `)))).toEqual([
      0, 2, 3,
    ]);
    const dies = readelfEntries(path("a.o")).length + readelfEntries(path("b.o")).length;
    expect(JSON.parse(run?.stdout ?? "")).toMatchObject({ dies });
    rmSync(damaged);
    rmSync(undeclared);
  });

  test("end with the process, whatever they are at, and say how far they are before", async () => {
    const files = Array.from({ length: 20_000 }, () => "b.o");
    const args = [MAIN, "dwarf", "info", "--stats", "--jobs", "2", "--progress", ...files];
    const child = spawn(process.execPath, args, { cwd: scratch, stdio: ["ignore", "pipe", "pipe"] });
    let progress = "";
    child.stderr.on("data", (text) => {
      progress += text;
      child.kill("SIGINT");
    });
    const [status, signal] = await once(child, "exit");
    expect([status, signal]).toEqual([null, "SIGINT"]);
    expect(progress).toMatch(/^\r\[#*\.*\] \d+% {2}\d+ of 20000 files/);
  });
});

test("--jobs takes a number, and 0 for that of the processors", () => {
  const args = ["dwarf", "info", "--stats", path("a.o"), path("b.o")];
  expect(bindery([...args, "--jobs", "0"])).toEqual(bindery(args));
  const { status, stderr } = bindery([...args, "--jobs", "all"]);
  expect(status).toBe(2);
  expect(stderr).toContain("option '--jobs <n>' argument 'all' is invalid");
});
