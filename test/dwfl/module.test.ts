/** Modules: sections are asked for on demand, addresses resolved through the session, and nothing is parsed twice. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bufferSource, countingSource } from "../../src/bytes/source.ts";
import { DW_FORM } from "../../src/dwarf/constants/form.ts";
import { rootEntry } from "../../src/dwarf/die.ts";
import type { Dwarf } from "../../src/dwarf/dwarf.ts";
import { LineRows } from "../../src/dwarf/read/line/program.ts";
import { unitLineHeader } from "../../src/dwarf/read/line/unit.ts";
import { DebuginfodClient } from "../../src/dwfl/debuginfod/client.ts";
import type { Module } from "../../src/dwfl/module/module.ts";
import { Dwfl } from "../../src/dwfl/session.ts";
import { ElfFile } from "../../src/elf/file.ts";
import type { ElfSection } from "../../src/elf/section.ts";
import { RelocationRequiredError } from "../../src/errors.ts";
import { startDebuginfod } from "./debuginfod-server.ts";
import { buildIdOf } from "./find-workshop.ts";
import { SessionWorkshop } from "./session-workshop.ts";

const SOURCE = `
extern const int table[];
extern void use(const int *);
int variable = 3;
__attribute__((section(".init.text"))) int start(void) { use(table + 1); return 1; }
int run(int x) { use(&variable); return x + 1; }
`;

let workshop: SessionWorkshop;
/** Address of each symbol where the linker put `needy.o` and `giver.o` together. */
let linked: Map<string, bigint>;
/** What readelf says the addresses in the linked `.debug_info` of needy.c are, in order. */
let linkedAddresses: bigint[];

beforeAll(() => {
  workshop = new SessionWorkshop();
  workshop.write("needy.c", SOURCE);
  workshop.write("giver.c", "const int table[3] = {1, 2, 3}; void use(const int *p) { (void)p; }\n");
  workshop.run("gcc", "-g", "-O2", "-fno-pie", "-S", "needy.c");
  // Compilers do not describe what they only know to be elsewhere; the kernel's assembly does.
  const assembly = readFileSync(workshop.path("needy.s"), "utf8");
  workshop.write("needy.s", assembly.replace(/(\.byte\t0x3\n\t\.quad\t)variable/, "$1table+4"));
  workshop.run("as", "-o", "needy.o", "needy.s");
  workshop.run("gcc", "-O2", "-c", "giver.c");
  workshop.run(
    "gcc",
    "-nostdlib",
    "-static",
    "-Wl,-e,run,-Ttext=0x654000",
    "-o",
    "whole",
    "needy.o",
    "giver.o",
  );
  linked = new Map(
    workshop
      .run("nm", "whole")
      .trim()
      .split("\n")
      .map((line) => [line.split(" ")[2] ?? "", BigInt(`0x${line.split(" ")[0]}`)]),
  );
  const info = workshop.run("readelf", "--debug-dump=info", "whole");
  linkedAddresses = [
    ...info.matchAll(/DW_AT_(?:low_pc|call_return_pc) *: (?:0x)?([0-9a-f]+)|DW_OP_addr: ([0-9a-f]+)/g),
  ].map((match) => BigInt(`0x${match[1] ?? match[2]}`));
});
afterAll(() => workshop.remove());

/** Where the linker put a section of `needy.o`, by the symbol that begins it. */
function linkedSection(section: ElfSection): bigint | undefined {
  const first: Record<string, string> = { ".init.text": "start", ".text": "run", ".data": "variable" };
  return linked.get(first[section.name] ?? "");
}

/** All addresses in `.debug_info` in order: plain ones, and those at the start of expressions. */
function addresses(dwarf: Dwarf): bigint[] {
  const found: bigint[] = [];
  for (const unit of dwarf.units()) {
    const at = unit.entries();
    while (at.next()) {
      while (at.nextAttribute()) {
        const { form, reader } = at;
        if (form === DW_FORM.DW_FORM_addr) found.push(reader.address(at.valueOffset, 8).resolve());
        const isAddress = form === DW_FORM.DW_FORM_exprloc && reader.bytes[at.low] === 0x03;
        if (isAddress) found.push(reader.address(at.low + 1, 8).resolve());
      }
    }
  }
  return found;
}

/** Addresses of all rows of the line programs. */
function lineAddresses(dwarf: Dwarf): bigint[] {
  const found: bigint[] = [];
  for (const unit of dwarf.units()) {
    const header = unitLineHeader(unit);
    if (header === undefined) continue;
    const rows = new LineRows(header);
    while (rows.next()) found.push(rows.address().resolve());
  }
  return found;
}

