/** Third stop: an unmodified gdb attaches, and stops in code that was made a moment ago. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { dlsym, type LiveObject, RTLD_DEFAULT } from "../../dlbind/index.ts";
import { heading, say, show } from "./print.ts";

const READY = "bindery: gdb is ready";
const SECONDS = 15;

export async function showGdb(lib: LiveObject): Promise<void> {
  heading("3. What gdb sees");
  lib.publish();
  say("gdb attaches to this process and stops in compare_numbers. Its own words:");
  const scratch = mkdtempSync(join(tmpdir(), "bindery-tour-"));
  try {
    show(await watch(lib, join(scratch, "gdb.out")));
  } finally {
    rmSync(scratch, { recursive: true });
  }
  say("\nperf, uprobes and unwinders know the names too: see docs/profiling.md.");
}

/** @returns what gdb printed from the breakpoint on, or why there is nothing */
async function watch(lib: LiveObject, path: string): Promise<string> {
  // Into a file: this process, stopped by gdb, could not empty a pipe. And under timeout(1), which is not stopped.
  const output = openSync(path, "w");
  const gdb = spawn("timeout", ["--kill-after=2", String(SECONDS), "gdb", ...gdbArguments()], {
    stdio: ["ignore", output, "ignore"],
  });
  closeSync(output);
  let ended = false;
  const noteEnd = (): void => {
    ended = true;
  };
  // Where timeout(1) is missing, that it can't be started is the end of it.
  const end = once(gdb, "close").then(noteEnd, noteEnd);
  const printed = (): string => readFileSync(path, "utf8");
  while (!printed().includes(READY)) {
    if (ended)
      return "not shown: gdb is not installed, or may not attach here (see ptrace_scope in ptrace(2))";
    await sleep(20);
  }
  const qsort = dlsym(RTLD_DEFAULT, "qsort");
  const [numbers, compare] = [lib.symbol("numbers"), lib.symbol("compare_numbers")];
  lib.call(
    "void sort_numbers(uintptr_t, size_t, uintptr_t, uintptr_t)",
    numbers?.address,
    8,
    compare?.address,
    qsort,
  );
  await end;
  const lines = printed().split("\n");
  const from = lines.findIndex((line) => line.includes("hit Breakpoint"));
  return lines
    .slice(from)
    .filter((line) => !/^\[|^Detaching|^$/.test(line))
    .join("\n");
}

function gdbArguments(): string[] {
  const commands = [
    "break compare_numbers",
    `echo ${READY}\\n`,
    "continue",
    "bt 12",
    "info symbol $pc",
    "x/3i $pc",
  ];
  return [
    ...["-q", "-nx", "-batch", "-p", String(process.pid)],
    ...[...commands, "delete", "detach"].flatMap((command) => ["-ex", command]),
  ];
}
