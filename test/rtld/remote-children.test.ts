/** Children of processes behind a stub: followed, against what ptrace(2) gives of the same; and let run free. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ControlledProcess, followLinker, RemoteTarget } from "../../src/rtld/index.ts";
import { PLUGIN } from "./programs.ts";
import { makeLibraries, makeProgram, SHOW_CODE } from "./shows/programs.ts";
import { witness } from "./shows/witness.ts";
import { endStubs, gdbserver, summary, withoutCrashes } from "./stubs.ts";
import { RtldWorkshop } from "./workshop.ts";

/** Children by fork(2) and, as system(3) makes them, by vfork(2); a child of a child; all of them load something. */
const PROGRAM = `
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static int waited(void) { int status; wait(&status); return WIFEXITED(status) ? WEXITSTATUS(status) : 90; }
static void load(void) { dlclose(dlopen(PLUGIN, RTLD_NOW)); }
int main(int argc, char **argv) {
  load();
  if (argc > 1) return 7;
  if (fork() == 0) {
    load();
    if (fork() == 0) {
      execl(argv[0], argv[0], "again", (char *)0);
      _exit(80);
    }
    _exit(waited() + 1);
  }
  int sum = waited();
  load();
  int other = system("exit 3");
  load();
  return sum + WEXITSTATUS(other);
}
`;
/** Makes a child that runs on while this one waits. */
const PAIR = `
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
  int child = fork();
  for (int i = 0; child == 0 && i < 400; i++) usleep(1000);
  if (child == 0) _exit(6);
  printf("%d\\n", child); fflush(stdout);
  int status;
  waitpid(child, &status, 0);
  printf("%d\\n", WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status));
  fflush(stdout);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}
`;

const workshop = new RtldWorkshop();
const files = { program: "", pair: "" };
beforeAll(() => {
  const plugin = workshop.compile("plugin.so", PLUGIN, "-shared", "-fPIC");
  files.program = workshop.compile("program", PROGRAM, `-DPLUGIN="${plugin}"`);
  files.pair = workshop.compile("pair", PAIR);
});
afterEach(endStubs);
afterAll(() => workshop.remove());

/** Events of each process, in the order in which they appeared. */
async function histories(target: ControlledProcess): Promise<string[][]> {
  const events = new Map<number, string[]>();
  await followLinker(target, (event) => {
    events.set(event.pid, [...(events.get(event.pid) ?? []), summary(event)]);
  });
  return [...events.values()];
}

describe("children of a process behind gdbserver", () => {
  it("are followed as under ptrace, also those of children, and what they execute", async () => {
    const here = await histories(workshop.spawn(files.program, [], { followChildren: true }));
    expect(here.map((one) => one.at(-1))).toEqual([11, 8, 7, 3].map((code) => `exit code ${code}`));
    await withoutCrashes(async () => {
      const address = await gdbserver(files.program);
      const target = workshop.keep(await RemoteTarget.connect(address, { followChildren: true }));
      expect(await histories(target)).toEqual(here);
    });
  });

  it("see nothing of it when their parent is interrupted, and neither does that", async () => {
    await withoutCrashes(async () => {
      const out = workshop.output();
      const address = await gdbserver("sh", "-c", `exec "$0" > "$1"`, files.pair, out.path);
      const target = workshop.keep(await RemoteTarget.connect(address, { followChildren: true }));
      const ends: unknown[] = [];
      let isOver = false;
      const followed = followLinker(target, ({ event, code, signal }) => {
        if (event === "exit") ends.push(code ?? signal);
      }).finally(() => {
        isOver = true;
      });
      for (let count = 0; !isOver; count++) {
        // Each asks the stub, for which all are stopped.
        if (out.read() !== "" && count < 20) expect(target.threads).toEqual([target.pid]);
        await sleep(10);
      }
      await followed;
      expect(ends).toEqual([6, 6]);
    });
  });

  it.each(["both", "the child"])(
    "run on, and so does their parent, when who is let go of is %s",
    async (who) => {
      await withoutCrashes(async () => {
        const out = workshop.output();
        const address = await gdbserver("sh", "-c", `exec "$0" > "$1"`, files.pair, out.path);
        const target = workshop.keep(await RemoteTarget.connect(address, { followChildren: true }));
        target.continue();
        let pid = 0;
        for (let isOver = false; !isOver; ) {
          const event = await target.next();
          isOver = event.kind === "exit" || event.kind === "detach";
          if (event.kind === "exec") target.continue();
          if (event.kind === "exit") expect(event.code).toBe(6);
          if (event.kind !== "fork") continue;
          const { child } = event;
          pid = child.pid;
          child.continue();
          // Both run by then, and both are stopped for this.
          while (out.read() === "") await sleep(5);
          child.detach();
          if (who === "both") target.detach();
        }
        // Who was killed says so before its parent, which waits for it, can end.
        const all = [pid, target.pid];
        while (all.some((one) => existsSync(`/proc/${one}`))) await sleep(10);
        expect(out.read()).toBe(`${pid}\n6\n`);
      });
    },
  );

  it("and all that they do, go as they must, in the program that does all with libraries", async () => {
    const link = makeLibraries((...args) => workshop.compile(...args), workshop.directory);
    const program = makeProgram((...args) => workshop.compile(...args), "show", link);
    const here = await show(program, async (file) =>
      workshop.spawn("/bin/sh", ["-c", `exec "$0" > "$1"`, program, file], { followChildren: true }),
    );
    await withoutCrashes(async () => {
      const there = await show(program, async (file) => {
        const address = await gdbserver("sh", "-c", `exec "$0" > "$1"`, program, file);
        return workshop.keep(await RemoteTarget.connect(address, { followChildren: true }));
      });
      // Threads take turns as it comes.
      expect(there.lines.map((one) => one.toSorted())).toEqual(here.lines.map((one) => one.toSorted()));
      expect(there.compared).toEqual(here.compared);
    });
  });
});

/** What happens to each process of the program that does all with libraries. */
async function show(program: string, start: (output: string) => Promise<ControlledProcess>) {
  const out = workshop.output();
  const target = await start(out.path);
  const { seen, compared } = await witness(target, { output: out.read, hasTlsNumbers: true });
  const pids = [...new Set(seen.map((one) => one.pid))];
  const lines = pids.map((pid) => seen.filter((one) => one.pid === pid).map((one) => one.line));
  // The shell's own beginning is not of it.
  const [own = []] = lines;
  lines[0] = own.slice(own.lastIndexOf("exec"));
  expect(lines.map((one) => one.at(-1))).toEqual([`exit code ${SHOW_CODE}`, "exit code 7", "exit code 7"]);
  expect(own.some((line) => line.includes(basename(program)))).toBe(true);
  return { lines, compared };
}
