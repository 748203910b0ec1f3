/** Events and link maps of real programs, against what they, the loader, the kernel and gdb say of them. */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  CoreProcess,
  followLinker,
  type LinkerEvent,
  LiveProcess,
  ObservedProcess,
  RtldAgent,
  RtldError,
} from "../../src/rtld/index.ts";
import { RtldWorkshop } from "./workshop.ts";

/** Loads and unloads in all ways, and prints what dl_iterate_phdr(3) says in between. */
const PROGRAM = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int linked(void);
__thread int local = 3;
static int show(struct dl_phdr_info *info, size_t size, void *at) {
  printf("%s %s %lx %ld\\n", (char *)at, info->dlpi_name, (long)info->dlpi_addr, (long)info->dlpi_tls_modid);
  return 0;
}
int main(int argc, char **argv) {
  if (argc == 2) return local + linked();
  dl_iterate_phdr(show, "start");
  void *plugin = dlopen(argv[1], RTLD_LAZY);
  dl_iterate_phdr(show, "open");
  void *apart = dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW);
  fflush(stdout);
  dlclose(plugin);
  dlclose(apart);
  if (dlopen("nowhere.so", RTLD_NOW) != 0) return 1;
  if (fork() == 0) {
    dlopen(argv[1], RTLD_NOW);
    execl(argv[0], argv[0], "again", (char *)0);
  }
  int status;
  wait(&status);
  return WEXITSTATUS(status) + 10;
}
`;
const LINKED = `
#include <dlfcn.h>
__attribute__((constructor)) static void begin(void) { void *h = dlopen("libm.so.6", RTLD_NOW); dlclose(h); }
int linked(void) { return 4; }
`;
const PLUGIN = `
#include <stdio.h>
__thread int own = 1;
int plugin(int x) { return x + own + puts(""); }
`;
const STOPPER = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv) {
  dlopen(argv[1], RTLD_NOW);
  dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW);
  printf("ready\\n"); fflush(stdout);
  for (;;) pause();
}
`;

const workshop = new RtldWorkshop();
const files = { program: "", plugin: "", stopper: "", fixed: "", static: "", staticPie: "" };
beforeAll(() => {
  workshop.compile("liblinked.so", LINKED, "-shared", "-fPIC");
  const link = ["-L.", "-llinked", `-Wl,-rpath,${workshop.directory}`];
  files.plugin = workshop.compile("plugin.so", PLUGIN, "-shared", "-fPIC");
  files.program = workshop.compile("program", PROGRAM, ...link);
  files.fixed = workshop.compile("fixed", PROGRAM, "-no-pie", ...link);
  files.stopper = workshop.compile("stopper", STOPPER);
  files.static = workshop.compile("static", "int main(void) { return 6; }", "-static");
  files.staticPie = workshop.compile("static-pie", "int main(void) { return 6; }", "-static-pie");
});
afterAll(() => workshop.remove());

/** An event in short, and the names of what came and went. */
function summary(event: LinkerEvent): string {
  const names = (sign: string, objects: LinkerEvent["added"]) =>
    objects.map(({ name, lmIdent }) => `${sign}${basename(name)}${lmIdent === 0 ? "" : `@${lmIdent}`}`);
  const state = event.event === "RD_DLACTIVITY" ? [event.state] : [];
  const how = event.code === undefined ? [] : [`code ${event.code}`];
  const parts = [event.event, ...state, ...how, ...names("+", event.added), ...names("-", event.removed)];
  return parts.join(" ");
}

const LIBC = "libc.so.6";
const LOADER = "ld-linux-x86-64.so.2";

