/** Supplementary files of dwz, found where dwz(1) and gdb say that they are, and refused if they are others. */
import { copyFileSync, readFileSync, symlinkSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { supplementaryLink } from "../../src/dwarf/supplementary-link.ts";
import { describeAttempt } from "../../src/dwfl/find/attempt.ts";
import {
  findLocalDebugFile,
  findLocalSupplementaryFile,
  findSupplementaryFile,
} from "../../src/dwfl/find/find.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { ElfError } from "../../src/errors.ts";
import { openElf } from "../../src/host/file.ts";
import { buildIdOf, FindWorkshop, type Program } from "./find-workshop.ts";

const workshop = new FindWorkshop();
const globals = workshop.path("usr/lib/debug");
const none = [workshop.path("none")];
let programs: Program[];
let common: string;

/** As a package lays its files out: debug files by build id, their links to the supplementary file relative. */
beforeAll(() => {
  programs = [workshop.program("usr/bin/a", 3), workshop.program("usr/bin/b", 4)];
  common = workshop.path("usr/lib/debug/.dwz/common.debug");
  const debugs = programs.map(({ debug }) => debug);
  workshop.run("dwz", "-m", common, "-M", "../../.dwz/common.debug", ...debugs);
  for (const { debug, id } of programs) {
    copyFileSync(debug, workshop.path(`usr/lib/debug/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`));
  }
});
afterAll(() => workshop.remove());

function find(path: string, debugDirectories: string[] = none) {
  using file = openElf(path);
  return findLocalSupplementaryFile(file.elf, { debugDirectories });
}

describe(".gnu_debugaltlink", () => {
  it("is read as readelf prints it", () => {
    const [{ debug } = { debug: "" }] = programs;
    using file = openElf(debug);
    expect(supplementaryLink(file.elf)).toEqual({
      section: ".gnu_debugaltlink",
      file: "../../.dwz/common.debug",
      id: buildIdOf(common),
    });
    const text = workshop.run("readelf", "-wk", "-wN", debug);
    expect(text).toContain("../../.dwz/common.debug");
    expect(text.replaceAll(/\s/g, "")).toContain(buildIdOf(common));
  });

  it("leads from program to debug file to supplementary file, by the paths that gdb takes", () => {
    for (const { path } of programs) {
      using program = openElf(path);
      const debug = findLocalDebugFile(program.elf, { debugDirectories: [globals] });
      expect(find(debug.path ?? "")).toEqual({ path: common, way: "supplementary", tried: [] });
      expect(workshop.gdbFinds(path, globals).path).toBe(debug.path);
      // The structure is nowhere but in the supplementary file.
      expect(workshop.gdbTypes(path, globals, "struct shape")).toContain("double area;");
    }
  });

  it("counts from where the debug file really is", () => {
    const [{ id } = { id: "" }] = programs;
    const real = workshop.path(`usr/lib/debug/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`);
    const link = workshop.path("elsewhere/a.debug");
    symlinkSync(real, link);
    expect(find(link).path).toBe(common);
  });

  it("gives way to the build id's name, and to .dwz, where the path leads nowhere", () => {
    const [{ debug, id } = { debug: "", id: "" }] = programs;
    const moved = workshop.copy(debug, "moved/a.debug");
    expect(find(moved)).toMatchObject({ path: undefined, tried: [{ outcome: "absent" }, {}, {}, {}] });
    expect(find(moved, [globals])).toMatchObject({ path: common, way: "supplementary" });
    const alt = buildIdOf(common);
    const root = workshop.path("by-id");
    const byId = workshop.copy(common, "by-id/.build-id", alt.slice(0, 2), `${alt.slice(2)}.debug`);
    expect(find(moved, [root])).toMatchObject({ path: byId, way: "build-id" });
    expect(id).not.toBe(alt);
  });

  it("refuses a file of another build id, and names both", () => {
    const [{ debug, id } = { debug: "", id: "" }] = programs;
    const copy = workshop.copy(debug, "wrong/x/y/a.debug");
    const place = workshop.copy(debug, "wrong/.dwz/common.debug");
    expect(find(copy).tried.map(describeAttempt)).toContain(
      `supplementary: ${place}: build id: found ${id}, expected ${buildIdOf(common)}`,
    );
  });

  it("may be absolute, as Debian's are", () => {
    const pair = [workshop.program("absolute/a", 5), workshop.program("absolute/b", 6)];
    const file = workshop.path("absolute/shared.debug");
    workshop.run("dwz", "-m", file, "-M", file, ...pair.map(({ debug }) => debug));
    for (const { debug } of pair) expect(find(debug)).toMatchObject({ path: file, tried: [] });
  });
});

describe(".debug_sup", () => {
  it("leads to the file of its checksum, and to no other", () => {
    const make = (directory: string, first: number) => {
      const pair = [0, 1].map((i) => workshop.program(`${directory}/${i}`, first + i, "-gdwarf-5"));
      const file = workshop.path(directory, "common.sup");
      workshop.run("dwz", "-5", "-m", file, "-M", "common.sup", ...pair.map(({ debug }) => debug));
      return { debug: pair[0]?.debug ?? "", file };
    };
    const one = make("five", 7);
    expect(find(one.debug)).toEqual({ path: one.file, way: "supplementary", tried: [] });
    // The supplementary file itself refers to none.
    expect(find(one.file)).toEqual({ path: undefined, way: undefined, tried: [] });

    const swapped = workshop.copy(one.debug, "swapped/0.debug");
    const other = workshop.copy(one.file, "swapped/common.sup");
    using file = openElf(other);
    const section = file.elf.sectionsNamed(".debug_sup")[0];
    const dump = workshop.run("readelf", "-x", ".debug_sup", other);
    const words = dump.split("\n").flatMap((line) => /^\s+0x\w+ (.{35})/.exec(line)?.[1]?.split(" ") ?? []);
    const checksum = words.join("").slice(10);
    const content = Buffer.from(section?.bytes() ?? []);
    content.writeUInt8(content.readUInt8(5) ^ 0xff, 5);
    workshop.write("swapped/section", content);
    workshop.run("objcopy", `--update-section=.debug_sup=${workshop.path("swapped/section")}`, other);
    const found = content.subarray(5).toString("hex");
    expect(find(swapped).tried[0]?.what).toBe(`checksum: found ${found}, expected ${checksum}`);
  });
});

it("notes malformed links as places that failed, whatever their bytes are", async () => {
  const [{ debug } = { debug: "" }] = programs;
  const five = workshop.path("five/0.debug");
  for (const [path, name] of [
    [debug, ".gnu_debugaltlink"],
    [five, ".debug_sup"],
  ] as const) {
    const good = readFileSync(path);
    const { offset, size } = ElfFile.open(good).sectionsNamed(name)[0] ?? { offset: 0, size: 0 };
    let seed = 7;
    const random = () => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return seed >>> 16;
    };
    let malformed = 0;
    for (let round = 0; round < 200; round++) {
      const bytes = Uint8Array.from(good);
      // Without a terminator the whole section is a path that does not end.
      if (round % 4 === 0) bytes.fill(0x2e, offset + 5, offset + size);
      for (let i = 0; i < 4; i++) bytes[offset + (random() % size)] = random();
      const elf = ElfFile.open(bytes, { name: path });
      const result = await findSupplementaryFile(elf, { debugDirectories: none, debuginfod: false });
      try {
        supplementaryLink(elf);
      } catch (error) {
        expect(error).toBeInstanceOf(ElfError);
        expect(result.tried[0]).toMatchObject({ way: "supplementary", outcome: "refused" });
        malformed++;
      }
    }
    expect(malformed).toBeGreaterThan(30);
  }
});
