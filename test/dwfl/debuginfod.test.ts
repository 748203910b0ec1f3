/** Against the server and the client of Debian's debuginfod package: the same answers, one cache for both. */
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { DebuginfodKind } from "../../src/dwfl/debuginfod/cache.ts";
import { DebuginfodClient } from "../../src/dwfl/debuginfod/client.ts";
import { findDebugFile, findSupplementaryFile } from "../../src/dwfl/find/find.ts";
import { openElf } from "../../src/host/file.ts";
import { freePort, startDebuginfod, type TestServer } from "./debuginfod-server.ts";
import { buildIdOf, FindWorkshop, type Program } from "./find-workshop.ts";

const workshop = new FindWorkshop();
const UNKNOWN = "00ff00ff00ff00ff";
let programs: Program[];
let common: string;
let server: TestServer;
let down: string;
let cache: string;
let caches = 0;

beforeAll(async () => {
  programs = [workshop.program("served/a", 3), workshop.program("served/b", 4)];
  common = workshop.path("served/common.debug");
  workshop.run("dwz", "-m", common, "-M", "/nowhere/common.debug", ...programs.map(({ debug }) => debug));
  server = await startDebuginfod(workshop, workshop.path("served"), buildIdOf(common));
  down = `http://127.0.0.1:${await freePort()}`;
});
afterAll(async () => {
  await server.stop();
  workshop.remove();
});
beforeEach(() => {
  cache = workshop.path(`cache${caches++}`);
});

function environment(url: string, path = cache): Record<string, string> {
  return { DEBUGINFOD_URLS: url, DEBUGINFOD_CACHE_PATH: path };
}

function ours(kind: DebuginfodKind, id: string, url = server.url, path = cache) {
  return DebuginfodClient.fromEnvironment(environment(url, path)).find(id, kind);
}

/** What debuginfod-find prints; `undefined` if it finds nothing. */
async function theirs(kind: DebuginfodKind, id: string, url = server.url, path = cache) {
  const { code, stdout } = await workshop.runBeside(environment(url, path), "debuginfod-find", kind, id);
  return code === 0 ? stdout : undefined;
}

/** All that is in a cache: names, modes, sizes and times of modification. */
function listing(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const stat = statSync(join(path, name));
      const time = stat.isFile() && stat.size > 10 ? stat.mtime.toISOString() : "";
      return `${name} ${stat.mode.toString(8)} ${stat.isFile() ? stat.size : ""} ${time}`;
    });
}