describe.each(["program", "fixed"] as const)("%s", (which) => {
  it("tells all that its run-time linker does, and its child's, in order", async () => {
    const out = workshop.output();
    const fd = openSync(out.path, "w");
    const target = workshop.spawn(files[which], [files.plugin, "x"], {
      stdio: [0, fd, 2],
      followChildren: true,
    });
    closeSync(fd);
    const events: LinkerEvent[] = [];
    /** What lies where after each event, while it does. */
    const printed: string[][] = [];
    let loaded: LinkerEvent["added"] = [];
    await followLinker(target, (event) => {
      events.push(event);
      if (event.pid !== target.pid) return;
      loaded = [...loaded.filter((one) => !event.removed.includes(one)), ...event.added];
      for (const one of event.added) expectMapped(event.pid, one.base, one.end, one.name);
      const own = loaded.filter((one) => one.lmIdent === 0);
      printed.push(
        own.map((one) => `${one.isProgram ? "" : one.name} ${one.bias.toString(16)} ${one.tlsModId}`),
      );
    });
    const first = ["+linux-vdso.so.1", "+liblinked.so", `+${LIBC}`, `+${LOADER}`].join(" ");
    const start = (name: string, ...end: string[]) => [
      "RD_DLACTIVITY RD_ADD",
      `RD_PREINIT +${name} ${first}`,
      "RD_DLACTIVITY RD_ADD",
      "RD_DLACTIVITY RD_CONSISTENT +libm.so.6",
      "RD_DLACTIVITY RD_DELETE",
      "RD_DLACTIVITY RD_CONSISTENT -libm.so.6",
      "RD_POSTINIT",
      ...end,
    ];
    const own = events.filter((one) => one.pid === target.pid).map(summary);
    const plugin = basename(files.plugin);
    expect(own).toEqual([
      "exec",
      ...start(which),
      "RD_DLACTIVITY RD_ADD",
      `RD_DLACTIVITY RD_CONSISTENT +${plugin}`,
      "RD_DLACTIVITY RD_ADD",
      `RD_DLACTIVITY RD_CONSISTENT +${plugin}@1 +${LIBC}@1 +${LOADER}@1`,
      "RD_DLACTIVITY RD_DELETE",
      `RD_DLACTIVITY RD_CONSISTENT -${plugin}`,
      "RD_DLACTIVITY RD_DELETE",
      `RD_DLACTIVITY RD_CONSISTENT -${plugin} -${LIBC} -${LOADER}`.replace(/-(\S+)/g, "-$1@1"),
      ...own.slice(16, -1),
      "exit code 17",
    ]);
    // What is not found changes nothing, however the loader tells of that.
    for (const line of own.slice(16, -1)) expect(line).toMatch(/^RD_DLACTIVITY RD_(ADD|DELETE|CONSISTENT)$/);
    expect(events.filter((one) => one.pid !== target.pid).map(summary)).toEqual([
      `attach +${which} ${first}`,
      "RD_DLACTIVITY RD_ADD",
      `RD_DLACTIVITY RD_CONSISTENT +${plugin}`,
      "exec",
      ...start(which, "exit code 7"),
    ]);
    // The program's own view of its namespace, twice.
    const lines = out.read().trimEnd().split("\n");
    const said = (when: string) =>
      lines.filter((one) => one.startsWith(when)).map((one) => one.slice(when.length + 1));
    const shown = (event: string) => printed[own.findIndex((one) => one.startsWith(event))];
    expect(said("start")).toEqual(shown("RD_POSTINIT"));
    expect(said("open")).toEqual(shown(`RD_DLACTIVITY RD_CONSISTENT +${plugin}`));
  });
});

/** That a file is mapped from the first to the last of its addresses, as the kernel has it. */
function expectMapped(pid: number, base: bigint, end: bigint, name: string): void {
  const maps = readFileSync(`/proc/${pid}/maps`, "utf8").split("\n");
  const spans = maps
    .map((one) => /^(\w+)-(\w+) .*?(\S*)$/.exec(one) ?? [])
    .map(([, from = "0", to = "0", path = ""]) => ({
      from: BigInt(`0x${from}`),
      to: BigInt(`0x${to}`),
      path,
    }));
  const at = spans.find((one) => one.from === base);
  const file = basename(name) === "linux-vdso.so.1" ? "[vdso]" : basename(readlinkOf(name));
  expect(basename(at?.path ?? "")).toBe(file);
  expect(spans.some((one) => one.from < end && end <= one.to)).toBe(true);
}

function readlinkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return path;
  }
}

describe("musl's run-time linker", () => {
  it("tells of what it loads, and of the start, before it runs initializers", async () => {
    const source = `
#include <dlfcn.h>
#include <stdio.h>
__attribute__((constructor)) static void begin(void) { puts("begin"); fflush(stdout); }
int main(int argc, char **argv) { return dlopen(argv[1], RTLD_NOW) == 0 ? 1 : 4; }
`;
    const program = workshop.compileBy("musl-gcc", "musl", source);
    const plugin = workshop.compileBy(
      "musl-gcc",
      "musl.so",
      "int plugin(void) { return 1; }",
      "-shared",
      "-fPIC",
    );
    const out = workshop.output();
    const fd = openSync(out.path, "w");
    const target = workshop.spawn(program, [plugin], { stdio: [0, fd, 2] });
    closeSync(fd);
    const said: string[] = [];
    await followLinker(target, (event) => {
      said.push(summary(event));
      if (event.event === "RD_POSTINIT") expect(out.read()).toBe("");
    });
    expect(said).toEqual([
      "exec",
      // The kernel's own library has no name there.
      "RD_PREINIT +musl +ld-musl-x86_64.so.1 +",
      "RD_POSTINIT",
      "RD_DLACTIVITY RD_ADD",
      "RD_DLACTIVITY RD_CONSISTENT +musl.so",
      "exit code 4",
    ]);
    expect(out.read()).toBe("begin\n");
  });
});

describe("programs without run-time linker", () => {
  it.each(["static", "staticPie"] as const)("%s is RD_NODYNAM, and runs", async (which) => {
    const target = workshop.spawn(files[which]);
    const events: LinkerEvent[] = [];
    await followLinker(target, (event) => events.push(event));
    expect(events.map(summary)).toEqual(["error", "exit code 6"]);
    expect(events[0]?.error?.code).toBe("RD_NODYNAM");
  });
});

