/** What commands say when something is refused: one line, the file or process first, and exit statuses. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { atTerminal, bindery, MAIN } from "./run.ts";

const scratch = mkdtempSync(join(tmpdir(), "bindery-messages-"));
const object = join(scratch, "a.o");

beforeAll(() => {
  const source = "int add(int a, int b) { return a + b; }";
  const gcc = spawnSync("gcc", ["-g", "-c", "-o", object, "-xc", "-"], { input: source, encoding: "utf8" });
  expect(gcc.stderr).toBe("");
});

afterAll(() => rmSync(scratch, { recursive: true }));

describe("output that can't be written is told with its name", () => {
  const full = "no space left on device\n";

  test.each([
    ["mkmod", "-o", "/dev/full", object],
    ["dts", "-o", "/dev/full", object],
    ["exporttab", "-o", "/dev/full", object],
    ["maps", "-p", String(process.pid), "--svg", "/dev/full"],
  ])("%s %s %s", (...args) => {
    expect(bindery(args)).toEqual({ status: 1, stdout: "", stderr: `bindery: /dev/full: ${full}` });
  });

  test.each([
    ["into a directory", ["trace", "-o", scratch, "--", "true"], "illegal operation on a directory"],
    ["beside a file", ["dts", "-o", `${object}/b`, object], "not a directory"],
  ])("%s", (_, args, why) => {
    const { status, stderr } = bindery(args);
    expect({ status, stderr }).toEqual({ status: 1, stderr: `bindery: ${args[2]}: ${why}\n` });
  });

  test.each(["--help", "--version", "sig --help", `sig ${object}`, "trace true"])(
    "%s > /dev/full",
    (args) => {
      const script = `"${process.execPath}" "${MAIN}" ${args} > /dev/full`;
      const { status, stderr } = spawnSync("sh", ["-c", script], { encoding: "utf8" });
      expect({ status, stderr }).toEqual({ status: 1, stderr: `bindery: standard output: ${full}` });
    },
  );
});

describe("files that options name", () => {
  test.each([
    ["rdb", "-f", scratch, "true"],
    ["mkmod", "-u", scratch, "-o", "/dev/null", object],
    ["exporttab", "-x", scratch, object],
  ])("%s %s", (...args) => {
    const { status, stderr } = bindery(args);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `bindery: ${scratch}: illegal operation on a directory\n`,
    });
  });

  test("a core file that is missing, or none", () => {
    const missing = join(scratch, "core");
    expect(bindery(["maps", "--core", missing]).stderr).toBe(
      `bindery: ${missing}: no such file or directory\n`,
    );
    const directory = bindery(["maps", "--core", scratch]).stderr;
    expect(directory).toBe(`bindery: ${scratch}: found no regular file, expected one\n`);
  });

  test("a program that is missing, or none", () => {
    const missing = join(scratch, "prog");
    const refused = bindery(["maps", "--core", "core", "--exe", missing]);
    expect(refused).toEqual({
      status: 1,
      stdout: "",
      stderr: `bindery: ${missing}: no such file or directory\n`,
    });
    const text = bindery(["maps", "--core", "core", "--exe", "/etc/passwd"]).stderr;
    expect(text).toMatch(/^bindery: \/etc\/passwd: .*not an ELF file/);
  });
});

describe("processes that can't be looked at", () => {
  const COMMANDS = ["maps", "trace", "rdb"];

  test.each(COMMANDS)("%s: there is none", (command) => {
    const gone = String(spawnSync("true").pid);
    const { status, stdout, stderr } = bindery([command, "-p", gone]);
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: "",
      stderr: `bindery: process ${gone}: no such process\n`,
    });
  });

  test("one that has ended and was not asked how", async () => {
    // exec makes a parent that does not know that it has a child.
    const parent = spawn("sh", ["-c", "sleep 0.2 & echo $!; exec sleep 60"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [printed] = await once(parent.stdout, "data");
    const child = String(printed).trim();
    try {
      while (!/^State:\s*Z/m.test(readFileSync(`/proc/${child}/status`, "utf8"))) await setTimeout(10);
      for (const args of [...COMMANDS.map((one) => [one, "-p"]), ["addr2line", "1000", "--pid"]]) {
        const { status, stdout, stderr } = bindery([...args, child]);
        expect({ status, stdout, stderr }).toEqual({
          status: 1,
          stdout: "",
          stderr: `bindery: process ${child}: has ended, and its parent has not asked how (a zombie)\n`,
        });
      }
    } finally {
      parent.kill();
    }
  });
});

test("maps: a core file of another program than --exe is told with both build ids", () => {
  const compile = (name: string, code: number) => {
    const program = join(scratch, name);
    const source = `#include <unistd.h>\nint main(void) { write(1, "x", 1); pause(); return ${code}; }`;
    spawnSync("gcc", ["-Wl,--build-id", "-o", program, "-xc", "-"], { input: source });
    const { stdout } = spawnSync("readelf", ["-n", program], { encoding: "utf8" });
    return { program, id: /Build ID: (\w+)/.exec(stdout)?.[1] ?? "" };
  };
  const [own, other] = [compile("own", 1), compile("other", 2)];
  const script =
    '"$1" > "$2.out" & until [ -s "$2.out" ]; do sleep 0.05; done; rm "$2.out"; gcore -o "$2" $! > /dev/null 2>&1; kill $!; mv "$2".* "$2"';
  const core = join(scratch, "core");
  spawnSync("sh", ["-c", script, "sh", own.program, core]);
  const said = bindery(["maps", "--core", core, "--exe", own.program]);
  expect(said).toMatchObject({ status: 0, stderr: "" });
  expect(said.stdout).toContain(own.program);
  expect(other.id).not.toBe(own.id);
  expect(bindery(["maps", "--core", core, "--exe", other.program])).toEqual({
    status: 1,
    stdout: "",
    stderr: `bindery: ${other.program}: build id: found ${other.id}, expected ${own.id} as in ${core}\n`,
  });
  // Without symbols it is the same program.
  spawnSync("strip", ["-o", other.program, own.program]);
  expect(bindery(["maps", "--core", core, "--exe", other.program])).toEqual(said);
});

describe("a name that would do things to a terminal is told in one line, as C writes it", () => {
  const name = "a\nb\x1b[31m\t\u202ec";
  const text = "a\\nb\\x1b[31m\\t\\u202ec";

  test.each([
    ["elf", name],
    ["dwarf", "info", name],
    ["addr2line", "-e", name, "1000"],
    ["modinfo", name],
    ["sig", name],
    ["dts", name],
    ["mkmod", "-o", "/dev/null", name],
    ["load", name],
    ["exporttab", name],
    ["maps", "--core", name],
    ["maps", "-p", String(process.pid), "--svg", `/nowhere/${name}`],
    ["trace", name],
    ["rdb", name],
    ["rdb", "-f", name, "true"],
    ["trace", "--remote", name],
    [name],
    ["elf", `--${name}`, object],
  ])("%j", (...args) => {
    const { status, stderr } = bindery(args);
    expect(status).toBeGreaterThan(0);
    const [first = "", ...others] = stderr.split("\n");
    expect(first).toContain(text);
    expect(first).toMatch(/^bindery: \P{Cc}+$/u);
    for (const one of others) expect(one).toMatch(/^$|^Try /);
    // What a shell makes of it is the name again, in the encoding that it writes.
    const env = { ...process.env, LC_ALL: "C.UTF-8" };
    const again = spawnSync("bash", ["-c", 'printf %b "$1"', "bash", text], { encoding: "utf8", env });
    expect(again.stdout).toBe(name);
  });

  test("and hints are in lines of their own", () => {
    const { stderr } = bindery(["elf", "--heade", object]);
    expect(stderr.split("\n").slice(0, 2)).toEqual([
      "bindery: unknown option '--heade'",
      expect.stringMatching(/^\(Did you mean .*--\w+/),
    ]);
  });
});

test.each(["trace", "rdb"])("%s does not stop itself", (command) => {
  const script = `exec "${process.execPath}" "${MAIN}" ${command} -p $$`;
  const { status, stderr } = spawnSync("sh", ["-c", script], {
    encoding: "utf8",
    killSignal: "SIGKILL",
    timeout: 20_000,
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^bindery: process \d+: found this process, expected another one\n$/);
});

test.each(["trace", "rdb"])(
  "%s names who controls a process already, and what is no process",
  async (command) => {
    const run = ["-q", "-nx", "-batch", "-ex", "run"];
    const gdb = spawn("gdb", [...run, "--args", "/bin/sh", "-c", "echo begins $$; exec sleep 600"]);
    try {
      let text = "";
      while (!/begins \d+/.test(text)) text += String(await once(gdb.stdout, "data"));
      const pid = /begins (\d+)/.exec(text)?.[1] ?? "";
      const traced = bindery([command, "-p", pid]);
      expect({ status: traced.status, stderr: traced.stderr }).toEqual({
        status: 1,
        stderr: `bindery: process ${pid}: found it under control of process ${gdb.pid} (gdb), expected it free\n`,
      });
      const [, thread = ""] = readdirSync(`/proc/${process.pid}/task`);
      const { status, stderr } = bindery([command, "-p", thread]);
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: `bindery: process ${thread}: found a thread of process ${process.pid}, expected a process\n`,
      });
    } finally {
      gdb.kill();
    }
  },
);

test("mkmod does not write over what it reads", () => {
  const path = join(scratch, "same.o");
  writeFileSync(path, "something");
  const { status, stderr } = bindery(["mkmod", "-o", path, path]);
  expect(status).toBe(2);
  expect(stderr).toContain("found it among the files to merge, expected another one to write");
  expect(readFileSync(path, "utf8")).toBe("something");
});

test("of several ways to show link maps one is expected", () => {
  const { status, stderr } = bindery(["maps", "-p", "1", "--tree", "--json"]);
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: "bindery: expected one of --tree, --svg and --json\nTry 'bindery maps --help'.\n",
  });
});

test("trace says that what it waited for did not come", () => {
  const { status, stderr } = bindery(["trace", "--wait", "libnone.so", "--", "true"]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^bindery: process \d+: ended before libnone\.so was loaded\n$/);
});

test("rdb that waits for commands of a pipe ends when it is asked to, and its program with it", async () => {
  const rdb = spawn(process.execPath, [MAIN, "rdb", "sleep", "600"], { stdio: ["pipe", "pipe", "inherit"] });
  await once(rdb.stdout, "data");
  // Standard output is closed by whoever has it: the program, too.
  const closed = once(rdb, "close");
  rdb.kill("SIGTERM");
  expect(await closed).toEqual([null, "SIGTERM"]);
});

test("what a program reads behind the commands of a pipe may come later", async () => {
  const rdb = spawn("sh", [
    "-c",
    `(echo cont; sleep 1; echo later) | "${process.execPath}" "${MAIN}" rdb cat`,
  ]);
  const printed: string[] = [];
  rdb.stdout.on("data", (text) => printed.push(String(text)));
  rdb.stderr.on("data", (text) => printed.push(String(text)));
  await once(rdb, "close");
  expect(printed.join("")).toMatch(/\nlater\n.*exit code 0\n$/);
});

test("a terminal of a user without a home has no history, and that is all", async () => {
  const env = { ...process.env, XDG_STATE_HOME: undefined, HOME: "" };
  const terminal = atTerminal("rdb /bin/true", { cwd: scratch, env });
  let printed = "";
  let isAsked = false;
  terminal.stdout.on("data", (text) => {
    printed += String(text);
    if (isAsked || !printed.includes("<rdb> ")) return;
    isAsked = true;
    terminal.stdin.write("quit\r");
  });
  await once(terminal, "close");
  expect(printed).toMatch(/process \d+ goes on without rdb/);
  expect(printed).not.toMatch(/bindery: /);
  expect(existsSync(join(scratch, ".local"))).toBe(false);
});
