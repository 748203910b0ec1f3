/** Kernels: directories of modules that nobody reads before they are needed, and the one that runs. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DW_FORM } from "../../src/dwarf/constants/form.ts";
import type { Module } from "../../src/dwfl/module/module.ts";
import { Dwfl } from "../../src/dwfl/session.ts";
import { DwflError, HostError } from "../../src/errors.ts";
import { euModules } from "./eu-modules.ts";
import { KernelWorkshop, LINKED } from "./kernel-workshop.ts";

const RELEASE = "6.1.0-test";
let workshop: KernelWorkshop;
let vmlinux: string;
let modules: string;

beforeAll(() => {
  workshop = new KernelWorkshop();
  vmlinux = workshop.vmlinux("vmlinux");
  modules = workshop.path("modules");
  const exported = "int shared_name(int x) { return x; }";
  workshop.module("alpha.ko", { name: "alpha", refers: "_printk", depends: "", extra: exported });
  workshop.module("beta.ko", { name: "beta", refers: "shared_name", depends: "alpha" });
  workshop.module("gamma.ko", { name: "gamma", refers: "_printk", depends: "", extra: exported });
  workshop.module("delta.ko", { name: "delta", refers: "gamma_run", depends: undefined });
  workshop.copy(workshop.path("alpha.ko"), "modules", "kernel/a/alpha.ko");
  workshop.run("xz", "-k", "beta.ko");
  workshop.copy(workshop.path("beta.ko.xz"), "modules", "kernel/b/beta-two.ko.xz");
  workshop.run("gzip", "-k", "gamma.ko");
  workshop.copy(workshop.path("gamma.ko.gz"), "modules", "kernel/gamma.ko.gz");
  workshop.run("zstd", "-q", "delta.ko");
  workshop.copy(workshop.path("delta.ko.zst"), "modules", "updates/delta.ko.zst");
  put(`${modules}/kernel/broken.ko`, "no module");
  put(`${modules}/kernel/notes.txt`, "no module either");
});
afterAll(() => workshop.remove());

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function need(session: Dwfl, name: string): Module {
  const module = session.moduleNamed(name);
  if (module === undefined) throw new Error(`no module ${name}`);
  return module;
}

/** Where the linker put a symbol of `vmlinux`, by nm. */
function linked(name: string): bigint {
  const line = workshop
    .run("nm", vmlinux)
    .split("\n")
    .find((one) => one.endsWith(` ${name}`));
  return BigInt(`0x${line?.split(" ")[0]}`);
}

/** The first address in an expression of a module's debug information: that of the function that it refers to. */
function referred(module: Module): bigint {
  for (const unit of module.dwarf?.units() ?? []) {
    const at = unit.entries();
    while (at.next()) {
      while (at.nextAttribute()) {
        const isAddress = at.form === DW_FORM.DW_FORM_exprloc && at.reader.bytes[at.low] === 0x03;
        if (isAddress) return at.reader.address(at.low + 1, 8).resolve();
      }
    }
  }
  throw new Error(`${module.name}: no address`);
}

