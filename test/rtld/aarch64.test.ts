/** Programs of aarch64 under qemu's stub, against what they themselves say and what nm(1) has. */
import { basename } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { followLinker, LiveProcess } from "../../src/rtld/index.ts";
import { AARCH64, compileCross, startCross, sysrootOf } from "./cross.ts";
import { CALLED, CALLER, checkLinkage } from "./linkage.ts";
import { PLUGIN } from "./programs.ts";
import { followObjects, summary } from "./stubs.ts";
import { RtldWorkshop } from "./workshop.ts";

const PROGRAM = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
__thread int local = 3;
static int show(struct dl_phdr_info *info, size_t size, void *at) {
  printf("%s %s %lx %ld\\n", (char *)at, info->dlpi_name, (long)info->dlpi_addr, (long)info->dlpi_tls_modid);
  return 0;
}
int main(void) {
  void *plugin = dlopen(PLUGIN, RTLD_NOW);
  dlmopen(LM_ID_NEWLM, "libm.so.6", RTLD_NOW);
  dl_iterate_phdr(show, "open");
  dlclose(plugin);
  return local;
}
`;

const BUSY_FOR_A_WHILE = `
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
static void *work(void *unused) {
  for (int i = 0; i < 20; i++) {
    void *h = dlopen(PLUGIN, RTLD_NOW);
    int (*f)(int) = (int (*)(int))dlsym(h, "plugin");
    if (f == 0 || f(20) != 21) return 0;
    dlclose(h);
  }
  return (void *)1;
}
int main(void) {
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) pthread_create(threads + i, 0, work, 0);
  for (int i = 0; i < 3; i++) { void *r; pthread_join(threads[i], &r); if (r == 0) return 8; }
  printf("right\\n");
  return 7;
}
`;

const workshop = new RtldWorkshop();
afterAll(() => workshop.remove());

const compile = (name: string, source: string, ...flags: string[]) =>
  compileCross(workshop, AARCH64, name, source, ...flags);
const start = (program: string, env: NodeJS.ProcessEnv = {}) => startCross(workshop, AARCH64, program, env);

describe("a program of aarch64", () => {
  it("tells what its run-time linker does, and where all is, as it prints itself", async () => {
    const plugin = compile("plugin64.so", PLUGIN, "-shared", "-fPIC");
    const program = compile("program64", PROGRAM, `-DPLUGIN="${plugin}"`);
    const { target, out } = await start(program);
    expect(new LiveProcess(target).pdmodel()).toEqual({ is64: true, little: true, machine: 183 });
    const { events, objects } = await followObjects(target, 7);
    expect(events).toEqual([
      "exec",
      "RD_DLACTIVITY RD_ADD",
      "RD_PREINIT +program64 +libc.so.6 +ld-linux-aarch64.so.1",
      "RD_POSTINIT",
      "RD_DLACTIVITY RD_ADD",
      "RD_DLACTIVITY RD_CONSISTENT +plugin64.so",
      "RD_DLACTIVITY RD_ADD",
      "RD_DLACTIVITY RD_CONSISTENT +libm.so.6 +libc.so.6 +ld-linux-aarch64.so.1",
      "RD_DLACTIVITY RD_DELETE",
      "RD_DLACTIVITY RD_CONSISTENT -plugin64.so",
      "exit code 3",
    ]);
    expect(objects).toHaveLength(4);
    expect(out.read().trim().split("\n")).toEqual(objects.map((one) => `open ${one}`));
  });

  it("with threads that load and unload at the same time does what it would have done", async () => {
    const plugin = compile("plugin64.so", PLUGIN, "-shared", "-fPIC");
    const program = compile("busy64", BUSY_FOR_A_WHILE, `-DPLUGIN="${plugin}"`);
    const { target, out } = await start(program);
    let loaded = 0;
    let last = "";
    await followLinker(target, (event) => {
      last = summary(event);
      loaded += event.added.filter((one) => one.name === plugin).length;
      loaded -= event.removed.filter((one) => one.name === plugin).length;
    });
    expect({ loaded, last, text: out.read() }).toEqual({ loaded: 0, last: "exit code 7", text: "right\n" });
  });

  it("has its symbols and linkage tables looked up in the files of its root", async () => {
    const program = compile("plain64", "int main(void) { return 6; }");
    const { target } = await start(program);
    let address: bigint | undefined;
    await followLinker(target, ({ event, process, added }) => {
      if (event !== "RD_PREINIT") return;
      const libc = added.find((one) => basename(one.name) === "libc.so.6");
      const file = process.pfile(libc?.name ?? "") ?? "";
      expect(file).toBe(`${sysrootOf(AARCH64)}/lib/libc.so.6`);
      expect(process.pfile("")).toBe(program);
      const [, plt = "0"] = / \.plt\s+PROGBITS\s+(\w+)/.exec(workshop.run("readelf", "-SW", file)) ?? [];
      expect(libc?.pltBase).toBe((libc?.bias ?? 0n) + BigInt(`0x${plt}`));
      address = process.pglobalLookup(program, "main");
      expect(address).toBe((added[0]?.bias ?? 0n) + workshop.symbol(program, "main"));
    });
    expect(address).toBeDefined();
  });
});

interface Kind {
  readonly name: string;
  readonly linker: string;
  readonly flags: readonly string[];
  readonly source?: string;
  readonly lazy: boolean;
  readonly nstep: number;
  /** Instruction that readelf's disassembler must show in the table. */
  readonly shows?: RegExp;
}

/** Calls as gcc compiles them with -fno-plt, which clang does not. */
const past = (caller: string, callee: string) => `
asm(".globl ${caller}\\n.type ${caller}, %function\\n${caller}: stp x29, x30, [sp, -16]!\\n"
  "adrp x1, :got:${callee}\\nldr x1, [x1, :got_lo12:${callee}]\\nblr x1\\nadd w0, w0, 1\\n"
  "ldp x29, x30, [sp], 16\\nret");`;
const CALLER_PAST = `int call_plain(int), call_twice(int);
int main(void) { return call_plain(1) + call_plain(2) + call_twice(3) + call_twice(4); }
${past("call_plain", "plain")}
${past("call_twice", "twice")}`;

const GNU = "/usr/bin/aarch64-linux-gnu-ld";
/** Its code is not all marked, which the linker is not to mind; the processor does not check. */
const PLAIN_CPU = { QEMU_CPU: "cortex-a57" };
const BTI = "-Wl,-z,force-bti";
const KINDS: readonly Kind[] = [
  { name: "lazy", linker: GNU, flags: ["-Wl,-z,lazy"], lazy: true, nstep: 4 },
  { name: "now", linker: GNU, flags: ["-Wl,-z,now"], lazy: false, nstep: 4 },
  {
    name: "bti",
    linker: GNU,
    flags: ["-Wl,-z,lazy", BTI, "-no-pie"],
    lazy: true,
    nstep: 5,
    shows: /hint\t#34|bti\tc/,
  },
  {
    name: "pac",
    linker: GNU,
    flags: ["-Wl,-z,lazy,-z,pac-plt"],
    lazy: true,
    nstep: 5,
    shows: /hint\t#12|autia1716/,
  },
  { name: "lld", linker: "lld", flags: ["-Wl,-z,lazy"], lazy: true, nstep: 4 },
  {
    name: "lld-bti",
    linker: "lld",
    flags: ["-Wl,-z,lazy", BTI, "-no-pie"],
    lazy: true,
    nstep: 4,
    shows: /hint\t#34|bti\tc/,
  },
  { name: "no-plt", linker: GNU, flags: [], source: CALLER_PAST, lazy: false, nstep: 3 },
];

describe("a linkage table of aarch64 of kind", () => {
  let library = "";
  beforeAll(() => {
    library = compile("libcalled64.so", CALLED, "-shared", "-fPIC");
  });

  it.each(KINDS)("$name leads into the function, at the first call and later", async (kind) => {
    const { name, linker, flags, source = CALLER, lazy, nstep, shows } = kind;
    const program = compile(
      `${name}64`,
      source,
      `-fuse-ld=${linker}`,
      ...flags,
      "-lcalled64",
      `-Wl,-rpath,${workshop.directory}`,
    );
    const table = workshop.run("llvm-objdump", "-d", "-j", ".plt", program);
    if (shows !== undefined) expect(table).toMatch(shows);
    const { target } = await start(program, PLAIN_CPU);
    await checkLinkage(workshop, target, { program, library, lazy, nstep });
  });
});
