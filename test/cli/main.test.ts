import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { bindery, MAIN } from "./run.ts";

describe("help", () => {
  test("lists the commands, examples and exit statuses on standard output", () => {
    const { status, stdout, stderr } = bindery(["--help"]);
    expect(status).toBe(0);
    expect(stderr).toBe("");
    for (const part of ["Usage: bindery", "elf ", "live ", "tour ", "Examples:", "Exit status:"]) {
      expect(stdout).toContain(part);
    }
  });

  test.each(["elf", "live", "tour"])("%s has a page of its own, by --help and by help", (command) => {
    const page = bindery([command, "--help"]);
    expect(page.status).toBe(0);
    expect(page.stdout).toContain(`Usage: bindery ${command}`);
    expect(bindery(["help", command]).stdout).toBe(page.stdout);
  });

  test("the version is the package's", () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect(bindery(["--version"])).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
  });
});

describe("a command line that makes no sense ends with status 2 and a hint", () => {
  test.each([
    [["elff"], "unknown command 'elff'", "Did you mean elf?"],
    [["elf"], "missing required argument 'file'", "--help"],
    [["elf", "--symbls", "a.o"], "unknown option '--symbls'", "Did you mean --symbols?"],
    [["live", "--perf", "nonsense"], "nonsense", "Allowed choices are map, jitdump"],
  ])("%j", (args, problem, hint) => {
    const { status, stdout, stderr } = bindery(args);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^bindery: /);
    expect(stderr).toContain(problem);
    expect(stderr).toContain(hint);
  });

  test("no command at all prints the help on standard error", () => {
    const { status, stdout, stderr } = bindery([]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("Usage: bindery");
  });
});

test("an error is one line; where it came from is shown only on request", () => {
  const args = ["live", "--directory", "/nonexistent"];
  const plain = bindery(args);
  expect(plain.status).toBe(1);
  expect(plain.stderr).toMatch(/^bindery: live: .*\/nonexistent.*\n$/s);
  expect(plain.stderr).not.toContain("    at ");
  expect(bindery(args, "", { BINDERY_DEBUG: "1" }).stderr).toContain("    at ");
});

test("a reader that goes away is no error", () => {
  const script = `set -o pipefail; "${process.execPath}" "${MAIN}" elf -s /lib/x86_64-linux-gnu/libc.so.6 | head -n 1 >/dev/null`;
  const { status, stderr } = spawnSync("bash", ["-c", script], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test("elf does not load the FFI library, live does", () => {
  // The process's own report lists the shared objects it has loaded.
  const hook = `data:text/javascript,process.on("exit", () => process._rawDebug(
    process.report.getReport().sharedObjects.filter((path) => path.includes("koffi")).length))`;
  const loaded = (args: readonly string[]): string =>
    spawnSync(process.execPath, ["--import", hook, MAIN, ...args], { encoding: "utf8", input: "quit\n" })
      .stderr;
  expect(loaded(["elf", "-a", "/bin/true"])).toBe("0\n");
  expect(loaded(["live"])).toBe("1\n");
});
