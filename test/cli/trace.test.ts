/** `bindery trace` and `bindery maps`, run as users run them, against what LD_DEBUG and /proc say. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BUSY, PLUGIN } from "../rtld/programs.ts";
import { RtldWorkshop } from "../rtld/workshop.ts";
import { bindery, MAIN } from "./run.ts";

const PROGRAM = `
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv) {
  printf("opens %s\\n", argv[1]); fflush(stdout);
  void *h = dlopen(argv[1], RTLD_NOW);
  dlclose(h);
  return 5;
}
`;

interface Line {
  readonly t: number;
  readonly pid: number;
  readonly event: string;
  readonly state: string;
  readonly added: readonly { readonly name: string; readonly base: string; readonly lmid: number }[];
  readonly removed: readonly { readonly name: string }[];
  readonly code?: number;
}

/** How long something may take to come on a busy machine. */
const PATIENCE = { timeout: 40_000 };

const workshop = new RtldWorkshop();
const files = { program: "", plugin: "", static: "", busy: "" };
beforeAll(() => {
  files.program = workshop.compile("program", PROGRAM);
  files.plugin = workshop.compile("plugin.so", PLUGIN, "-shared", "-fPIC");
  files.static = workshop.compile("static", "int main(void) { return 6; }", "-static");
  files.busy = workshop.compile("busy", BUSY, "-pthread");
});
afterAll(() => workshop.remove());

function jsonLines(text: string): Line[] {
  return text
    .split("\n")
    .filter((one) => one.startsWith("{"))
    .map((one) => JSON.parse(one) as Line);
}