function need(module: Module): Dwarf {
  const { dwarf } = module;
  if (dwarf === undefined) throw new Error(`${module.name}: no debug information`);
  return dwarf;
}

describe("a relocatable module", () => {
  it("has the addresses that the linker gave, with sections placed as it did and symbols of another module", () => {
    using session = new Dwfl({
      sectionAddress: (module, section) => (module.name === "needy" ? linkedSection(section) : undefined),
    });
    const module = session.report({ name: "needy", file: workshop.path("needy.o") });
    const place = {
      sectionAddress: (section: ElfSection) => (section.name === ".rodata" ? linked.get("table") : undefined),
    };
    const giver = session.report({ name: "giver", file: workshop.path("giver.o"), place });
    expect(giver.elf.header.machine).toBe(62);
    expect(linkedAddresses).toContain((linked.get("table") ?? 0n) + 4n);
    expect(addresses(need(module))).toEqual(linkedAddresses);
  });

  it("asks for a section at the first need of it, once", () => {
    const asked: string[] = [];
    using session = new Dwfl({
      sectionAddress: (one, { name, index }) => {
        asked.push(`${one.name} ${name}`);
        return 0x10000n * BigInt(index);
      },
    });
    const [module] = session.reportFile(workshop.path("needy.o"));
    if (module === undefined) throw new Error("no module");
    for (const unit of need(module).units()) expect(rootEntry(unit).name).toBe("needy.c");
    expect(asked).toEqual([]);
    expect(module.symbolNamed("start")?.address).toBe(
      0x10000n * BigInt(module.symbolNamed("start")?.section ?? 0),
    );
    expect(asked).toEqual(["needy.o .init.text"]);
    lineAddresses(need(module));
    lineAddresses(need(module));
    expect(asked.sort()).toEqual(["needy.o .init.text", "needy.o .text"]);
  });

  it("asks anew after it had another place, which nobody is asked for", () => {
    let base = 0x1000n;
    let asked = 0;
    using session = new Dwfl({
      sectionAddress: (_module, { index }) => {
        asked++;
        return base + 0x1000n * BigInt(index);
      },
    });
    const [module] = session.reportFile(workshop.path("needy.o"));
    const address = () => module?.symbolNamed("variable")?.address ?? 0n;
    const first = address();
    expect([address(), asked]).toEqual([first, 1]);
    module?.place({ base: 0x7000_0000n });
    expect(session.moduleAt(address())).toBe(module);
    expect([address() > 0x7000_0000n, asked]).toEqual([true, 1]);
    base = 0x9000n;
    module?.place();
    expect([address(), asked]).toEqual([first + 0x8000n, 2]);
    // A range that nobody told is that of all sections.
    expect(session.moduleAt(address())).toBe(module);
    expect(session.moduleAt(0x7000_0000n)).toBeUndefined();
  });

  it("is re-placed without being read or parsed again", () => {
    const source = countingSource(bufferSource(readFileSync(workshop.path("needy.o")), "needy.o"));
    using session = new Dwfl();
    const place = (base: bigint) => ({
      sectionAddress: ({ index }: ElfSection) => base + 0x1000n * BigInt(index),
    });
    const module = session.report({ name: "needy", file: ElfFile.open(source), place: place(0n) });
    const giver = session.report({
      name: "giver",
      file: workshop.path("giver.o"),
      place: place(0x50_0000n),
    });
    const dwarf = need(module);
    const tables = () => [...dwarf.units()].map((unit) => unit.abbrevs);
    const digested = () =>
      ["debug_info", "debug_line", "debug_aranges"].map(
        (name) => dwarf.sections.first(name)?.relocations?.digested,
      );
    const all = () => [...addresses(dwarf), ...lineAddresses(dwarf)];
    const first = all();
    const symbols = [...module.symbols].map((symbol) => symbol.address ?? 0n);
    const before = {
      bytes: source.bytesRead,
      reads: source.reads.length,
      digested: digested(),
      tables: tables(),
    };
    module.place(place(0x100_0000n));
    expect(module.dwarf).toBe(dwarf);
    const second = all();
    const fixed = first.filter((address, i) => second[i] === address);
    // All moved by as much, save the absolute 0 of the unit, and the address in the other module.
    expect(fixed).toEqual([0n, (giver.symbolNamed("table")?.address ?? 0n) + 4n]);
    expect(second.filter((address, i) => address - (first[i] ?? 0n) === 0x100_0000n)).toHaveLength(
      first.length - fixed.length,
    );
    expect([...module.symbols].map((symbol) => symbol.address ?? 0n)).toEqual(
      symbols.map((one) => one + 0x100_0000n),
    );
    expect({
      bytes: source.bytesRead,
      reads: source.reads.length,
      digested: digested(),
      tables: tables(),
    }).toEqual(before);
    for (const [i, table] of tables().entries()) expect(table).toBe(before.tables[i]);
  });

  it("follows when the module that it needs a symbol of is re-placed", () => {
    using session = new Dwfl();
    const module = session.report({ name: "needy", file: workshop.path("needy.o"), place: { base: 0n } });
    const giver = session.report({
      name: "giver",
      file: workshop.path("giver.o"),
      place: { base: 0x1_0000n },
    });
    const table = () => giver.symbolNamed("table")?.address ?? 0n;
    const before = table();
    expect(addresses(need(module))).toContain(before + 4n);
    giver.place({ base: 0x200_0000n });
    expect(table()).toBeGreaterThan(0x200_0000n - 1n);
    expect(addresses(need(module))).toContain(table() + 4n);
    expect(addresses(need(module))).not.toContain(before + 4n);
    expect(session.moduleAt(before)).toBeUndefined();
    expect(session.moduleAt(table())).toBe(giver);
  });

  it("has thread-local variables where the linker puts them", () => {
    const source = "__thread int zero; __thread int one = 1; __thread char gap = 1; __thread long last;\n";
    workshop.run("gcc", "-g", "-c", "-o", "thread.o", workshop.write("thread.c", source));
    workshop.run("ld", "-shared", "-o", "thread.so", "thread.o");
    const offsets = ["zero", "one", "gap", "last"].map((name) => {
      const line = workshop
        .run("nm", "thread.so")
        .split("\n")
        .find((text) => text.endsWith(` ${name}`));
      return BigInt(`0x${line?.split(" ")[0]}`);
    });
    using session = new Dwfl();
    const [module] = session.reportFile(workshop.path("thread.o"));
    if (module === undefined) throw new Error("no module");
    const found: bigint[] = [];
    for (const unit of need(module).units()) {
      const at = unit.entries();
      while (at.next()) {
        while (at.nextAttribute()) {
          // DW_OP_const8u, the offset, DW_OP_GNU_push_tls_address.
          const isOffset = at.form === DW_FORM.DW_FORM_exprloc && at.reader.bytes[at.low] === 0x0e;
          if (isOffset) found.push(at.reader.address(at.low + 1, 8).resolve());
        }
      }
    }
    expect(found).toEqual(offsets);
  });

  it("takes 0 for a weak symbol that nobody defines", () => {
    const source = ".weak maybe\n.section .debug_info\n.quad maybe, needed\n.section .debug_line\n.long 0\n";
    workshop.run("as", "-o", "weak.o", workshop.write("weak.s", source));
    using session = new Dwfl();
    const module = session.report({ name: "weak", file: workshop.path("weak.o") });
    const section = need(module).sections.first("debug_info");
    const reader = section && need(module).reader(section);
    expect(reader?.address(0, 8).resolve()).toBe(0n);
    expect(() => reader?.address(8, 8).resolve()).toThrow(/counts from needed/);
  });

  it("says which symbol nobody defines, until somebody does", () => {
    using session = new Dwfl();
    const [module] = session.reportFile(workshop.path("needy.o"));
    const run = () => module?.dwarf && addresses(module.dwarf);
    expect(run).toThrow(RelocationRequiredError);
    expect(run).toThrow(/needy\.o: \.debug_info\+0x[0-9a-f]+: .*counts from table/);
    const giver = session.report({ name: "giver", file: workshop.path("giver.o") });
    expect(run()).toContain((giver.symbolNamed("table")?.address ?? 0n) + 4n);
  });

  it("counts from the main file's sections where the debug file is another", () => {
    // The sections of the two have other numbers: one of the main file is gone.
    for (const directory of ["debug", "split"]) workshop.path(directory, "x");
    workshop.run("objcopy", "--only-keep-debug", "needy.o", "debug/needy.debug");
    workshop.run("objcopy", "--strip-debug", "--remove-section=.bss", "needy.o", "bare.o");
    workshop.run("objcopy", "--add-gnu-debuglink=debug/needy.debug", "bare.o", "split/needy.o");
    using session = new Dwfl({ debugDirectories: [workshop.path("debug")] });
    const [module] = session.reportFile(workshop.path("split/needy.o"));
    if (module === undefined) throw new Error("no module");
    session.report({ name: "giver", file: workshop.path("giver.o") });
    const dwarf = need(module);
    expect(module.debug?.name).toBe(workshop.path("debug/needy.debug"));
    const start = module.symbolNamed("start");
    expect(addresses(dwarf)).toContain(start?.address);
    expect(addresses(dwarf)).toContain(module.symbolNamed("variable")?.address);
    const place = module.dwarfPlaceOf(start?.address ?? 0n);
    expect(dwarf.sections.elf.section(place?.section ?? 0).name).toBe(".init.text");
    expect(place?.section).not.toBe(start?.section);
    expect(module.dwarfAddressOf(place?.section, place?.offset ?? 0n)).toBe(start?.address);
  });
});