describe("a cache shared with debuginfod-find", () => {
  it("holds the same after the same queries", async () => {
    const other = workshop.path("cache-theirs");
    for (const { id, path, debug } of programs) {
      for (const kind of ["debuginfo", "executable"] as const) {
        const mine = await ours(kind, id);
        expect(mine).toEqual({
          path: join(cache, id, kind),
          server: `${server.url}/buildid/${id}/${kind}`,
        });
        expect(await theirs(kind, id, server.url, other)).toBe(join(other, id, kind));
        const original = readFileSync(kind === "debuginfo" ? debug : path);
        expect(readFileSync(mine.path ?? "").equals(original)).toBe(true);
      }
    }
    expect(await ours("debuginfo", UNKNOWN)).toMatchObject({
      path: undefined,
      answers: [
        { place: `${server.url}/buildid/${UNKNOWN}/debuginfo`, absent: true, what: "HTTP 404 Not Found" },
      ],
    });
    expect(await theirs("debuginfo", UNKNOWN, server.url, other)).toBeUndefined();
    expect(listing(cache)).toEqual(listing(other));
    expect(listing(cache)).toHaveLength(1 + 2 * 3 + 2);
  });

  it("gives either what the other downloaded, when no server can be reached", async () => {
    const [{ id }, { id: second }] = programs as [Program, Program];
    const mine = await ours("debuginfo", id);
    expect(await theirs("debuginfo", id, down)).toBe(mine.path);
    const path = await theirs("executable", second);
    expect(await ours("executable", second, down)).toEqual({ path, server: undefined });
  });

  it("keeps either from asking again for what servers did not have", async () => {
    const nobodys = "0123456789abcdef";
    await ours("debuginfo", nobodys);
    expect(await theirs("debuginfo", nobodys)).toBeUndefined();
    await theirs("executable", nobodys);
    expect(await ours("executable", nobodys)).toEqual({
      path: undefined,
      answers: [
        {
          place: cache,
          absent: true,
          what: expect.stringMatching(/^the servers had no such file \d+ s ago$/),
        },
      ],
    });
    // The server writes its log after it has answered.
    const asked = () => server.requests().filter((path) => path.includes(nobodys));
    await expect
      .poll(asked, { timeout: 40_000 })
      .toEqual([`/buildid/${nobodys}/debuginfo`, `/buildid/${nobodys}/executable`]);
    expect(readFileSync(join(cache, "cache_miss_s"), "utf8")).toBe("600");
  });

  it("asks again once cache_miss_s is over, whoever wrote it", async () => {
    const [{ id, debug }] = programs as [Program, Program];
    const miss = join(cache, id, "debuginfo");
    mkdirSync(join(cache, id), { recursive: true });
    writeFileSync(miss, "");
    writeFileSync(join(cache, "cache_miss_s"), "100\n");
    const age = (seconds: number) => utimesSync(miss, new Date(), new Date(Date.now() - seconds * 1000));
    age(50);
    expect((await ours("debuginfo", id)).path).toBeUndefined();
    expect(await theirs("debuginfo", id)).toBeUndefined();
    age(150);
    expect((await ours("debuginfo", id)).path).toBe(miss);
    expect(readFileSync(miss).equals(readFileSync(debug))).toBe(true);
  });

  it("is cleaned when debuginfod-find cleans it, of the same", async () => {
    const old = (path: string, atime: number, mtime: number) =>
      utimesSync(path, new Date(Date.now() - atime * 1000), new Date(Date.now() - mtime * 1000));
    const fill = (path: string) => {
      for (const [id, used] of [
        ["aa01", 5000],
        ["aa02", 50],
        ["aa03", 5000],
      ] as const) {
        mkdirSync(join(path, id), { recursive: true });
        for (const name of ["debuginfo", "executable", "source##usr##x.c"]) {
          writeFileSync(join(path, id, name), "data that nobody reads");
          old(join(path, id, name), name === "executable" && id === "aa03" ? 10 : used, 9000);
        }
        writeFileSync(join(path, id, "notes"), "not a client's file");
        if (id !== "aa03") continue;
        old(join(path, id, "notes"), 5000, 5000);
      }
      mkdirSync(join(path, "not-an-id"));
      writeFileSync(join(path, "not-an-id/debuginfo"), "x");
      mkdirSync(join(path, "aa04"));
      for (const name of ["aa04", "not-an-id/debuginfo"]) old(join(path, name), 5000, 5000);
      writeFileSync(join(path, "max_unused_age_s"), "1000");
      writeFileSync(join(path, "cache_clean_interval_s"), "100");
    };
    const names = (path: string) => readdirSync(path, { recursive: true, encoding: "utf8" }).sort();
    const other = workshop.path(`${cache}-theirs`.slice(workshop.directory.length));
    for (const path of [cache, other]) {
      fill(path);
      old(join(path, "cache_clean_interval_s"), 50, 50);
    }
    const full = names(cache).length;
    await ours("debuginfo", programs[0]?.id ?? "");
    await theirs("debuginfo", programs[0]?.id ?? "", server.url, other);
    expect(names(cache)).toHaveLength(full + 2);
    expect(names(other)).toEqual(names(cache));
    for (const path of [cache, other]) old(join(path, "cache_clean_interval_s"), 150, 150);
    await ours("debuginfo", programs[1]?.id ?? "");
    await theirs("debuginfo", programs[1]?.id ?? "", server.url, other);
    expect(names(cache)).toEqual(names(other));
    expect(names(cache)).toContain("aa03/executable");
    expect(names(cache)).not.toContain("aa03/debuginfo");
    expect(names(cache)).not.toContain("aa04");
    expect(statSync(join(cache, "cache_clean_interval_s")).mtimeMs).toBeGreaterThan(Date.now() - 60_000);
  });

  it("holds up when many ask for one file at once", async () => {
    const [{ id, debug }] = programs as [Program, Program];
    const path = join(cache, id, "debuginfo");
    const queries = [1, 2, 3, 4].flatMap(() => [
      ours("debuginfo", id).then((result) => result.path),
      theirs("debuginfo", id),
    ]);
    expect(new Set(await Promise.all(queries))).toEqual(new Set([path]));
    expect(readFileSync(path).equals(readFileSync(debug))).toBe(true);
    expect(readdirSync(join(cache, id))).toEqual(["debuginfo"]);
  });

  it("is left alone without servers, as debuginfod-find leaves it", async () => {
    const [{ id }] = programs as [Program, Program];
    await ours("debuginfo", id);
    expect(await ours("debuginfo", id, "")).toEqual({ path: undefined, answers: [] });
    expect(await theirs("debuginfo", id, "")).toBeUndefined();
  });

  it("counts a file as used when it is asked for", async () => {
    const [{ id }] = programs as [Program, Program];
    const { path = "" } = await ours("debuginfo", id);
    const modified = statSync(path).mtimeMs;
    utimesSync(path, new Date(1000), new Date(modified));
    await ours("debuginfo", id, down);
    expect(statSync(path).atimeMs).toBeGreaterThan(Date.now() - 60_000);
    expect(statSync(path).mtimeMs).toBeCloseTo(modified, -1);
  });
});

