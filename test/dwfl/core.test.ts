/** Core files: the modules of a process that is gone. */
import { mkdirSync, readFileSync, renameSync, rmSync, truncateSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Dwfl } from "../../src/dwfl/session.ts";
import { DwflError, ElfError } from "../../src/errors.ts";
import { coreImage } from "../support/elf-core.ts";
import { euModules } from "./eu-modules.ts";
import { buildIdOf } from "./find-workshop.ts";
import { ProcessWorkshop, type RunningProgram } from "./process-workshop.ts";

const NT_AUXV = 6;
const NT_FILE = 0x46494c45;

let workshop: ProcessWorkshop;
let program: RunningProgram;
let core: string;
let image: Buffer;

beforeAll(async () => {
  workshop = new ProcessWorkshop();
  program = await workshop.start(workshop.plugin("plugin.so", 1));
  workshop.run("gcore", "-o", workshop.path("core"), String(program.pid));
  await program.stop();
  core = workshop.path(`core.${program.pid}`);
  image = readFileSync(core);
});
afterAll(() => workshop.remove());

function at(name: string): bigint {
  const address = program.addresses.get(name);
  if (address === undefined) throw new Error(`the program does not say where ${name} is`);
  return address;
}

/** The core file without notes of some types: these have another type. */
function without(name: string, ...types: number[]): string {
  const bytes = Buffer.from(image);
  for (let i = bytes.indexOf("CORE\0"); i >= 0; i = bytes.indexOf("CORE\0", i + 1)) {
    if (types.includes(bytes.readUInt32LE(i - 4))) bytes.writeUInt32LE(0x7777, i - 4);
  }
  return workshop.write(name, bytes);
}

/** The core file as the kernel writes it, notes first, cut off behind these. */
function withoutMemory(): Buffer {
  const count = image.readUInt16LE(56);
  const head = Buffer.from(image.subarray(0, 64 + count * 56));
  head.writeBigUInt64LE(0n, 40); // e_shoff
  head.fill(0, 58); // e_shentsize, e_shnum, e_shstrndx, as far as the header goes
  image.copy(head, 64, 64, 64 + count * 56);
  let notes: Buffer = Buffer.alloc(0);
  for (let at = 64; at < head.length; at += 56) {
    const offset = Number(head.readBigUInt64LE(at + 8));
    const isNote = head.readUInt32LE(at) === 4;
    if (isNote) notes = image.subarray(offset, offset + Number(head.readBigUInt64LE(at + 32)));
    head.writeBigUInt64LE(BigInt(isNote ? head.length : image.length), at + 8);
  }
  return Buffer.concat([head, notes]);
}

/** What the session names at the addresses that the program printed. */
function named(session: Dwfl): (string | undefined)[] {
  return ["main", "plugin_entry", "copy", "hidden"].map((name) => session.symbolAt(at(name))?.symbol.name);
}