describe("reportDeadKernel", () => {
  it("reads names only, until a module is needed", () => {
    using session = new Dwfl();
    session.reportDeadKernel({ vmlinux, modules });
    expect(session.modules.map((one) => one.name)).toEqual([
      "kernel",
      "alpha",
      "beta_two",
      "broken",
      "delta",
      "gamma",
    ]);
    expect(session.modules.filter((one) => one.isOpen)).toEqual([]);
    expect(session.moduleNamed("beta-two")?.path).toBe(`${modules}/kernel/b/beta-two.ko.xz`);
    expect(need(session, "gamma").symbolNamed("gamma_run")?.address).toBeDefined();
    expect(session.modules.filter((one) => one.isOpen).map((one) => one.name)).toEqual(["gamma"]);
    // An address that nobody was given is in none of those without a place.
    expect(session.moduleAt(0x123n)).toBeUndefined();
    expect(session.modules.filter((one) => one.isOpen).map((one) => one.name)).toEqual(["gamma", "kernel"]);
  });

  it("gives modules free addresses as they are needed, and the kernel its own", () => {
    using session = new Dwfl();
    session.reportDeadKernel({ vmlinux, modules });
    const names = ["delta", "alpha", "beta_two", "gamma", "kernel"];
    const spans = names.map((name) => need(session, name).span);
    for (const [i, one] of spans.entries()) {
      for (const other of spans.slice(i + 1))
        expect(one.end <= other.start || other.end <= one.start).toBe(true);
      expect(session.moduleAt(one.start)?.name).toBe(names[i]);
    }
    expect(need(session, "kernel").symbolNamed("_printk")?.address).toBe(linked("_printk"));
    expect(session.modules.map((one) => one.name)).toEqual([
      "delta",
      "alpha",
      "beta_two",
      "gamma",
      "kernel",
      "broken",
    ]);
    expect(need(session, "broken").error).toMatchObject({ code: "ELF_BAD_MAGIC" });
  });

  it("finds a module again by the address of a symbol of it", () => {
    using session = new Dwfl();
    session.reportDeadKernel({ vmlinux, modules });
    expect(session.moduleAt(0n)).toBeUndefined();
    const address = need(session, "gamma").symbolNamed("gamma_run")?.address ?? 0n;
    expect(session.symbolAt(address + 1n)?.symbol.name).toBe("gamma_run");
    expect(session.modules.map((one) => one.name).slice(0, 2)).toEqual(["gamma", "kernel"]);
  });

  it("finds undefined symbols in the kernel, and in the modules that one depends on", () => {
    using session = new Dwfl();
    session.reportDeadKernel({ vmlinux, modules });
    expect(referred(need(session, "alpha"))).toBe(linked("_printk"));
    const beta = need(session, "beta_two");
    expect(need(session, "gamma").symbolNamed("shared_name")).toBeDefined();
    expect(referred(beta)).toBe(need(session, "alpha").symbolNamed("shared_name")?.address);
    // Without a list of what it depends on, those are asked that are open.
    expect(referred(need(session, "delta"))).toBe(need(session, "gamma").symbolNamed("gamma_run")?.address);
  });

  it("opens no other module for a symbol than those that one depends on", () => {
    using session = new Dwfl();
    session.reportDeadKernel({ vmlinux, modules });
    referred(need(session, "beta_two"));
    expect(
      session.modules
        .filter((one) => one.isOpen)
        .map((one) => one.name)
        .sort(),
    ).toEqual(["alpha", "beta_two", "kernel"]);
    expect(() => referred(need(session, "delta"))).toThrow(
      /value requires relocation: it counts from gamma_run/,
    );
  });

  it("puts modules where it is told, and refuses places of others", () => {
    using session = new Dwfl();
    const places = { alpha: { base: 0xffff_ffff_c000_0000n }, kernel: { bias: 0x1000_0000n } };
    session.reportDeadKernel({ vmlinux, modules, places });
    expect(session.moduleAt(0xffff_ffff_c000_0000n)?.name).toBe("alpha");
    expect(referred(need(session, "alpha"))).toBe(linked("_printk") + 0x1000_0000n);
    expect(need(session, "kernel").start).toBe(LINKED + 0x1000_0000n);
    using other = new Dwfl();
    const wrong = () => other.reportDeadKernel({ modules, places: { omega: { base: 0n } } });
    expect(wrong).toThrow(DwflError);
    expect(wrong).toThrow(/^omega: place: found no such module/);
    expect(() => other.reportDeadKernel({ modules: `${modules}/absent` })).toThrow(HostError);
    expect(other.modules).toEqual([]);
  });

  it("takes the file with the shorter name where there are two for one module", () => {
    const directory = workshop.path("two");
    workshop.copy(workshop.path("gamma.ko"), "two", "alpha.ko.debug");
    workshop.copy(workshop.path("alpha.ko"), "two", "alpha.ko");
    using session = new Dwfl();
    session.reportDeadKernel({ modules: directory });
    expect(session.modules.map((one) => one.path)).toEqual([`${directory}/alpha.ko`]);
  });
});

