/** Core files of other machines: link maps and linkage tables, against what the process had, and objdump(1). */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { CoreProcess, type LoadObject, ObservedProcess, RtldAgent } from "../../src/rtld/index.ts";
import { AARCH64, compileCross, sysrootOf } from "./cross.ts";
import { CALLED } from "./linkage.ts";
import { RtldWorkshop } from "./workshop.ts";

/** One function is bound, another one is not; then it waits, or ends badly. */
const PROGRAM = `
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int plain(int), twice(int);
int main(int argc, char **argv) {
  if (argc == 5) return twice(1);
  printf("%d\\n", plain(1)); fflush(stdout);
  END;
}
`;

const workshop = new RtldWorkshop();
afterAll(() => workshop.remove());

const row = ({ name, base, end, bias, dynamic }: LoadObject) => ({ name, base, end, bias, dynamic });

/** What the core file says of the program's entries for both functions; where the binder ends is disassembled. */
function checkTables(core: CoreProcess, objdump: string, exit: RegExp, library: string, nstep: number): void {
  const agent = RtldAgent.new(core);
  const [program] = agent.objects;
  const called = agent.objects.find((one) => one.name === library);
  const code = workshop.run(objdump, "-d", "--no-show-raw-insn", core.pfile("") ?? "");
  const entry = (name: string) => {
    const [, address = "0"] = new RegExp(`^(\\w+) <${name}@plt>:`, "m").exec(code) ?? [];
    return (program?.bias ?? 0n) + BigInt(`0x${address}`);
  };
  const plain = (called?.bias ?? 0n) + workshop.symbol(library, "plain");
  expect(agent.pltResolution(entry("plain"))).toEqual({
    skipMethod: "RD_RESOLVE_STEP",
    nstep,
    target: 0n,
    baddr: plain,
    flags: 1,
  });
  const lazy = agent.pltResolution(entry("twice"));
  expect(lazy).toMatchObject({ skipMethod: "RD_RESOLVE_TARGET_STEP", nstep: 1, baddr: 0n, flags: 0 });
  const loader = agent.objects.find((one) => lazy.target >= one.base && lazy.target < one.end);
  const at = lazy.target - (loader?.bias ?? 0n);
  const range = [`--start-address=${at}`, `--stop-address=${at + 4n}`];
  expect(workshop.run(objdump, "-d", ...range, core.pfile(loader?.name ?? "") ?? "")).toMatch(exit);
  expect(core.pglobalLookup(library, "plain")).toBe(plain);
}

/** pause(2) of i386. */
const PAUSE = "29 ";

/** Waits until a process is in pause(2), as it is again some time after it was let go of. @returns `/proc/PID/syscall` */
async function untilItWaits(pid: number): Promise<string> {
  for (;;) {
    const text = readFileSync(`/proc/${pid}/syscall`, "utf8").trim();
    if (text.startsWith(PAUSE)) return text;
    await sleep(2);
  }
}

describe("a core file", () => {
  it("of i386 has what the process had, and its tables, at any place of the thread", async () => {
    const library = workshop.compile32("libcalled32.so", CALLED, "-shared", "-fPIC");
    const link = ["-L.", "-lcalled32", `-Wl,-rpath,${workshop.directory}`, "-Wl,-z,lazy"];
    const source = PROGRAM.replace("END", "pause()");
    const program = workshop.compile32("program32", source, "-fcf-protection=none", ...link);
    const { pid } = await workshop.start(program);
    await untilItWaits(pid);
    execFileSync("gcore", ["-o", workshop.path("core"), String(pid)], { stdio: "ignore" });
    using live = new ObservedProcess(pid);
    using core = CoreProcess.open(workshop.path(`core.${pid}`));
    expect(core.pdmodel()).toEqual({ is64: false, little: true, machine: 3 });
    expect(live.pdmodel()).toEqual(core.pdmodel());
    expect(RtldAgent.new(core).objects.map(row)).toEqual(RtldAgent.new(live).objects.map(row));
    const [sp, pc] = (await untilItWaits(pid)).split(" ").slice(-2).map(BigInt);
    const words = new Uint32Array(core.lgetregs(core.threads[0] ?? 0)?.slice().buffer ?? new ArrayBuffer(0));
    // struct user_regs_struct: eip is the 13th, esp the 16th.
    expect([words[15], words[12]].map((one) => BigInt(one ?? 0))).toEqual([sp, pc]);
    checkTables(core, "objdump", /ret\s+\$0xc/, library, 1);
  });

  it("that was cut off has nothing there, rather than what the files had", async () => {
    const source = PROGRAM.replace("END", "pause()").replace("twice(1)", "0").replace("plain(1)", "1");
    const { pid } = await workshop.start(workshop.compile("cut", source));
    execFileSync("gcore", ["-o", workshop.path("core"), String(pid)], { stdio: "ignore" });
    using whole = CoreProcess.open(workshop.path(`core.${pid}`));
    const debug = whole.pglobalLookup("ld-linux-x86-64.so.2", "_r_debug") ?? 0n;
    expect(RtldAgent.new(whole).objects.map(({ isProgram }) => isProgram)).toEqual([
      true,
      false,
      false,
      false,
    ]);
    const bytes = readFileSync(workshop.path(`core.${pid}`));
    // The segment of the run-time linker's data begins where the file ends.
    const [table, count] = [Number(bytes.readBigUInt64LE(32)), bytes.readUInt16LE(56)];
    for (let at = table; at < table + 56 * count; at += 56) {
      const [start, size] = [bytes.readBigUInt64LE(at + 16), bytes.readBigUInt64LE(at + 40)];
      if (start <= debug && debug < start + size) bytes.writeBigUInt64LE(BigInt(bytes.length), at + 8);
    }
    writeFileSync(workshop.path("cut.core"), bytes);
    using cut = CoreProcess.open(workshop.path("cut.core"));
    const what = `found no memory at r_debug 0x${debug.toString(16)}`;
    expect(() => RtldAgent.new(cut).objects).toThrow(what);
  });

  it("of aarch64, in which an emulator left out all that files have, is completed by them", () => {
    const library = compileCross(workshop, AARCH64, "libcalled64.so", CALLED, "-shared", "-fPIC");
    const link = ["-lcalled64", `-Wl,-rpath,${workshop.directory}`, "-Wl,-z,lazy"];
    const source = PROGRAM.replace("END", "abort()");
    const program = compileCross(workshop, AARCH64, "program64", source, ...link);
    const script = 'ulimit -c unlimited; qemu-aarch64 -L "$0" "$1" 2>/dev/null; true';
    expect(workshop.run("sh", "-c", script, sysrootOf(AARCH64), program)).toBe("2\n");
    const [name = ""] = readdirSync(workshop.directory).filter((one) => /^qemu_.*\.core$/.test(one));
    const options = { executable: program, sysroot: sysrootOf(AARCH64) };
    using core = CoreProcess.open(workshop.path(name), { ...options });
    expect(core.pdmodel()).toEqual({ is64: true, little: true, machine: 183 });
    const names = RtldAgent.new(core).objects.map((one) => one.name);
    expect(names).toEqual([program, library, "/lib/libc.so.6", "/lib/ld-linux-aarch64.so.1"]);
    checkTables(core, "aarch64-linux-gnu-objdump", /br\s+x16/, library, 4);
  });
});
