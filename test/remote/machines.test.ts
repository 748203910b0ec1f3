/** Programs of machines with another order of bytes, of 32 bits, or with two kinds of instructions, under qemu's stub. */
import { afterAll, describe, expect, it } from "vitest";
import { LiveProcess, RtldAgent } from "../../src/rtld/index.ts";
import { type CrossMachine, compileCross, startCross } from "../rtld/cross.ts";
import { PLUGIN } from "../rtld/programs.ts";
import { followObjects } from "../rtld/stubs.ts";
import { RtldWorkshop } from "../rtld/workshop.ts";

const PROGRAM = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
__thread int local = 3;
static int show(struct dl_phdr_info *info, size_t size, void *at) {
  printf("%s %lx %ld\\n", info->dlpi_name, (long)info->dlpi_addr, (long)info->dlpi_tls_modid);
  return 0;
}
int main(void) {
  void *plugin = dlopen(PLUGIN, RTLD_NOW);
  dl_iterate_phdr(show, 0);
  fflush(stdout);
  dlclose(plugin);
  return local;
}
`;

interface Machine extends CrossMachine {
  readonly loader: string;
  readonly model: { readonly is64: boolean; readonly little: boolean; readonly machine: number };
}

const gnu = (triple: string) => `/usr/bin/${triple}-ld`;
const MACHINES: readonly Machine[] = [
  {
    triple: "s390x-linux-gnu",
    qemu: "s390x",
    linker: gnu("s390x-linux-gnu"),
    loader: "ld64.so.1",
    model: { is64: true, little: false, machine: 22 },
  },
  {
    triple: "powerpc-linux-gnu",
    qemu: "ppc",
    linker: gnu("powerpc-linux-gnu"),
    loader: "ld.so.1",
    model: { is64: false, little: false, machine: 20 },
  },
  {
    triple: "arm-linux-gnueabihf",
    qemu: "arm",
    linker: "lld",
    loader: "ld-linux-armhf.so.3",
    model: { is64: false, little: true, machine: 40 },
  },
  {
    triple: "riscv64-linux-gnu",
    qemu: "riscv64",
    linker: gnu("riscv64-linux-gnu"),
    flags: ["-march=rv64gc", "-mabi=lp64d"],
    loader: "ld-linux-riscv64-lp64d.so.1",
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
