/** Claim: after attaching to a process, what it has loaded is known earlier than in gdb. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { GuardedTarget, LiveProcess, RtldAgent, Target } from "../../src/rtld/index.ts";
import { median, printColumns } from "../table.ts";
import { MOST, type Programs } from "./programs.ts";
import { COMMAND, wall } from "./run.ts";

const COUNTS = [10, 100, MOST];

/** Milliseconds until the objects of a process are known, with their names and addresses. */
export async function measureAttach(programs: Programs, rounds: number): Promise<void> {
  const rows: string[][] = [];
  for (const count of COUNTS) {
    await using running = await programs.running(count);
    const { pid } = running;
    const times: number[][] = [];
    for (let round = 0; round < rounds; round++) {
      times.push([
        attached(() => Target.attach(pid)),
        attached(() => GuardedTarget.attach(pid)),
        await firstLine(pid),
        wall([process.execPath, COMMAND, "maps", "-p", String(pid)]),
        wall(["gdb", "-nx", "-batch", "-p", String(pid), "-ex", "info sharedlibrary"]),
        wall(["lldb", "--no-lldbinit", "-b", "-p", String(pid), "-o", "image list", "-o", "detach"]),
      ]);
    }
    const medians = [0, 1, 2, 3, 4, 5].map((i) => median(times.map((one) => one[i] ?? Number.NaN)));
    const trace = medians[2] ?? Number.NaN;
    const cells = medians.map((one, i) => {
      const text = one.toFixed(one < 100 ? 1 : 0);
      return i < 4 ? text : `${text} (${(one / trace).toFixed(1)}x)`;
    });
    rows.push([count.toLocaleString("en"), ...cells]);
  }
  const head = ["Target", "GuardedTarget", "trace -p", "maps -p", "gdb -p", "lldb -p"];
  printColumns(["Attached, ms, with libraries", ...head], rows);
}

function attached(attach: () => Target | GuardedTarget): number {
  const from = performance.now();
  using target = attach();
  const objects = RtldAgent.new(new LiveProcess(target)).objects.map((one) => [one.name, one.base, one.end]);
  const time = performance.now() - from;
  if (objects.length < 3) throw new Error(`process ${target.pid}: found ${objects.length} objects`);
  return time;
}

/** Until `bindery trace` says what is there already. */
async function firstLine(pid: number): Promise<number> {
  const from = performance.now();
  const child = spawn(process.execPath, [COMMAND, "trace", "--json", "-p", String(pid)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let time = Number.NaN;
  child.stdout.on("data", (piece: Buffer) => {
    if (!piece.includes("\n")) return;
    time = performance.now() - from;
    child.kill("SIGINT");
  });
  await once(child, "exit");
  return time;
}