describe("reportCore", () => {
  it("reports the mapped files, by the list of them", () => {
    using session = new Dwfl();
    session.reportCore(core);
    const live = session.modules.map(({ name, start, bias, buildId }) => ({ name, start, bias, buildId }));
    // libdwfl knows the loader's list of the first namespace only, so that the copy is missing there.
    const theirs = euModules(`--core=${core}`);
    for (const { start, id } of theirs) {
      expect(live.map((one) => [one.start, one.buildId])).toContainEqual([start, id]);
    }
    expect(live.length).toBeGreaterThanOrEqual(theirs.length);
    expect(session.modules.filter((one) => one.isProgram).map((one) => one.name)).toEqual(["host"]);
    expect(session.moduleAt(at("text"))).toBeUndefined();
    expect(named(session)).toEqual(["main", "plugin_entry", "plugin_entry", "hidden"]);
    expect(session.moduleNamed("[vdso]")?.symbolNamed("__vdso_clock_gettime")).toBeDefined();
  });

  it("has the sections where gdb has them", () => {
    using session = new Dwfl();
    session.reportCore(core);
    const text = workshop.run("gdb", "-batch", "-nx", workshop.path("host"), core, "-ex", "info files");
    const lines = [...text.matchAll(/0x([0-9a-f]+) - 0x[0-9a-f]+ is (\S+)(?: in (\/\S+))?$/gm)];
    const differences: string[] = [];
    let compared = 0;
    for (const [line, start, section = "", path] of lines) {
      if (section.startsWith("load")) continue;
      const module = session.moduleAt(BigInt(`0x${start}`));
      const own = module?.elf.sectionsNamed(section)[0];
      // The last section may take no memory, and begin behind the module.
      if (own === undefined || own.size === 0 || own.name === ".tbss") continue;
      compared++;
      const address = module?.sectionAddress(own.index);
      const name = path === undefined ? "host" : path.slice(path.lastIndexOf("/") + 1);
      if (address !== BigInt(`0x${start}`) || !name.startsWith(module?.name ?? "")) differences.push(line);
    }
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(60);
  });

  it("reports what the loader had loaded, by its own list, where there is no list of mapped files", () => {
    using session = new Dwfl();
    session.reportCore(without("no-files", NT_FILE));
    expect(named(session)).toEqual(["main", "plugin_entry", undefined, "hidden"]);
    const biases = new Map(session.modules.map((one) => [one.name, one.bias]));
    using whole = new Dwfl();
    whole.reportCore(core);
    for (const one of whole.modules) {
      if (one.start !== whole.moduleAt(at("copy"))?.start) expect(biases.get(one.name)).toBe(one.bias);
    }
    expect(session.modules.filter((one) => one.isProgram).map((one) => one.path)).toEqual([
      workshop.path("host"),
    ]);
  });

  it("reports what has an ELF header in memory, where there is neither", () => {
    using session = new Dwfl();
    session.reportCore(without("nothing", NT_FILE, NT_AUXV));
    const ids = session.modules.map((one) => one.buildId);
    expect(ids).toContain(buildIdOf(workshop.path("host")));
    expect(ids.filter((id) => id === buildIdOf(workshop.path("plugin.so")))).toHaveLength(2);
    expect(session.symbolAt(at("plugin_entry"))?.symbol.name).toBe("plugin_entry");
  });

  it("finds the files below a directory, and the program where it is told", () => {
    const host = workshop.path("host");
    const elsewhere = workshop.path("elsewhere/renamed");
    const root = workshop.path("root");
    const moved = join(root, workshop.path("plugin.so"));
    mkdirSync(dirname(moved), { recursive: true });
    renameSync(workshop.path("plugin.so"), moved);
    renameSync(host, elsewhere);
    try {
      using session = new Dwfl({ debugDirectories: [] });
      session.reportCore(core, { executable: elsewhere, sysroot: root });
      expect(session.moduleNamed("host")?.elf.name).toBe(elsewhere);
      expect(session.moduleAt(at("hidden"))?.elf.name).toBe(moved);
      expect(named(session)).toEqual(["main", "plugin_entry", "plugin_entry", "hidden"]);
      using by = new Dwfl();
      by.reportCore(without("by-map", NT_FILE), { executable: elsewhere, sysroot: root });
      expect(by.modules.find((one) => one.isProgram)?.elf.name).toBe(elsewhere);
      expect(by.symbolAt(at("main"))?.symbol.name).toBe("main");
    } finally {
      renameSync(elsewhere, host);
      renameSync(moved, workshop.path("plugin.so"));
    }
  });

  it("goes on with what was dumped where a file is another one", () => {
    const plugin = workshop.path("plugin.so");
    const id = buildIdOf(plugin);
    workshop.plugin("plugin.so", 9);
    using session = new Dwfl({ debugDirectories: [] });
    session.reportCore(core);
    const module = session.moduleAt(at("hidden"));
    expect(module?.buildId).toBe(id);
    expect(module?.elf.name).toContain("plugin.so (in ");
    // Of symbols the loader's are in memory.
    expect(named(session)).toEqual(["main", "plugin_entry", "plugin_entry", undefined]);
    rmSync(plugin);
    workshop.plugin("plugin.so", 1);
    expect(buildIdOf(plugin)).toBe(id);
  });

  it("reads as much as there is of one that was cut off", () => {
    const cut = workshop.write("cut", withoutMemory());
    using session = new Dwfl();
    session.reportCore(cut);
    expect(named(session)).toEqual(["main", "plugin_entry", "plugin_entry", "hidden"]);
  });

  it("reports nothing of what is no core file, is damaged or says nothing", () => {
    using session = new Dwfl();
    expect(() => session.reportCore(workshop.path("host"))).toThrow(DwflError);
    expect(() => session.reportCore(workshop.path("host"))).toThrow(/expected a core file/);
    const damaged = workshop.copy(core, "damaged");
    truncateSync(damaged, 200);
    expect(() => session.reportCore(damaged)).toThrow(ElfError);
    const small = workshop.write("small", coreImage());
    expect(() => session.reportCore(small)).toThrow();
    expect(session.modules).toEqual([]);
  });
});
