/** Live processes: what is mapped where, whatever became of the files since. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, renameSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Dwfl } from "../../src/dwfl/session.ts";
import { HostError } from "../../src/errors.ts";
import { euModules } from "./eu-modules.ts";
import { buildIdOf } from "./find-workshop.ts";
import { ProcessWorkshop, type RunningProgram } from "./process-workshop.ts";

let workshop: ProcessWorkshop;
let program: RunningProgram;

beforeAll(async () => {
  workshop = new ProcessWorkshop();
  program = await workshop.start(workshop.plugin("plugin.so", 1));
});
afterAll(() => workshop.remove());

function at(name: string, of = program): bigint {
  const address = of.addresses.get(name);
  if (address === undefined) throw new Error(`the program does not say where ${name} is`);
  return address;
}

/** A process file system with the process alone, and of that what is named: for who may see no more. */
function partOf({ pid }: RunningProgram, ...files: string[]): string {
  const proc = workshop.path(`proc-${files.join("-")}`);
  const directory = join(proc, String(pid));
  mkdirSync(directory, { recursive: true });
  for (const file of files) symlinkSync(`/proc/${pid}/${file}`, join(directory, file));
  return proc;
}

describe("reportProcess", () => {
  it("reports what libdwfl reports, save files that are no ELF files", () => {
    using session = new Dwfl();
    session.reportProcess(program.pid);
    const theirs = euModules(`--pid=${program.pid}`).filter((one) => one.id !== undefined);
    const ours = session.modules.map(({ start, end, buildId }) => ({ start, end, id: buildId }));
    // The two copies of the plugin may lie side by side, which libdwfl takes for one module.
    const plugin = buildIdOf(workshop.path("plugin.so"));
    const others = ours.filter((one) => one.id !== plugin);
    expect(others).toEqual(
      theirs.flatMap(({ start, end, id }) => (id === plugin ? [] : [{ start, end, id }])),
    );
    expect(ours).toHaveLength(others.length + 2);
    expect(session.moduleAt(at("text"))).toBeUndefined();
    expect(session.modules.filter((one) => one.isProgram).map((one) => one.name)).toEqual(["host"]);
    expect(session.moduleNamed("host")?.path).toBe(workshop.path("host"));
  });

  it("knows what a process has whose first thread has ended, as others of it go on", async () => {
    const source = `#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
void *work(void *at) { printf("%p\\n", (void *)work); fflush(stdout); for (;;) pause(); }
int main(void) { pthread_t t; pthread_create(&t, 0, work, 0); pthread_exit(0); }`;
    workshop.run("gcc", "-o", workshop.path("orphan"), workshop.write("orphan.c", source), "-pthread");
    const child = spawn(workshop.path("orphan"), { stdio: ["ignore", "pipe", "ignore"] });
    try {
      const [printed] = await once(child.stdout, "data");
      while (readFileSync(`/proc/${child.pid}/maps`, "utf8") !== "") await setTimeout(5);
      using session = new Dwfl();
      session.reportProcess(child.pid ?? 0);
      expect(session.symbolAt(BigInt(String(printed).trim()))?.symbol.name).toBe("work");
    } finally {
      child.kill("SIGKILL");
    }
  });

  it("finds the symbols where the program itself says they are", () => {
    using session = new Dwfl();
    session.reportProcess(program.pid);
    for (const [address, name] of [
      ["main", "main"],
      ["plugin_entry", "plugin_entry"],
      ["copy", "plugin_entry"],
      ["hidden", "hidden"],
    ] as const) {
      const match = session.symbolAt(at(address));
      expect([match?.symbol.name, match?.offset, match?.symbol.address]).toEqual([name, 0n, at(address)]);
    }
    const libc = session.moduleAt(at("ready"));
    expect(libc?.symbols.named("getpid").map((one) => one.address)).toContain(at("ready"));
    // Each copy of the plugin is a module of its own.
    const [first, copy] = [session.moduleAt(at("plugin_entry")), session.moduleAt(at("copy"))];
    expect(first).not.toBe(copy);
    expect([first?.name, copy?.name]).toEqual(["plugin.so", "plugin.so"]);
    expect((copy?.bias ?? 0n) - (first?.bias ?? 0n)).toBe(at("copy") - at("plugin_entry"));
  });

  it("reads the kernel's library from memory", () => {
    using session = new Dwfl();
    session.reportProcess(program.pid);
    const vdso = session.moduleNamed("[vdso]");
    expect(vdso?.path).toBeUndefined();
    const symbol = vdso?.symbolNamed("__vdso_clock_gettime");
    expect(session.moduleAt(symbol?.address ?? 0n)).toBe(vdso);
    expect(vdso?.elf.sectionsNamed(".text")).toHaveLength(1);
  });

  it("says which process is not there", () => {
    using session = new Dwfl();
    expect(() => session.reportProcess(2 ** 22 + 1)).toThrow(HostError);
    expect(() => session.reportProcess(2 ** 22 + 1)).toThrow(/4194305\/maps/);
    expect(session.modules).toEqual([]);
  });
});