describe("link maps", () => {
  it("are the same by control, by looking, in the core file, and by gdb", async () => {
    const { pid } = await workshop.start(files.stopper, files.plugin);
    using observed = new ObservedProcess(pid);
    const row = ({
      name,
      base,
      end,
      dynamic,
      lmIdent,
      tlsModId,
      pltBase,
      pltSize,
    }: LinkerEvent["added"][number]) => ({
      name,
      base,
      end,
      dynamic,
      lmIdent,
      tlsModId,
      pltBase,
      pltSize,
    });
    const seen = RtldAgent.new(observed).objects.map(row);
    expect(seen.filter((one) => one.lmIdent === 1).map((one) => basename(one.name))).toEqual([
      "plugin.so",
      LIBC,
      LOADER,
    ]);
    const target = workshop.attach(pid);
    const agent = RtldAgent.new(new LiveProcess(target));
    expect(agent.objects.map(row)).toEqual(seen);
    target.detach();
    expect(() => agent.objects).toThrow(RtldError);

    execFileSync("gcore", ["-o", workshop.path("core"), String(pid)], { stdio: "pipe" });
    using core = CoreProcess.open(workshop.path(`core.${pid}`), { executable: files.stopper });
    expect(RtldAgent.new(core).objects.map(row)).toEqual(seen);

    const shared = execFileSync("gdb", ["-nx", "-batch", "-p", String(pid), "-ex", "info sharedlibrary"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const texts = [...shared.matchAll(/^(0x\w+)\s+0x\w+\s+Yes.*?(\/\S+)$/gm)];
    expect(texts.length).toBeGreaterThan(2);
    for (const [, from = "0", path = ""] of texts) {
      const [, offset = "0"] = / \.text\s+PROGBITS\s+(\w+)/.exec(workshop.run("readelf", "-SW", path)) ?? [];
      const base = BigInt(from) - BigInt(`0x${offset}`);
      expect(seen.some((one) => one.name === path && one.base === base)).toBe(true);
    }
  });

  it("say where the linkage table is, as readelf has it", async () => {
    const { pid } = await workshop.start(files.stopper, files.plugin);
    using observed = new ObservedProcess(pid);
    const program = RtldAgent.new(observed).objects[0];
    const headers = workshop.run("readelf", "-SW", files.stopper);
    const [, address = "0"] = / \.plt\s+PROGBITS\s+(\w+)/.exec(headers) ?? [];
    expect(program?.pltBase).toBe((program?.bias ?? 0n) + BigInt(`0x${address}`));
    const dynamic = / \.dynamic\s+DYNAMIC\s+(\w+)/.exec(headers)?.[1] ?? "0";
    expect(program?.dynamic).toBe((program?.bias ?? 0n) + BigInt(`0x${dynamic}`));
  });

  it("are errors where they are damaged: a loop, an end outside memory, a state that is none", async () => {
    const { pid } = await workshop.start(files.stopper, files.plugin);
    const target = workshop.attach(pid);
    const process = new LiveProcess(target);
    const [first, second] = RtldAgent.new(process).objects;
    if (first === undefined || second === undefined) throw new Error("there are no objects");
    const next = first.linkMap + 24n;
    const before = target.read(next, 8) ?? new Uint8Array(8);
    const write = (value: bigint) => target.write(next, new Uint8Array(BigUint64Array.of(value).buffer));
    write(first.linkMap);
    expect(() => RtldAgent.new(process).objects).toThrow(/link map of namespace 0: found entry 0x\w+ twice/);
    write(8n);
    expect(() => RtldAgent.new(process).objects).toThrow(/entry 2: found no memory at 0x8/);
    target.write(next, before);
    expect(RtldAgent.new(process).objects[1]?.linkMap).toBe(second.linkMap);
  });
});

describe("the agent", () => {
  it("has the calls of the C interface, and their errors", async () => {
    RtldAgent.init(1);
    expect(() => RtldAgent.init(7)).toThrow(expect.objectContaining({ code: "RD_NOCAPAB" }));
    expect(RtldAgent.errstr("RD_NODYNAM")).toMatch(/not linked dynamically/);
    const target = workshop.spawn(files.stopper, [files.plugin]);
    const said: string[] = [];
    const process = new LiveProcess(target, (message) => said.push(message));
    const agent = RtldAgent.new(process);
    expect(() => agent.objects).toThrow(expect.objectContaining({ code: "RD_NOMAPS" }));
    expect(() => agent.eventAddr("RD_NONE")).toThrow(expect.objectContaining({ code: "RD_ERR" }));
    expect(() => agent.objpadEnable(4096)).toThrow(expect.objectContaining({ code: "RD_NOCAPAB" }));
    const notify = agent.eventAddr("RD_DLACTIVITY");
    if (notify.type !== "RD_NOTIFY_BPT") throw new Error("expected a breakpoint");
    target.insertBreakpoint(notify.bptaddr);
    target.continue();
    for (let event = await target.next(); event.kind !== "breakpoint"; ) event = await target.next();
    process.lwp = target.pid;
    RtldAgent.log(true);
    expect(agent.eventGetmsg()).toEqual({ type: "RD_DLACTIVITY", state: "RD_ADD" });
    RtldAgent.log(false);
    expect(said).toEqual(["rtld: RD_DLACTIVITY RD_ADD"]);
    expect(() => agent.objects).toThrow(expect.objectContaining({ code: "RD_NOMAPS" }));
    agent.eventEnable(false);
    expect(agent.eventGetmsg()).toEqual({ type: "RD_NONE", state: "RD_NOSTATE" });
    agent.delete();
    agent.delete();
    expect(() => agent.objects).toThrow(expect.objectContaining({ code: "RD_ERR" }));
    target.kill();
  });
});
