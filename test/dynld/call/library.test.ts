/** Shared libraries with debug information of their own, in a separate file, on a server. */
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { DebuginfodClient } from "../../../src/dwfl/debuginfod/client.ts";
import { openLibrary } from "../../../src/dynld/call/library.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { linkMaps } from "../../../src/host/dl.ts";
import { pathOf, tool } from "../support/compile.ts";
import { type Callables, compileApi } from "./open.ts";

/** A library without debug information, and its debug file. */
function stripped(): { path: string; debug: string; id: string } {
  const path = compileApi("gcc", "-g", "-Wl,--build-id");
  const debug = `${path}.debug`;
  const id = ElfFile.open(readFileSync(path)).buildId() ?? "";
  tool("objcopy", "--only-keep-debug", path, debug);
  tool("objcopy", "--strip-debug", path);
  return { path, debug, id };
}

describe("a library", () => {
  it("is called by a debug file beside it", async () => {
    const { path, debug } = stripped();
    tool("objcopy", `--add-gnu-debuglink=${debug}`, path);
    using lib = await openLibrary(path, { debuginfod: false });
    expect(lib.debugPath).toBe(debug);
    expect((lib.fn as unknown as Callables).add?.(1, 2)).toBe(3);
    expect(lib.data.counter).toBe(3);
  });

  it("is called by a debug file of its build id", async () => {
    const { path, debug, id } = stripped();
    const root = pathOf("debug-root");
    const place = `${root}/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`;
    mkdirSync(dirname(place), { recursive: true });
    copyFileSync(debug, place);
    using lib = await openLibrary(path, { debuginfod: false, debugDirectories: [root] });
    expect(lib.debugPath).toBe(place);
    expect((lib.fn as unknown as Callables).greet?.("you")).toBe("hello you");
  });

  it("is called by what debuginfod has", async () => {
    const { path, debug, id } = stripped();
    tool("mv", debug, `${debug}.away`);
    const served = pathOf(`served/buildid/${id}`);
    mkdirSync(served, { recursive: true });
    copyFileSync(`${debug}.away`, `${served}/debuginfo`);
    const debuginfod = DebuginfodClient.fromEnvironment({
      DEBUGINFOD_URLS: pathToFileURL(pathOf("served")).href,
      DEBUGINFOD_CACHE_PATH: pathOf("cache"),
    });
    using lib = await openLibrary(path, { debuginfod });
    expect(lib.debugPath).toContain("cache");
    expect((lib.fn as unknown as Callables).area?.({ x: 6, y: 7 })).toBe(42);
  });

  it("is refused when nothing tells its types, and when there is none", async () => {
    const { path, debug } = stripped();
    tool("rm", debug);
    await expect(openLibrary(path, { debuginfod: false })).rejects.toThrow(
      `${path}: found no debug information: not in it, not in a separate file, not on a server`,
    );
    expect(linkMaps().some(({ name }) => name === path)).toBe(false);
    await expect(openLibrary("libnothing.so.77")).rejects.toMatchObject({ code: "DYNLD_BAD_ARGUMENT" });
  });

  it("ends with its functions, its variables and its mapping", async () => {
    const path = compileApi("gcc", "-g");
    const lib = await openLibrary(path, { debuginfod: false });
    const { add, list, area_at } = lib.fn as unknown as Callables;
    const origin = lib.data.origin as { x: number };
    const table = lib.data.table as Int32Array;
    const made = lib.type("struct point").create({ x: 1, y: 2 }) as { x: number };
    expect([add?.(1, 2), origin.x, table.length, typeof list]).toEqual([3, 3, 4, "function"]);
    lib.close();
    lib.close();
    expect(linkMaps().some(({ name }) => name === path)).toBe(false);
    for (const action of [() => add?.(1, 2), () => list?.(), () => area_at?.(made), () => lib.data.counter]) {
      expect(action).toThrow(expect.objectContaining({ code: "DYNLD_FREED" }));
    }
    expect(() => origin.x).toThrow();
    expect(table.length).toBe(0);
    expect(made.x).toBe(1);
  });
});
