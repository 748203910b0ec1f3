/** Third stop: an unmodified gdb attaches, and stops in code that was made a moment ago. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { dlsym, type LiveObject, RTLD_DEFAULT } from "../../dlbind/index.ts";
import { heading, say, show } from "./print.ts";

const READY = "bindery: gdb is ready";
const SECONDS = 15;

export async function showGdb(lib: LiveObject): Promise<void> {
  heading("3. What gdb sees");
  lib.publish();
  say("gdb attaches to this process and stops in compare_numbers. Its own words:");
  const gdb = spawn(
    "gdb",
    [
      ...["-q", "-nx", "-batch", "-p", String(process.pid)],
      ...["-ex", "break compare_numbers", "-ex", `echo ${READY}\\n`, "-ex", "continue", "-ex", "bt 12"],
      ...["-ex", "info symbol $pc", "-ex", "x/3i $pc", "-ex", "delete", "-ex", "detach"],
    ],
    { stdio: ["ignore", "pipe", "ignore"], timeout: SECONDS * 1000 },
  );
  const failed = once(gdb, "error").then(([error]) => String(error));
  const ended = once(gdb, "close").then(() => "gdb could not attach (ptrace may be restricted here)");
  const lines: string[] = [];
  const ready = new Promise<undefined>((resolve) => {
    createInterface({ input: gdb.stdout }).on("line", (line) => {
      lines.push(line);
      if (line === READY) resolve(undefined);
    });
  });
  const problem = await Promise.race([ready, failed, ended]);
  if (problem !== undefined) {
    show(`not shown: ${problem}`);
    return;
  }
  const numbers = lib.symbol("numbers");
  const compare = lib.symbol("compare_numbers");
  lib.call(
    "void sort_numbers(uintptr_t, size_t, uintptr_t, uintptr_t)",
    numbers?.address,
    8,
    compare?.address,
    dlsym(RTLD_DEFAULT, "qsort"),
  );
  await ended;
  const from = lines.findIndex((line) => line.includes("hit Breakpoint"));
  const wanted = lines.slice(from).filter((line) => !/^\[|^Detaching|^$/.test(line));
  show(wanted.join("\n"));
  say("\nThe same names are in perf's and the unwinder's reach: see docs/profiling.md.");
}