describe("bindery trace", () => {
  it("tells what a program loads, in the order in which its run-time linker says it does", () => {
    const { status, stdout, stderr } = bindery(["trace", "--json", "--", files.program, files.plugin]);
    expect({ status, stderr }).toEqual({ status: 5, stderr: "" });
    expect(stdout).toContain(`opens ${files.plugin}\n`);
    const lines = jsonLines(stdout);
    expect(lines.map((one) => `${one.event} ${one.state}`)).toEqual([
      "exec RD_NOSTATE",
      "RD_DLACTIVITY RD_ADD",
      "RD_PREINIT RD_NOSTATE",
      "RD_POSTINIT RD_NOSTATE",
      "RD_DLACTIVITY RD_ADD",
      "RD_DLACTIVITY RD_CONSISTENT",
      "RD_DLACTIVITY RD_DELETE",
      "RD_DLACTIVITY RD_CONSISTENT",
      "exit RD_NOSTATE",
    ]);
    expect(lines.every((one, i) => one.t >= (lines[i - 1]?.t ?? 0))).toBe(true);
    expect(lines.at(-1)?.code).toBe(5);
    expect(lines.at(-2)?.removed.map((one) => one.name)).toEqual([files.plugin]);
    const debug = execFileSync(
      "sh",
      ["-c", 'LD_DEBUG=files "$@" 2>&1; true', "sh", files.program, files.plugin],
      {
        encoding: "utf8",
      },
    );
    const opened = [...debug.matchAll(/file=(\S+) \[0\];\s+generating link map/g)].map(([, name = ""]) =>
      basename(name),
    );
    const told = lines.flatMap((one) => one.added.map(({ name }) => basename(name)));
    const own = new Set(["program", "linux-vdso.so.1", "ld-linux-x86-64.so.2"]);
    expect(told.filter((one) => !own.has(one))).toEqual(opened);
  });

  it("has a summary for people, and a file for it", () => {
    const log = workshop.path("log");
    const { status, stdout } = bindery(["trace", "-o", log, "--", files.program, files.plugin]);
    expect({ status, stdout }).toEqual({ status: 5, stdout: `opens ${files.plugin}\n` });
    const text = readFileSync(log, "utf8");
    expect(text).toMatch(/RD_PREINIT after [\d.]+ ms\n +\+ 0x\w+-0x\w+ .*\/program\n/);
    expect(text).toMatch(/^load and relocate +[\d.]+ ms$/m);
    expect(text).toMatch(new RegExp(`RD_DLACTIVITY RD_ADD by ${files.program}\n`));
    expect(text).toMatch(
      new RegExp(`^ +[\\d.]+ ms +\\d+ relocations {2}${files.plugin} by ${files.program}$`, "m"),
    );
    // The program, the kernel's library, libc, the run-time linker, the plugin.
    expect(text).toMatch(/^5 objects, \d+ relocations$/m);
  });

  it("says that a program is linked statically, and runs it", () => {
    const { status, stdout } = bindery(["trace", "--", files.static]);
    expect(status).toBe(6);
    expect(stdout).toMatch(/error .*linked statically/);
  });

  it("refuses what can't be run or followed", () => {
    expect(bindery(["trace", "--", "/nowhere"])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/ENOENT/),
    });
    expect(bindery(["trace"]).status).toBe(2);
    expect(bindery(["trace", "-p", "4194303"]).status).toBe(1);
  });

  it("follows a running program until it is interrupted, and leaves it as it was", async () => {
    const { pid, ended } = await workshop.start(files.busy, files.plugin);
    const child = spawn(process.execPath, [MAIN, "trace", "--json", "-p", String(pid)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines: Line[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      if (line !== "") lines.push(JSON.parse(line) as Line);
      if (lines.length === 50) child.kill("SIGINT");
    }
    if (child.exitCode === null) await once(child, "exit");
    expect(child.exitCode).toBe(0);
    expect(lines[0]?.event).toBe("attach");
    expect(lines.some((one) => one.added.some(({ name }) => name === files.plugin))).toBe(true);
    process.kill(pid, "SIGTERM");
    expect(await ended).toEqual({ output: "begins\nright\n", code: 7 });
  });

  it("follows the children of a running program, each to its end", async () => {
    const script = "echo runs; read -r line < $0; for i in 1 2 3; do /bin/true; done; exit 9";
    const gate = workshop.path("gate");
    execFileSync("mkfifo", [gate]);
    const { pid, ended } = await workshop.start("sh", "-c", script, gate);
    const child = spawn(process.execPath, [MAIN, "trace", "-f", "--json", "-p", String(pid)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    for await (const line of createInterface({ input: child.stdout })) {
      text += `${line}\n`;
      // It is controlled now; the shell may go on.
      if (text.split("\n").length === 2) writeFileSync(gate, "on\n");
    }
    expect(await ended).toEqual({ output: "runs\n", code: 9 });
    const lines = jsonLines(text);
    const children = new Set(lines.map((one) => one.pid).filter((one) => one !== pid));
    expect(children.size).toBe(3);
    for (const one of children) {
      const told = lines.filter((line) => line.pid === one).map(({ event }) => event);
      expect(told).toEqual(["exec", "RD_DLACTIVITY", "RD_PREINIT", "RD_POSTINIT", "exit"]);
    }
  });

  it("follows what a program starts, and ends as that does", () => {
    const script = "/bin/true; (exec /bin/echo child); exit 4";
    const { status, stdout } = bindery(["trace", "-f", "--json", "--", "sh", "-c", script]);
    expect(status).toBe(4);
    expect(stdout).toContain("child\n");
    const lines = jsonLines(stdout);
    const [first] = lines;
    const children = [...new Set(lines.map((one) => one.pid))].filter((one) => one !== first?.pid);
    expect(children.length).toBe(2);
    for (const pid of children) {
      const own = lines.filter((one) => one.pid === pid);
      expect(
        own.some(
          (one) =>
            one.event === "RD_PREINIT" && one.added.some(({ name }) => /^\/bin\/(true|echo)$/.test(name)),
        ),
      ).toBe(true);
      expect(own.at(-1)).toMatchObject({ event: "exit", code: 0 });
    }
  });

  it("tells of bindings as they are made", () => {
    const { status, stdout } = bindery([
      "trace",
      "--json",
      "--symbols",
      "^dl(open|close)$",
      "--",
      files.program,
      files.plugin,
    ]);
    expect(status).toBe(5);
    const bound = stdout
      .split("\n")
      .filter((one) => one.includes('"event":"bind"'))
      .map((one) => JSON.parse(one));
    expect(bound.map(({ symbol, from, lazy }) => [symbol, from, typeof lazy])).toEqual([
      ["dlopen", files.program, "boolean"],
      ["dlclose", files.program, "boolean"],
    ]);
    expect(bindery(["trace", "--symbols", "(", "--", files.program]).status).toBe(2);
  });

  it("stops a process where it has loaded a library, for others to attach to, and waits for it", async () => {
    const log = workshop.path("wait.log");
    const args = ["trace", "--json", "-o", log, "--wait", "plugin.so", "--", files.program, files.plugin];
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: "ignore" });
    const told = () => (existsSync(log) ? jsonLines(readFileSync(log, "utf8")) : []);
    await expect.poll(() => told().at(-1)?.event, PATIENCE).toBe("stopped");
    expect(told().at(-2)).toMatchObject({ event: "RD_DLACTIVITY", added: [{ name: files.plugin }] });
    const pid = told()[0]?.pid ?? 0;
    const frames = execFileSync("gdb", ["-nx", "-batch", "-p", String(pid), "-ex", "bt"], {
      encoding: "utf8",
      stdio: "pipe",
    });
    expect(frames).toMatch(/ main \(/);
    // Let go of by gdb, it stops again by itself.
    const state = () => /^State:\t(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    await expect.poll(state, PATIENCE).toBe("T (stopped)");
    expect(child.exitCode).toBeNull();
    process.kill(pid, "SIGCONT");
    await once(child, "exit");
    expect(child.exitCode).toBe(5);
    expect(bindery(["trace", "--wait", "other.so", "--", files.program, files.plugin]).status).toBe(1);
  });
});

describe("bindery maps", () => {
  it("shows what a process has loaded, where the kernel has it", async () => {
    const source =
      '#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("runs"); fflush(stdout); pause(); }';
    const { pid } = await workshop.start(workshop.compile("waits", source));
    const maps = readFileSync(`/proc/${pid}/maps`, "utf8");
    const { status, stdout } = bindery(["maps", "--json", "-p", String(pid)]);
    expect(status).toBe(0);
    const objects = JSON.parse(stdout) as { name: string; base: string }[];
    expect(objects.length).toBeGreaterThan(3);
    for (const { base } of objects) expect(maps).toContain(`${base.slice(2)}-`);
    const table = bindery(["maps", "-p", String(pid)])
      .stdout.trimEnd()
      .split("\n");
    expect(table.length).toBe(objects.length + 1);
    const tree = bindery(["maps", "--tree", "-p", String(pid)]).stdout;
    expect(tree).toMatch(/^\S*waits at 0x\w+\n {2}\S*libc\.so\.6 at 0x\w+\n {4}\S*ld-linux/m);
    execFileSync("gcore", ["-o", workshop.path("core"), String(pid)], { stdio: "pipe" });
    const core = bindery(["maps", "--json", "--core", workshop.path(`core.${pid}`)]);
    expect(JSON.parse(core.stdout)).toEqual(objects);
  });

  it("has names in one line each, whatever is in them, as trace and rdb do", async () => {
    const name = "two\n\x1b[31mlines.so";
    renameSync(workshop.compile("plain.so", "int plain;", "-shared", "-fPIC"), workshop.path(name));
    const source =
      "#include <dlfcn.h>\n#include <stdio.h>\n#include <unistd.h>\n" +
      'int main(int c, char **v) { if (dlopen(v[1], RTLD_NOW)) puts("runs"); fflush(stdout); return c < 3 || pause(); }';
    const program = workshop.compile("opens", source);
    const { pid } = await workshop.start(program, workshop.path(name), "waits");
    const said = workshop.path("two\\n\\x1b[31mlines.so");
    const outputs = [
      bindery(["maps", "-p", String(pid)]).stdout,
      bindery(["maps", "--tree", "-p", String(pid)]).stdout,
      bindery(["trace", "--", program, workshop.path(name)]).stdout,
      bindery(["rdb", "-p", String(pid)], "linkmaps\n").stdout,
      bindery(["rdb", "-p", String(pid)], "maps\n").stdout,
    ];
    for (const output of outputs) {
      expect(output).toContain(said);
      expect(output).not.toContain("\x1b");
    }
  });

  it("refuses what has none", () => {
    expect(bindery(["maps"]).status).toBe(2);
    expect(bindery(["maps", "-p", "4194303"]).status).toBe(1);
  });
});