describe("a linked module", () => {
  it("keeps its own addresses in its debug information, and adds the bias to those outside", () => {
    using session = new Dwfl();
    const module = session.report({
      name: "both",
      file: workshop.path("both.so"),
      place: { bias: 0x7f00_0000_0000n },
    });
    const entry = module.symbolNamed("entry");
    expect(entry?.address).toBe(0x7f00_0000_0000n + (entry?.offset ?? 0n));
    expect(module.placeOf(entry?.address ?? 0n)).toEqual({ section: undefined, offset: entry?.offset });
    expect(addresses(need(module))).toContain(entry?.offset);
    expect(module.addressOf(undefined, entry?.offset ?? 0n)).toBe(entry?.address);
    module.place({ bias: 0x1000n });
    expect(module.symbolNamed("entry")?.address).toBe(0x1000n + (entry?.offset ?? 0n));
    expect(session.moduleAt(0x7f00_0000_1200n)).toBeUndefined();
  });
});

describe("fetchDebug and fetchFile", () => {
  it("get files from a server, and tell how far they are", async () => {
    workshop.path("served", "x");
    workshop.run("objcopy", "--only-keep-debug", "both.so", "served/both.debug");
    workshop.run("strip", "-o", "client.so", "both.so");
    workshop.copy(workshop.path("both.so"), "served/both.so");
    const server = await startDebuginfod(
      workshop,
      workshop.path("served"),
      buildIdOf(workshop.path("both.so")),
    );
    try {
      const before = server.requests();
      const environment = { DEBUGINFOD_URLS: server.url, DEBUGINFOD_CACHE_PATH: workshop.path("cache") };
      const progress: number[] = [];
      const debuginfod = DebuginfodClient.fromEnvironment(environment, {
        progress: ({ received }) => progress.push(received),
      });
      using session = new Dwfl({ debuginfod, debugDirectories: [] });
      const [module] = session.reportFile(workshop.path("client.so"));
      expect(module?.dwarf).toBeUndefined();
      expect(module?.symbolNamed("local")).toBeUndefined();
      expect(server.requests()).toEqual(before);
      const found = await module?.fetchDebug();
      expect(found?.way).toBe("debuginfod");
      expect(module?.symbolNamed("local")?.binding).toBe(0);
      expect(module?.dwarf && addresses(module.dwarf)).toContain(module?.symbolNamed("entry")?.offset);
      expect(progress.at(-1)).toBe(readFileSync(found?.path ?? "").length);
      // It is known now.
      expect(await module?.fetchDebug()).toBe(found);
      // A process whose file is gone: what is in memory has no sections, and no symbol that is not dynamic.
      const proc = workshop.path("proc");
      workshop.write("proc/1/maps", "10000-20000 r-xp 00000000 00:00 1 /gone/both.so\n");
      workshop.write(
        "proc/1/mem",
        Buffer.concat([Buffer.alloc(0x10000), readFileSync(workshop.path("both.so"))]),
      );
      session.reportProcess(1, { proc });
      const gone = session.moduleAt(0x10000n);
      expect([gone?.elf.sections.length, gone?.symbolNamed("local")]).toEqual([0, undefined]);
      expect(await gone?.fetchFile()).toBe(true);
      const local = gone?.symbolNamed("local");
      expect(local?.address).toBe(0x10000n + (local?.offset ?? -1n));
      expect(gone?.path).toBe("/gone/both.so");
      expect(await gone?.fetchFile()).toBe(true);
    } finally {
      await server.stop();
    }
  });

  it("asks nobody where the module has debug information, or may ask nobody", async () => {
    using session = new Dwfl({ debuginfod: false, debugDirectories: [] });
    const [whole] = session.reportFile(workshop.path("both.so"));
    expect(await whole?.fetchDebug()).toEqual({ path: undefined, way: undefined, tried: [] });
    workshop.run("strip", "-o", "stripped.so", "both.so");
    const stripped = session.report({ name: "stripped", file: workshop.path("stripped.so") });
    expect(await whole?.fetchFile()).toBe(true);
    const absent = session.report({ name: "absent", file: workshop.path("absent.so") });
    expect(await absent.fetchFile()).toBe(false);
    expect((await stripped.fetchDebug()).tried.every((one) => one.way !== "debuginfod")).toBe(true);
  });
});
