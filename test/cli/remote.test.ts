/** `bindery trace` and `bindery maps` of a process behind a stub, against the same without one. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RtldWorkshop } from "../rtld/workshop.ts";
import { bindery } from "./run.ts";

const PROGRAM = `
#include <dlfcn.h>
int main(void) {
  dlclose(dlopen("libm.so.6", RTLD_NOW));
  return 5;
}
`;

/** Children by fork(2) and vfork(2). */
const PARENT = `
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
  int status;
  if (fork() == 0) execl(PROGRAM, PROGRAM, (char *)0);
  wait(&status);
  return WEXITSTATUS(status) + WEXITSTATUS(system("exec " PROGRAM));
}
`;

const workshop = new RtldWorkshop();
let program = "";
beforeAll(() => {
  program = workshop.compile("program", PROGRAM);
});
afterAll(() => workshop.remove());

const stub = (file: string) => `| gdbserver --once - ${file} 2>/dev/null`;

interface Line {
  readonly event: string;
  readonly state: string;
  readonly by?: string;
  readonly added: readonly { readonly name: string }[];
}

const events = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((one) => JSON.parse(one) as Line)
    .map(({ event, state, by = "", added }) =>
      [event, state, basename(by), ...added.map(({ name }) => basename(name))].join(" "),
    );

/** Events of each process. */
function histories(text: string): string[][] {
  const lines = text.trim().split("\n");
  const pids = lines.map((one) => (JSON.parse(one) as { pid: number }).pid);
  return [...new Set(pids)].map((pid) => events(lines.filter((_, i) => pids[i] === pid).join("\n")));
}

describe("of a process behind a stub", () => {
  it("trace tells what it tells of the same program here", () => {
    const here = bindery(["trace", "--json", "--", program]);
    const remote = bindery(["trace", "--json", "--remote", stub(program)]);
    expect({ status: remote.status, stderr: remote.stderr }).toEqual({ status: 0, stderr: "" });
    expect(events(here.stdout)).toContain("RD_DLACTIVITY RD_CONSISTENT program libm.so.6");
    expect(events(remote.stdout)).toEqual(events(here.stdout));
    const multi = "| gdbserver --multi - 2>/dev/null";
    const started = bindery(["trace", "--json", "--remote", multi, "--", program]);
    expect({ status: started.status, stderr: started.stderr }).toEqual({ status: 5, stderr: "" });
    expect(events(started.stdout)).toEqual(events(here.stdout));
    const text = bindery(["trace", "--remote", stub(program)]).stdout;
    expect(text).toContain("RD_POSTINIT");
  });

  it("maps says that there is nothing yet, and what is wrong with a stub", () => {
    const early = bindery(["maps", "--remote", stub(program)]);
    expect({ status: early.status, stdout: early.stdout }).toEqual({ status: 1, stdout: "" });
    expect(early.stderr).toContain("no link map yet");
    const none = bindery(["maps", "--remote", "unix:/nowhere/stub"]);
    expect(none.status).toBe(1);
    expect(none.stderr).toMatch(/unix:\/nowhere\/stub: .*ENOENT/);
    expect(bindery(["trace", "--remote", "nowhere"]).stderr).toContain("expected HOST:PORT");
  });

  it("maps shows what a running one has loaded, and lets go of it", async () => {
    const sleeper = workshop.compile(
      "sleeper",
      '#include <unistd.h>\nint main(void) { write(1, "x\\n", 2); pause(); }',
    );
    const { pid } = await workshop.start(sleeper);
    const attached = bindery([
      "maps",
      "--json",
      "--remote",
      `| gdbserver --once --attach - ${pid} 2>/dev/null`,
    ]);
    expect({ status: attached.status, stderr: attached.stderr }).toEqual({ status: 0, stderr: "" });
    expect(attached.stdout).toBe(bindery(["maps", "--json", "-p", String(pid)]).stdout);
    // Let go of, it waits again.
    await expect
      .poll(() => workshop.run("cat", `/proc/${pid}/status`), { timeout: 40_000 })
      .toMatch(/^State:\tS.*\nTgid[\s\S]*TracerPid:\t0$/m);
  });

  it("trace -f follows children and what they execute, as here", () => {
    const parent = workshop.compile("parent", PARENT, `-DPROGRAM="${program}"`);
    const here = bindery(["trace", "-f", "--json", "--", parent]);
    const remote = bindery(["trace", "-f", "--json", "--remote", stub(parent)]);
    expect({ status: remote.status, stderr: remote.stderr }).toEqual({ status: 0, stderr: "" });
    expect(histories(remote.stdout)).toEqual(histories(here.stdout));
    expect(histories(here.stdout)).toHaveLength(3);
  });

  it("what can't be done is refused", async () => {
    const { status, stderr } = bindery(["trace", "--wait", "libm.so.6", "--remote", "localhost:1"]);
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining("expected no --wait") });
    // qemu tells of no children.
    const place = workshop.path("qemu");
    const qemu = spawn("qemu-x86_64", ["-g", place, program], { stdio: "ignore" });
    while (!existsSync(place)) await sleep(5);
    const followed = bindery(["trace", "-f", "--remote", place]);
    qemu.kill("SIGKILL");
    expect({ status: followed.status, stderr: followed.stderr }).toEqual({
      status: 1,
      stderr: `bindery: ${place}: found no events of children, expected a stub that tells of them\n`,
    });
  });
});
