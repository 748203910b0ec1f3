/**
 * Programs of machines with another order of bytes, of 32 bits, or with two kinds of instructions, under qemu's stub, and the
 * core files that qemu writes of them.
 */
import { readdirSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { CoreProcess, LiveProcess, RtldAgent } from "../../src/rtld/index.ts";
import { type CrossMachine, compileCross, startCross, sysrootOf } from "../rtld/cross.ts";
import { PLUGIN } from "../rtld/programs.ts";
import { followObjects } from "../rtld/stubs.ts";
import { RtldWorkshop } from "../rtld/workshop.ts";

const PROGRAM = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
__thread int local = 3;
static int show(struct dl_phdr_info *info, size_t size, void *at) {
  printf("%s %lx %ld\\n", info->dlpi_name, (long)info->dlpi_addr, (long)info->dlpi_tls_modid);
  return 0;
}
int main(void) {
  void *plugin = dlopen(PLUGIN, RTLD_NOW);
  dl_iterate_phdr(show, 0);
  fflush(stdout);
#ifdef ABORTS
  abort();
#endif
  dlclose(plugin);
  return local;
}
`;

interface Machine extends CrossMachine {
  readonly loader: string;
  /** Whether qemu writes core files of its programs. */
  readonly hasCores: boolean;
  readonly model: { readonly is64: boolean; readonly little: boolean; readonly machine: number };
}

const gnu = (triple: string) => `/usr/bin/${triple}-ld`;
const MACHINES: readonly Machine[] = [
  {
    triple: "s390x-linux-gnu",
    qemu: "s390x",
    linker: gnu("s390x-linux-gnu"),
    loader: "ld64.so.1",
    hasCores: true,
    model: { is64: true, little: false, machine: 22 },
  },
  {
    triple: "powerpc-linux-gnu",
    qemu: "ppc",
    linker: gnu("powerpc-linux-gnu"),
    loader: "ld.so.1",
    hasCores: true,
    model: { is64: false, little: false, machine: 20 },
  },
  {
    triple: "arm-linux-gnueabihf",
    qemu: "arm",
    linker: "lld",
    loader: "ld-linux-armhf.so.3",
    hasCores: true,
    model: { is64: false, little: true, machine: 40 },
  },
  {
    triple: "riscv64-linux-gnu",
    qemu: "riscv64",
    linker: gnu("riscv64-linux-gnu"),
    flags: ["-march=rv64gc", "-mabi=lp64d"],
    loader: "ld-linux-riscv64-lp64d.so.1",
    hasCores: false,
    model: { is64: true, little: true, machine: 243 },
  },
];

const workshop = new RtldWorkshop();
afterAll(() => workshop.remove());

describe.each(MACHINES)("a program of $triple", (machine) => {
  it("tells what its run-time linker does, and where all is, as it prints itself", async () => {
    const plugin = compileCross(workshop, machine, `plugin-${machine.qemu}.so`, PLUGIN, "-shared", "-fPIC");
    const defined = `-DPLUGIN="${plugin}"`;
    const program = compileCross(workshop, machine, `program-${machine.qemu}`, PROGRAM, defined);
    const { target, out } = await startCross(workshop, machine, program);
    const process = new LiveProcess(target);
    expect(process.pdmodel()).toEqual(machine.model);
    expect(() => RtldAgent.new(process).pltResolution(0x1000n)).toThrow(
      expect.objectContaining({ code: "RD_NOCAPAB" }),
    );
    const { events, objects } = await followObjects(target, 4);
    expect(events).toEqual([
      "exec",
      "RD_DLACTIVITY RD_ADD",
      `RD_PREINIT +program-${machine.qemu} +libc.so.6 +${machine.loader}`,
      "RD_POSTINIT",
      "RD_DLACTIVITY RD_ADD",
      `RD_DLACTIVITY RD_CONSISTENT +plugin-${machine.qemu}.so`,
      "RD_DLACTIVITY RD_DELETE",
      `RD_DLACTIVITY RD_CONSISTENT -plugin-${machine.qemu}.so`,
      "exit code 3",
    ]);
    expect(out.read().trimEnd().split("\n")).toEqual(objects);
  });
});

describe.each(MACHINES.filter((one) => one.hasCores))("a core file of $triple", (machine) => {
  it("has what was loaded, and where, as the program printed before it ended", () => {
    const { qemu } = machine;
    const plugin = compileCross(workshop, machine, `dumped-${qemu}.so`, PLUGIN, "-shared", "-fPIC");
    const defined = ["-DABORTS", `-DPLUGIN="${plugin}"`];
    const program = compileCross(workshop, machine, `dumped-${qemu}`, PROGRAM, ...defined);
    const script = 'ulimit -c unlimited; qemu-$0 -L "$1" "$2" 2> /dev/null; true';
    const printed = workshop.run("sh", "-c", script, qemu, sysrootOf(machine), program);
    const [name = ""] = readdirSync(workshop.directory).filter((one) =>
      one.startsWith(`qemu_dumped-${qemu}_`),
    );
    using core = CoreProcess.open(workshop.path(name), { executable: program, sysroot: sysrootOf(machine) });
    expect(core.pdmodel()).toEqual(machine.model);
    const objects = RtldAgent.new(core).objects.map(
      (one) => `${one.isProgram ? "" : one.name} ${one.bias.toString(16)} ${one.tlsModId}`,
    );
    expect(objects).toHaveLength(4);
    expect(printed.trimEnd().split("\n")).toEqual(objects);
  });
});
