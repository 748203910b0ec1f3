/** The whole of librtld_db's interface: each call, each state and each error; and memory that is damaged in all ways. */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HostError } from "../../../src/errors.ts";
import {
  CoreProcess,
  followLinker,
  LiveProcess,
  type ProcService,
  RtldAgent,
  RtldError,
  rd_err_e,
  type Target,
} from "../../../src/rtld/index.ts";
import { RtldWorkshop } from "../workshop.ts";

const PROGRAM = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv) {
  void *one = dlopen("libm.so.6", RTLD_NOW);
  void *apart = dlmopen(LM_ID_NEWLM, "libm.so.6", RTLD_NOW);
  if (argc > 1) { puts("ready"); fflush(stdout); for (;;) pause(); }
  dlclose(apart);
  dlclose(one);
  return 0;
}
`;

const workshop = new RtldWorkshop();
const files = { program: "", core: "" };
beforeAll(async () => {
  files.program = workshop.compile("program", PROGRAM);
  const { pid } = await workshop.start(files.program, "wait");
  execFileSync("gcore", ["-o", workshop.path("core"), String(pid)], { stdio: "pipe" });
  files.core = workshop.path(`core.${pid}`);
});
afterAll(() => workshop.remove());

/** A service like another one, but for some calls. */
function butFor(service: ProcService, changes: Partial<ProcService>): ProcService {
  return new Proxy(service, {
    get(target, name) {
      const changed: unknown = Reflect.get(changes, name);
      const found: unknown = changed ?? Reflect.get(target, name);
      return typeof found === "function" && changed === undefined ? found.bind(target) : found;
    },
  });
}

/** What a call answers: `RD_OK`, or the code of its error. Anything else that it throws fails the test. */
function codeOf(call: () => unknown): rd_err_e {
  try {
    call();
    return "RD_OK";
  } catch (error) {
    if (error instanceof RtldError) return error.code;
    throw error;
  }
}

async function runTo(
  target: Target,
  event: "RD_DLACTIVITY" | "RD_POSTINIT",
  agent: RtldAgent,
): Promise<void> {
  const notify = agent.eventAddr(event);
  if (notify.type === "RD_NOTIFY_BPT") target.insertBreakpoint(notify.bptaddr);
  target.continue();
  for (let found = await target.next(); found.kind !== "breakpoint"; ) found = await target.next();
}

describe("errors", () => {
  it("all of rd_err_e are answered, each where it should be", () => {
    using core = CoreProcess.open(files.core, { executable: files.program });
    const codes = new Set<rd_err_e>();
    const expectCode = (code: rd_err_e, call: () => unknown) => {
      codes.add(code);
      expect(codeOf(call)).toBe(code);
    };
    const agent = RtldAgent.new(core);
    expectCode("RD_OK", () => RtldAgent.init(1));
    expectCode("RD_OK", () => agent.loadobjIter(() => true));
    expectCode("RD_NOCAPAB", () => RtldAgent.init(2));
    expectCode("RD_NOCAPAB", () => agent.objpadEnable(0x1000));
    expectCode("RD_ERR", () => agent.eventAddr("RD_NONE"));
    // What the program was told by the kernel does not lead to its headers; or it has none that say where the loader is.
    expectCode("RD_NOBASE", () => RtldAgent.new(butFor(core, { pauxv: () => new Map() })));
    expectCode("RD_NOBASE", () => RtldAgent.new(butFor(core, { pread: () => undefined })));
    expectCode("RD_NODYNAM", () => RtldAgent.new(new LiveProcess(workshop.spawn(staticProgram()))));
    expectCode("RD_NOMAPS", () => RtldAgent.new(new LiveProcess(workshop.spawn(files.program))).objects);
    const broken = () => {
      throw new HostError("HOST_SYSCALL", "read", "it is gone");
    };
    expectCode("RD_DBERR", () => RtldAgent.new(butFor(core, { pread: broken })));
    expectCode("RD_DBERR", () => RtldAgent.new(butFor(core, { pauxv: broken })));
    expectCode("RD_DBERR", () => RtldAgent.new(butFor(core, { pdmodel: broken })));
    expectCode("RD_DBERR", () => RtldAgent.new(butFor(core, { plwp: broken })).update());
    agent.delete();
    for (const call of [
      () => agent.reset(),
      () => agent.eventEnable(true),
      () => agent.eventAddr("RD_PREINIT"),
      () => agent.eventGetmsg(),
      () => agent.loadobjIter(() => true),
      () => agent.pltResolution(0n),
      () => agent.objpadEnable(1) as unknown,
    ]) {
      expect(["RD_ERR", "RD_NOCAPAB"]).toContain(codeOf(call));
    }
    expect([...codes].sort()).toEqual(Object.keys(rd_err_e).sort());
    for (const code of codes) expect(RtldAgent.errstr(code)).toMatch(/\w/);
  });

  it("a process that was killed is an error of the debugger", async () => {
    const target = workshop.spawn(files.program);
    const service = new LiveProcess(target);
    const agent = RtldAgent.new(service);
    target.kill();
    while ((await target.next()).kind !== "exit");
    expect(codeOf(() => RtldAgent.new(service))).toBe("RD_DBERR");
    expect(codeOf(() => agent.reset())).toBe("RD_DBERR");
  });
});

function staticProgram(): string {
  return workshop.compile("static", "int main(void) { return 0; }", "-static");
}

describe("events", () => {
  it("have the states of the table, all of them, and no others", async () => {
    const seen = new Set<string>();
    await followLinker(workshop.spawn(files.program), ({ event, state }) => {
      if (event.startsWith("RD_")) seen.add(`${event} ${state}`);
    });
    expect([...seen].sort()).toEqual([
      "RD_DLACTIVITY RD_ADD",
      "RD_DLACTIVITY RD_CONSISTENT",
      "RD_DLACTIVITY RD_DELETE",
      "RD_POSTINIT RD_NOSTATE",
      "RD_PREINIT RD_NOSTATE",
    ]);
  });

  it("that are disabled are reached all the same, and are nothing; what they told of is found later", async () => {
    const target = workshop.spawn(files.program);
    const service = new LiveProcess(target);
    const agent = RtldAgent.new(service);
    service.lwp = target.pid;
    await runTo(target, "RD_POSTINIT", agent);
    expect(agent.objects.map((one) => one.soname)).not.toContain("libm.so.6");
    agent.eventEnable(false);
    for (let i = 0; i < 2; i++) {
      await runTo(target, "RD_DLACTIVITY", agent);
      expect(agent.eventGetmsg()).toEqual({ type: "RD_NONE", state: "RD_NOSTATE" });
    }
    agent.eventEnable(true);
    expect(agent.update().added.map((one) => one.soname)).toEqual(["libm.so.6"]);
    await runTo(target, "RD_DLACTIVITY", agent);
    expect(agent.eventGetmsg()).toEqual({ type: "RD_DLACTIVITY", state: "RD_ADD" });
    target.kill();
  });
});

describe("the agent", () => {
  it("begins anew after exec, and stops to call back when it is told to", async () => {
    const script = workshop.spawn("/bin/sh", ["-c", 'exec "$0"', files.program]);
    const service = new LiveProcess(script);
    const agent = RtldAgent.new(service);
    await runTo(script, "RD_POSTINIT", agent);
    const shell = agent.objects[0];
    expect(shell?.name).toBe("/bin/sh");
    for (const at of script.breakpoints) script.removeBreakpoint(at);
    script.continue();
    for (let event = await script.next(); event.kind !== "exec"; ) event = await script.next();
    agent.reset();
    expect(codeOf(() => agent.objects)).toBe("RD_NOMAPS");
    await runTo(script, "RD_POSTINIT", agent);
    const names: string[] = [];
    agent.loadobjIter(({ name }) => {
      names.push(name);
      return names.length < 2;
    });
    expect(names).toEqual([files.program, "linux-vdso.so.1"]);
    script.kill();
  });
});

/** Numbers that look random, the same each time [Park and Miller]. */
function* random(seed: number): Generator<number, never> {
  for (let x = seed; ; ) {
    x = (x * 48271) % 2147483647;
    yield x;
  }
}

describe("damaged memory", () => {
  it("is an error or a result, after a bounded number of looks, wherever and however it is damaged", () => {
    using core = CoreProcess.open(files.core, { executable: files.program });
    const whole = RtldAgent.new(core).objects;
    expect(whole.length).toBeGreaterThan(7);
    // Where the structures are: link maps, names, r_debug by what leads there, and tables of the program and its libraries.
    const places: (readonly [bigint, number])[] = [];
    for (const one of whole) {
      places.push([one.linkMap, 40], [one.nameAddr, 24], [one.dynamic, 400], [one.base, 900]);
    }
    const dynamic = words(core, whole[0]?.dynamic ?? 0n, 80);
    const debug = dynamic[dynamic.findIndex((one, i) => i % 2 === 0 && one === 21n) + 1] ?? 0n;
    for (let i = 0; i < 12; i++) places.push([debug, 48]);
    const second = words(core, debug, 6)[5] ?? 0n;
    expect(second).not.toBe(0n);
    places.push([second, 48]);
    const pointers = [
      ...whole.map((one) => one.linkMap),
      debug,
      second,
      0n,
      8n,
      2n ** 63n,
      2n ** 64n - 1n,
      whole[1]?.base ?? 0n,
    ];
    const next = random(99);
    const pick = <T>(from: readonly T[]): T => from[next.next().value % from.length] as T;
    const outcomes = new Map<string, number>();
    for (let round = 0; round < 320; round++) {
      const patches = new Map<bigint, number>();
      for (let count = 1 + (next.next().value % 3); count > 0; count--) {
        const [start, length] = pick(places);
        const at = start + BigInt(next.next().value % length);
        if (next.next().value % 2 === 0) patches.set(at, next.next().value & 0xff);
        else {
          const bytes = new Uint8Array(BigUint64Array.of(pick(pointers)).buffer);
          for (const [i, byte] of bytes.entries()) patches.set((at & ~7n) + BigInt(i), byte);
        }
      }
      let looks = 0;
      const pread = (address: bigint, length: number) => {
        looks++;
        expect(length).toBeLessThan(2 ** 26);
        const bytes = core.pread(address, length);
        if (bytes === undefined) return undefined;
        for (const [at, byte] of patches) {
          if (at >= address && at < address + BigInt(length)) bytes[Number(at - address)] = byte;
        }
        return bytes;
      };
      const outcome = codeOf(() => {
        const agent = RtldAgent.new(butFor(core, { pread }));
        for (const one of agent.objects) {
          for (const field of [
            one.name,
            one.base,
            one.dataBase,
            one.end,
            one.refName,
            one.soname,
            one.tlsModId,
          ]) {
            expect(field).toBeDefined();
          }
          expect([one.needed, one.relocationCount, one.pltBase, one.pltSize, one.flags]).toHaveLength(5);
        }
        agent.eventGetmsg();
      });
      expect(looks).toBeLessThan(5000);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect([...outcomes.keys()]).toEqual(expect.arrayContaining(["RD_OK", "RD_ERR", "RD_NOMAPS"]));
  });
});

function words(service: ProcService, address: bigint, count: number): bigint[] {
  const bytes = service.pread(address, 8 * count);
  return bytes === undefined ? [] : [...new BigUint64Array(Uint8Array.from(bytes).buffer)];
}