describe("a file that another one replaced", () => {
  it("is told from it by the build id in memory, and found under its mapping or in memory", async () => {
    const plugin = workshop.plugin("moved/plugin.so", 2);
    const id = buildIdOf(plugin);
    const debug = workshop.path("debug", ".build-id", id.slice(0, 2), `${id.slice(2)}.debug`);
    workshop.run("objcopy", "--only-keep-debug", plugin, debug);
    const running = await workshop.start(plugin);
    renameSync(workshop.plugin("moved/other.so", 3), plugin);
    for (const options of [{}, { proc: partOf(running, "maps", "mem", "auxv", "stat") }]) {
      using session = new Dwfl({ debugDirectories: [workshop.path("debug")] });
      session.reportProcess(running.pid, options);
      const module = session.moduleAt(at("plugin_entry", running));
      expect(module?.buildId).toBe(id);
      expect(module?.name).toBe("plugin.so");
      // Where the file itself can't be got at, its debug file still is found.
      expect(module?.symbolAt(at("hidden", running))?.symbol.name).toBe("hidden");
      expect(module?.symbolNamed("plugin_entry")?.address).toBe(at("plugin_entry", running));
      expect([...(module?.dwarf?.units() ?? [])]).toHaveLength(1);
    }
    await running.stop();
  });

  it("is read from memory as far as that goes when it was deleted", async () => {
    const plugin = workshop.plugin("deleted/plugin.so", 4);
    const id = buildIdOf(plugin);
    const running = await workshop.start(plugin);
    unlinkSync(plugin);
    using session = new Dwfl({ debugDirectories: [] });
    session.reportProcess(running.pid, { proc: partOf(running, "maps", "mem", "auxv", "stat") });
    const module = session.moduleAt(at("plugin_entry", running));
    expect([module?.name, module?.buildId, module?.elf.sections]).toEqual(["plugin.so", id, []]);
    expect(module?.symbolNamed("plugin_entry")?.address).toBe(at("plugin_entry", running));
    expect(module?.symbolAt(at("plugin_entry", running) + 1n)?.symbol.name).toBe("plugin_entry");
    // The process is gone: what was read stays, and another program under its number is not read for it.
    await running.stop();
    expect(module?.symbolNamed("plugin_entry")?.address).toBe(at("plugin_entry", running));
  });

  it("is an error on the module where neither can be got at, and the session goes on", async () => {
    const plugin = workshop.plugin("lost/plugin.so", 5);
    const running = await workshop.start(plugin);
    unlinkSync(plugin);
    workshop.plugin("lost/plugin.so", 6);
    using session = new Dwfl({ debugDirectories: [] });
    session.reportProcess(running.pid, { proc: partOf(running, "maps") });
    const module = session.moduleAt(at("plugin_entry", running));
    expect(module?.error).toMatchObject({ code: "DWFL_NO_FILE", module: "plugin.so" });
    // What has its path now is not taken for it.
    expect(module?.error?.message).toMatch(/found no file of it: open: ENOENT: [^;]*map_files[^;]*$/);
    expect(session.symbolAt(at("main", running))?.symbol.name).toBe("main");
    await running.stop();
  });
});
