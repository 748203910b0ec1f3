/** What is loaded at each event of the shown program, against what gdb lists at each of its stops for the same. */
import { closeSync, openSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  followLinker,
  type LoadObject,
  ObservedProcess,
  RtldAgent,
  RtldError,
} from "../../../src/rtld/index.ts";
import { RtldWorkshop } from "../workshop.ts";
import { listed, type SolibGdb, withGdb } from "./gdb.ts";
import { makeLibraries, makeProgram, ROUNDS } from "./programs.ts";

const workshop = new RtldWorkshop();
let program = "";
beforeAll(() => {
  const compile = (...args: Parameters<RtldWorkshop["compile"]>) => workshop.compile(...args);
  program = makeProgram(compile, "for-gdb", makeLibraries(compile, workshop.directory));
});
afterAll(() => workshop.remove());

/** Looks at each stop, until the process that gdb looks at ended. A child that is caught is followed. */
async function eachStop(gdb: SolibGdb, run: string, look: (said: string) => Promise<void>): Promise<string> {
  let said = await gdb.run(run);
  for (; !/exited (normally|with code)/.test(said); said = await gdb.run("continue")) {
    if (said.includes("Catchpoint")) await gdb.run("set follow-fork-mode child");
    else expect(said).toContain("Stopped due to shared library event");
    if (!said.includes("Catchpoint")) await look(said);
  }
  return said;
}

/** What is in the one list and not in the other; what is there twice counts twice. */
function without(all: readonly string[], some: readonly string[]): string[] {
  const rest = [...all];
  for (const one of some) {
    const at = rest.indexOf(one);
    if (at >= 0) rest.splice(at, 1);
  }
  return rest;
}

/** What is loaded at an event, as of the last moment at which that was consistent. */
interface Moment {
  readonly state: string;
  readonly objects: readonly string[];
}

/** A thread alone does the same each time, and without random addresses at the same ones. */
async function momentsOf(file: string, ...args: string[]): Promise<Moment[]> {
  const out = workshop.output();
  const fd = openSync(out.path, "w");
  const target = workshop.spawn("/usr/bin/setarch", ["-R", file, ...args], { stdio: [0, fd, 2] });
  closeSync(fd);
  let loaded: readonly LoadObject[] = [];
  let moments: Moment[] = [];
  await followLinker(target, ({ event, state, added, removed }) => {
    if (event === "exec") {
      loaded = [];
      moments = [];
    }
    loaded = [...loaded.filter((one) => !removed.includes(one)), ...added];
    // The one comes from the program's first instruction, not from its run-time linker.
    if (event === "RD_POSTINIT" || event === "exec" || event === "exit") return;
    moments.push({ state: event === "RD_PREINIT" ? event : state, objects: listed(loaded) });
  });
  return moments;
}

describe("gdb lists what the agent tells", () => {
  it("at the same events, at the same addresses", async () => {
    const moments = await momentsOf(program, "alone");
    expect(moments).toHaveLength(30);
    let stops: string[][] = [];
    await withGdb(program, async (gdb) => {
      stops = [];
      const end = await eachStop(gdb, "run alone > /dev/null", async () => {
        stops.push(await gdb.libraries());
      });
      expect(end).toContain("exited with code 05");
    });
    expect(stops).toHaveLength(moments.length);
    // Before the first one is consistent it lists the run-time linker, which it knows of from the program's header.
    expect(stops[0]).toEqual([expect.stringMatching(/ \/lib64\/ld-linux-x86-64\.so\.2$/)]);
    for (const [i, { state, objects }] of moments.entries()) {
      if (i === 0) continue;
      const stop = stops[i] ?? [];
      if (state !== "RD_ADD") {
        expect(stop).toEqual(objects);
        continue;
      }
      // It reads the list also while that is being changed: what is on it already is told next by us.
      expect(without(objects, stop)).toEqual([]);
      const next = without(moments[i + 1]?.objects ?? [], objects);
      expect(without(without(stop, objects), next)).toEqual([]);
    }
  });

  it.each(["fork", "vfork"])(
    "at each moment of a program with threads, and of its child by %s",
    async (how) => {
      await withGdb(program, async (gdb) => {
        await gdb.run(`catch ${how}`);
        const counts = new Map<number, number>();
        let before: readonly string[] = [];
        const end = await eachStop(gdb, "run > /dev/null", async (said) => {
          if (said.includes("is executing new program")) before = [];
          const pid = await gdb.pid();
          using process = new ObservedProcess(pid);
          const stop = await gdb.libraries();
          const now = consistent(process);
          if (now === undefined) expect(without(before, stop)).toEqual([]);
          else expect(stop).toEqual(now);
          before = now ?? before;
          counts.set(pid, (counts.get(pid) ?? 0) + (now === undefined ? 0 : 1));
        });
        expect(end).toContain("exited with code 07");
        // Once for each two events: of one thread alone; of threads, that load and unload; of the child, and what it executes.
        expect([...counts.values()]).toEqual([15 + 3 * ROUNDS * 2, how === "fork" ? 4 : 3]);
      });
    },
  );
});

/** What is loaded in a process that another debugger has stopped; `undefined` while that is being changed. */
function consistent(process: ObservedProcess): readonly string[] | undefined {
  try {
    return listed(RtldAgent.new(process).objects);
  } catch (error) {
    if (error instanceof RtldError && error.code === "RD_NOMAPS") return undefined;
    throw error;
  }
}