describe("a search", () => {
  const options = () => ({
    debugDirectories: [workshop.path("none")],
    debuginfod: DebuginfodClient.fromEnvironment(environment(server.url)),
  });

  it("ends at the server with what elfutils finds there, supplementary file and all", async () => {
    const [{ path, id }] = programs as [Program, Program];
    const installed = workshop.copy(path, "installed/a");
    using program = openElf(installed);
    const found = await findDebugFile(program.elf, options());
    expect(found).toMatchObject({ path: join(cache, id, "debuginfo"), way: "debuginfod" });
    expect(new Set(found.tried.map(({ outcome }) => outcome))).toEqual(new Set(["absent"]));
    // elfutils prints no name for a file from debuginfod, but a dot: there is DWARF. A dash: there is none.
    const theirs = (path: string) =>
      workshop.elfutilsFinds(installed, workshop.path("none"), environment(down, path));
    expect(theirs(cache)).toBe(".");
    expect(theirs(workshop.path("empty-cache"))).toBe("-");

    using debug = openElf(found.path ?? "");
    const supplementary = await findSupplementaryFile(debug.elf, options());
    expect(supplementary).toMatchObject({
      path: join(cache, buildIdOf(common), "debuginfo"),
      way: "debuginfod",
    });
    expect(readFileSync(supplementary.path ?? "").equals(readFileSync(common))).toBe(true);
  });

  it("says which server said what", async () => {
    const unknown = workshop.program("unknown/x", 9);
    using program = openElf(workshop.copy(unknown.path, "unknown/copy"));
    const client = DebuginfodClient.fromEnvironment(environment(`${server.url}/ ${down}`));
    const { tried } = await findDebugFile(program.elf, { ...options(), debuginfod: client });
    const target = `buildid/${unknown.id}/debuginfo`;
    // Both are asked at once, and either may answer first.
    const answers = tried.filter(({ way }) => way === "debuginfod");
    expect(answers.toSorted((a, b) => a.outcome.localeCompare(b.outcome))).toEqual([
      { way: "debuginfod", place: `${server.url}/${target}`, outcome: "absent", what: "HTTP 404 Not Found" },
      {
        way: "debuginfod",
        place: `${down}/${target}`,
        outcome: "refused",
        what: expect.stringContaining("ECONNREFUSED"),
      },
    ]);
  });

  it("refuses a file in the cache that is not the one", async () => {
    const [{ path, id }] = programs as [Program, Program];
    workshop.copy(programs[1]?.debug ?? "", cache.slice(workshop.directory.length), id, "debuginfo");
    using program = openElf(workshop.copy(path, "again/a"));
    const { path: found, tried } = await findDebugFile(program.elf, options());
    expect(found).toBeUndefined();
    expect(tried.at(-1)).toEqual({
      way: "debuginfod",
      place: join(cache, id, "debuginfo"),
      outcome: "refused",
      what: `build id: found ${programs[1]?.id}, expected ${id}`,
    });
  });
});
