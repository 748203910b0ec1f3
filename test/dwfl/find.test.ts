/** Debug files on disk, found where gdb and elfutils find them, and refused where they refuse them. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeAttempt } from "../../src/dwfl/find/attempt.ts";
import { crc32OfFile, debugLinkPaths, readDebugLink } from "../../src/dwfl/find/debuglink.ts";
import { findDebugFile, findLocalDebugFile } from "../../src/dwfl/find/find.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { ElfError } from "../../src/errors.ts";
import { openElf } from "../../src/host/file.ts";
import { FindWorkshop, type Program } from "./find-workshop.ts";

const workshop = new FindWorkshop();
const globals = workshop.path("debug");
let program: Program;
let other: Program;

beforeAll(() => {
  program = workshop.program("made/app", 3);
  other = workshop.program("made/other", 4);
});
afterAll(() => workshop.remove());

function find(path: string, debugDirectories = [globals]) {
  using file = openElf(path);
  return findLocalDebugFile(file.elf, { debugDirectories });
}

/** A copy of the program in a directory of its own, with a link to `app.debug`. */
function linked(directory: string): string {
  const path = workshop.copy(program.path, directory, "app");
  workshop.run("objcopy", `--add-gnu-debuglink=${program.debug}`, path);
  return path;
}

describe("by build id", () => {
  const place = (root: string) =>
    join(root, ".build-id", program.id.slice(0, 2), `${program.id.slice(2)}.debug`);

  it("finds the file that gdb and elfutils find", () => {
    const roots = [workshop.path("none"), workshop.path("by-id")];
    workshop.copy(program.debug, "by-id", place(""));
    const [, root = ""] = roots;
    const path = workshop.copy(program.path, "id", "app");
    expect(find(path, roots)).toEqual({
      path: place(root),
      way: "build-id",
      tried: [{ way: "build-id", place: place(roots[0] ?? ""), outcome: "absent", what: "no such file" }],
    });
    expect(workshop.gdbFinds(path, roots.join(":")).path).toBe(place(root));
    expect(workshop.elfutilsFinds(path, roots.join(":"))).toBe(place(root));
  });

  it("refuses a file of another build id, and goes on with the link", () => {
    const root = workshop.path("wrong-id");
    workshop.copy(other.debug, "wrong-id", place(""));
    const path = linked("wrong");
    const beside = workshop.copy(program.debug, "wrong", "app.debug");
    const result = find(path, [root]);
    expect(result.path).toBe(beside);
    expect(result.tried.map(describeAttempt)).toEqual([
      `build-id: ${place(root)}: build id: found ${other.id}, expected ${program.id}`,
    ]);
    expect(workshop.elfutilsFinds(path, root)).toBe(beside);
  });

  it("says that a file is no ELF file, or is cut off", () => {
    const root = workshop.path("garbage");
    const path = workshop.copy(program.path, "garbage", "app");
    writeFileSync(workshop.path("garbage", place("")), "<html>not found</html>");
    expect(find(path, [root]).tried[0]).toEqual({
      way: "build-id",
      place: place(root),
      outcome: "refused",
      what: "ELF header+0x0: not an ELF file: found 3c 68 74 6d, expected 7f 45 4c 46",
    });
    writeFileSync(place(root), readFileSync(program.debug).subarray(0, 200));
    expect(find(path, [root])).toMatchObject({ path: undefined });
    expect(find(path, [root]).tried[0]).toMatchObject({ outcome: "refused", place: place(root) });
  });
});

describe("by its own name, without .gnu_debuglink", () => {
  it("looks where elfutils looks, and checks the build id", () => {
    const path = workshop.copy(program.path, "named/bin/app");
    const root = workshop.path("named-globals");
    const directory = dirname(path);
    const places = [
      `${path}.debug`,
      join(directory, ".debug/app.debug"),
      join(directory, ".debug/app"),
      join(root, `${path}.debug`),
      join(root, path),
      join(root, "bin/app.debug"),
      join(root, "bin/app"),
      join(root, "app"),
    ];
    const place = (name: string, from: string) => workshop.copy(from, name.slice(workshop.directory.length));
    for (const name of places.toReversed()) {
      place(name, other.debug);
      expect(find(path, [root]).tried.find((one) => one.place === name)).toMatchObject({
        outcome: "refused",
      });
      place(name, program.debug);
      expect(find(path, [root])).toMatchObject({ path: name, way: "name" });
      expect(workshop.elfutilsFinds(path, root)).toBe(name);
    }
  });
});