describe("reportKernel", () => {
  const SLIDE = 0x1200_0000n;
  const TEXT = 0xffff_ffff_c020_0000n;

  /** What a kernel shows of itself: moved by SLIDE, with two modules. */
  function recorded(name: string, hidden = false): { proc: string; sys: string; sysroot: string } {
    const root = workshop.path(name);
    const shown = (address: bigint) => (hidden ? 0n : address).toString(16).padStart(16, "0");
    const lines = ["_stext", "_printk", "exported"].map((one) => `${shown(linked(one) + SLIDE)} T ${one}\n`);
    const module = `${shown(TEXT)} t alpha_run\t[alpha]\n`;
    put(`${root}/proc/kallsyms`, `${lines.sort().join("")}${module}`);
    put(`${root}/proc/sys/kernel/osrelease`, `${RELEASE}\n`);
    const loaded = (one: string, at: bigint) => `${one} 16384 0 - Live 0x${shown(at)}\n`;
    put(`${root}/proc/modules`, `${loaded("alpha", TEXT)}${loaded("missing", TEXT + 0x10000n)}`);
    put(`${root}/sys/module/alpha/sections/.text`, `0x${shown(TEXT)}\n`);
    put(`${root}/sys/module/alpha/sections/.data`, `0x${shown(TEXT + 0x2000n)}\n`);
    workshop.copy(vmlinux, name, "usr/lib/debug/boot", `vmlinux-${RELEASE}`);
    workshop.copy(workshop.path("alpha.ko"), name, "lib/modules", RELEASE, "kernel/alpha.ko");
    return { proc: `${root}/proc`, sys: `${root}/sys`, sysroot: root };
  }

  it("finds how far the kernel was moved, and where the sections of its modules are", () => {
    using session = new Dwfl();
    session.reportKernel(recorded("shown"));
    const kernel = need(session, "kernel");
    expect(kernel.bias).toBe(SLIDE);
    expect(session.symbolAt(linked("_printk") + SLIDE + 2n)).toMatchObject({
      offset: 2n,
      symbol: { name: "_printk" },
    });
    const alpha = need(session, "alpha");
    expect(session.moduleAt(TEXT + 1n)).toBe(alpha);
    const run = alpha.symbolNamed("alpha_run");
    expect(run?.address).toBe(TEXT + (run?.offset ?? 0n));
    expect(alpha.symbolNamed("variable")?.address).toBe(TEXT + 0x2000n);
    // What the kernel threw away after the start has no address, but still a name.
    expect(alpha.symbolNamed("alpha_init")?.address).toBeUndefined();
    expect(referred(alpha)).toBe(linked("_printk") + SLIDE);
    expect(session.modules.map((one) => one.name)).toEqual(["kernel", "alpha", "missing"]);
    expect(need(session, "missing").error).toMatchObject({ code: "DWFL_NO_FILE", module: "missing" });
    expect(session.moduleAt(TEXT + 0x10010n)?.name).toBe("missing");
  });

  it("asks for sections on demand, each once", () => {
    const tree = recorded("later");
    const text = `${tree.sys}/module/alpha/sections/.text`;
    rmSync(text);
    using session = new Dwfl();
    session.reportKernel(tree);
    const alpha = need(session, "alpha");
    expect(alpha.symbolNamed("variable")?.address).toBe(TEXT + 0x2000n);
    put(text, "0xffffffffc0500000\n");
    expect(alpha.symbolNamed("alpha_run")?.address).toBe(
      0xffff_ffff_c050_0000n + (alpha.symbolNamed("alpha_run")?.offset ?? 0n),
    );
    rmSync(text);
    expect(alpha.symbolNamed("shared_name")?.address).toBeGreaterThan(0xffff_ffff_c050_0000n);
  });

  it("refuses a file of another build id than what runs", () => {
    const tree = recorded("stale");
    const note = (from: string, to: string) => {
      put(to, "");
      workshop.run("objcopy", "-O", "binary", "--only-section=.note.gnu.build-id", from, to);
    };
    note(vmlinux, `${tree.sys}/kernel/notes`);
    using session = new Dwfl();
    session.reportKernel(tree);
    expect(need(session, "kernel").error).toBeUndefined();
    expect(need(session, "kernel").buildId).toBe(need(session, "kernel").elf.buildId());
    workshop.run("gcc", "-nostdlib", "-static", "-Wl,--build-id,-e,exported", "-o", "other", "image.c");
    using stale = new Dwfl();
    stale.reportKernel({ ...tree, vmlinux: workshop.path("other") });
    expect(need(stale, "kernel").error).toMatchObject({ code: "DWFL_NO_FILE", module: "kernel" });
    expect(need(stale, "kernel").error?.message).toMatch(
      /other: build id: found \w{40}, expected \w{40} of what runs/,
    );
    put(`${tree.sys}/kernel/notes`, "\x04\0\0\0\xff\xff\xff\x7f");
    using damaged = new Dwfl();
    damaged.reportKernel(tree);
    expect(need(damaged, "kernel").error).toBeUndefined();
  });

  it("knows no place of what the kernel hides", () => {
    using session = new Dwfl();
    session.reportKernel(recorded("hidden", true));
    const [kernel, alpha] = [need(session, "kernel"), need(session, "alpha")];
    expect(session.moduleAt(TEXT)).toBeUndefined();
    for (const module of [kernel, alpha]) {
      expect(() => module.start).toThrow(/^\w+: place: the kernel hides its addresses/);
      expect(module.error).toBeUndefined();
    }
    expect(kernel.symbolNamed("_printk")).toMatchObject({ address: undefined, offset: linked("_printk") });
    expect(alpha.symbolNamed("alpha_run")?.address).toBeUndefined();
    expect([...(alpha.dwarf?.units() ?? [])]).toHaveLength(1);
  });

  it("reports this machine's kernel as libdwfl does", () => {
    using session = new Dwfl();
    session.reportKernel();
    const theirs = euModules("-k").find((one) => one.name === "kernel");
    if (theirs?.id !== undefined) expect(session.moduleNamed("kernel")?.buildId).toBe(theirs.id);
    expect(session.moduleNamed("kernel")?.knownSpan).toEqual(
      theirs && { start: theirs.start, end: theirs.end },
    );
    const loaded = readFileSync("/proc/kallsyms", "utf8").match(/\t\[\w+\]$/gm) ?? [];
    for (const name of new Set(loaded.map((one) => one.slice(2, -1)))) {
      // Programs of the kernel itself are listed like modules.
      if (!["bpf", "__builtin__ftrace", "__builtin__kprobes"].includes(name)) {
        expect(session.moduleNamed(name)?.isKernelModule).toBe(true);
      }
    }
  });
});