describe("by .gnu_debuglink", () => {
  it("looks where gdb and elfutils look, and finds each file there", () => {
    const path = linked("usr/bin");
    const parts = dirname(path);
    const places = [
      join(parts, "app.debug"),
      join(parts, ".debug/app.debug"),
      join(globals, parts, "app.debug"),
      join(globals, parts.split("/").slice(2).join("/"), "app.debug"),
      join(globals, "bin/app.debug"),
      join(globals, "app.debug"),
    ];
    expect(find(path).path).toBeUndefined();
    expect(find(path).tried.map(({ place }) => place)).toEqual(expect.arrayContaining(places));
    for (const place of places.toReversed()) {
      // Each one more, so that the order is shown too.
      workshop.copy(program.debug, place.slice(workshop.directory.length));
      expect(find(path)).toMatchObject({ path: place, way: "debuglink" });
      expect(workshop.elfutilsFinds(path, globals)).toBe(place);
      if (places.indexOf(place) < 3) expect(workshop.gdbFinds(path, globals).path).toBe(place);
    }
  });

  it("follows a symbolic link to the program", () => {
    const path = linked("real/bin");
    const beside = workshop.copy(program.debug, "real/bin/app.debug");
    const link = workshop.path("links/app");
    symlinkSync(path, link);
    const none = workshop.path("none");
    expect(find(link, [none]).path).toBe(beside);
    expect(workshop.gdbFinds(link, none).path).toBe(beside);
    expect(workshop.elfutilsFinds(link, none)).toBe(beside);
  });

  it("refuses a file whose CRC is not the link's, and names both, as gdb does", () => {
    const path = linked("crc");
    const bytes = readFileSync(program.debug);
    const wrong = Buffer.concat([bytes, Buffer.of(0)]);
    const beside = workshop.path("crc/app.debug");
    writeFileSync(beside, wrong);
    const result = find(path, [workshop.path("none")]);
    const hex = (value: number) => `0x${value.toString(16).padStart(8, "0")}`;
    expect(result.path).toBeUndefined();
    expect(result.tried.filter(({ outcome }) => outcome === "refused").map(describeAttempt)).toEqual([
      `debuglink: ${beside}: CRC-32: found ${hex(crc32(wrong))}, expected ${hex(crc32(bytes))}`,
    ]);
    expect(workshop.gdbFinds(path, workshop.path("none"))).toMatchObject({
      path: undefined,
      output: expect.stringContaining(`${beside}" does not match "${path}" (CRC mismatch)`),
    });
  });

  it("does not take a program for its own debug file", () => {
    const path = linked("self");
    symlinkSync(path, workshop.path("self/app.debug"));
    expect(find(path).tried).toContainEqual({
      way: "debuglink",
      place: workshop.path("self/app.debug"),
      outcome: "refused",
      what: "found the file itself",
    });
  });

  it("says why what is there can't be read", () => {
    const path = linked("unreadable");
    const loop = workshop.path("unreadable/app.debug");
    symlinkSync("app.debug", loop);
    mkdirSync(workshop.path("unreadable/.debug/app.debug"), { recursive: true });
    const [first, second] = find(path, []).tried.filter(({ way }) => way === "debuglink");
    expect(first).toMatchObject({ place: loop, outcome: "refused", what: expect.stringContaining("ELOOP") });
    expect(second).toMatchObject({ outcome: "refused", what: expect.stringContaining("no regular file") });

    const long = workshop.write(`${"n".repeat(250)}`, "");
    const named = workshop.copy(program.path, "long/app");
    workshop.run("objcopy", `--add-gnu-debuglink=${long}`, named);
    const content = Buffer.alloc(1008, "n").fill(0, 1000);
    workshop.run("objcopy", `--update-section=.gnu_debuglink=${workshop.write("section", content)}`, named);
    expect(find(named, []).tried[0]).toMatchObject({ what: expect.stringContaining("ENAMETOOLONG") });
  });

  it("needs no build id", () => {
    const plain = workshop.program("plain/app", 5, "-Wl,--build-id=none");
    const { path, debug } = plain;
    workshop.run("objcopy", `--add-gnu-debuglink=${debug}`, path);
    expect(find(path)).toEqual({ path: debug, way: "debuglink", tried: [] });
    expect(workshop.gdbFinds(path, globals).path).toBe(debug);
  });

  it("reads name and CRC as readelf prints them", () => {
    using file = openElf(linked("read"));
    const text = workshop.run("readelf", "--debug-dump=links", workshop.path("read/app"));
    const link = readDebugLink(file.elf);
    expect(text).toContain(`Separate debug info file: ${link?.file}`);
    expect(text).toContain(`CRC value: 0x${link?.crc.toString(16)}`);
    expect(crc32OfFile(program.debug)).toBe(link?.crc);
  });

  it("notes a malformed link as a place that failed, whatever its bytes are", async () => {
    const path = linked("fuzz");
    const good = readFileSync(path);
    const section = ElfFile.open(good).sectionsNamed(".gnu_debuglink")[0];
    const { offset, size } = section ?? { offset: 0, size: 0 };
    let malformed = 0;
    let seed = 1;
    for (let round = 0; round < 300; round++) {
      const bytes = Uint8Array.from(good);
      for (let i = 0; i < size; i++) {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        const byte = seed >>> 24;
        if (byte < 200) bytes[offset + i] = byte < 90 ? 0 : byte < 100 ? 0x2f : byte;
      }
      const elf = ElfFile.open(bytes, { name: path });
      const result = findLocalDebugFile(elf, { debugDirectories: [globals] });
      expect(result.path).toBeUndefined();
      try {
        const file = readDebugLink(elf)?.file ?? "";
        expect(file).toBe(basename(file));
      } catch (error) {
        expect(error).toBeInstanceOf(ElfError);
        malformed++;
        expect(result.tried.at(-1)).toMatchObject({ way: "debuglink", place: ".gnu_debuglink" });
      }
    }
    expect(malformed).toBeGreaterThan(50);
    expect(malformed).toBeLessThan(300);
  });

  it("keeps to the directories it is given", () => {
    expect(debugLinkPaths("/none/usr/app", "x.debug", ["/a", "/b"])).toEqual([
      "/none/usr/x.debug",
      "/none/usr/.debug/x.debug",
      "/a/none/usr/x.debug",
      "/a/usr/x.debug",
      "/a/x.debug",
      "/b/none/usr/x.debug",
      "/b/usr/x.debug",
      "/b/x.debug",
    ]);
  });
});

it("tries nothing where a file says nothing", async () => {
  const { path } = workshop.program("silent/app", 6, "-Wl,--build-id=none");
  using file = openElf(path);
  expect(await findDebugFile(file.elf, { debuginfod: false })).toEqual({
    path: undefined,
    way: undefined,
    tried: [],
  });
});
