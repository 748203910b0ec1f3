/** Servers that are down, slow, wrong or break off: each named with what it answered, and nothing left in the cache. */
import { readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { DebuginfodClient } from "../../src/dwfl/debuginfod/client.ts";
import type { DebuginfodProgress } from "../../src/dwfl/debuginfod/progress.ts";
import { stderrProgress } from "../../src/dwfl/debuginfod/progress.ts";
import { settingsFromEnvironment } from "../../src/dwfl/debuginfod/settings.ts";
import { ElfError, HostError } from "../../src/errors.ts";
import { freePort, startServer, type TestServer } from "./debuginfod-server.ts";
import { FindWorkshop } from "./find-workshop.ts";

const workshop = new FindWorkshop();
const servers: TestServer[] = [];
/** A debug file padded to take many reads, and its build id. */
let file: Buffer;
let id: string;
let cache: string;
let caches = 0;

beforeAll(() => {
  const program = workshop.program("app", 3);
  id = program.id;
  file = Buffer.concat([readFileSync(program.debug), Buffer.alloc(400_000)]);
});
beforeEach(() => {
  cache = workshop.path(`cache${caches++}`);
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});
afterAll(() => workshop.remove());

async function serve(listener: RequestListener): Promise<TestServer> {
  const server = await startServer(listener);
  servers.push(server);
  return server;
}

const whole = (_: IncomingMessage, response: ServerResponse) => {
  response.writeHead(200, { "content-length": file.length }).end(file);
};
const absent = (_: IncomingMessage, response: ServerResponse) => {
  response.writeHead(404).end("not found");
};

function environment(urls: string, more: Record<string, string> = {}) {
  const limits = { DEBUGINFOD_TIMEOUT: "5", DEBUGINFOD_RETRY_LIMIT: "0" };
  return { ...limits, DEBUGINFOD_URLS: urls, DEBUGINFOD_CACHE_PATH: cache, ...more };
}

function find(urls: string, more: Record<string, string> = {}) {
  return DebuginfodClient.fromEnvironment(environment(urls, more)).find(id, "debuginfo");
}

/** The one answer of a query that finds nothing; shows that nothing is left in the cache, and nothing remembered. */
async function failure(urls: string, more: Record<string, string> = {}): Promise<string> {
  const result = await find(urls, more);
  if (result.path !== undefined) throw new Error(`found ${result.path}, expected nothing`);
  expect(readdirSync(cache)).toEqual(["cache_clean_interval_s"]);
  expect(result.answers).toHaveLength(1);
  const [{ place, absent, what } = { place: "", absent: true, what: "" }] = result.answers;
  expect(absent).toBe(false);
  expect(place).toBe(`${urls}/buildid/${id}/debuginfo`);
  return what;
}

/** debuginfod-find's exit code, of the same settings. */
async function theirs(urls: string, more: Record<string, string> = {}): Promise<number> {
  return (await workshop.runBeside(environment(urls, more), "debuginfod-find", "debuginfo", id)).code;
}

describe("a server that fails", () => {
  it("is down", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    expect(await failure(url)).toContain("ECONNREFUSED");
    expect(await theirs(url)).toBe(1);
  });

  it("answers with an error of its own: not remembered as a file that is not there", async () => {
    const { url } = await serve((_, response) => void response.writeHead(503).end());
    expect(await failure(url)).toBe("HTTP 503 Service Unavailable");
  });

  it("does not answer within the time limit", async () => {
    const { url } = await serve(() => {});
    const limits = { DEBUGINFOD_TIMEOUT: "1" };
    expect(await failure(url, limits)).toBe(
      "timeout: found 0 bytes in 1 s, expected 102400 or the file's end",
    );
  });

  it("stalls in the middle", async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, { "content-length": file.length }).write(file.subarray(0, 1000));
    });
    expect(await failure(url, { DEBUGINFOD_TIMEOUT: "1" })).toMatch(/^timeout: found \d+ bytes in 1 s, /);
  });

  it("breaks off", async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, { "content-length": file.length });
      // Not before all of it is on its way.
      response.write(file.subarray(0, 200_000), () => response.destroy());
    });
    expect(await failure(url)).toBe(
      `truncated (other side closed): found 200000 bytes, expected ${file.length}`,
    );
    expect(await theirs(url)).toBe(1);
  });

  it("breaks off where only X-DEBUGINFOD-SIZE says how much there is", async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, { "x-debuginfod-size": file.length }).end(file.subarray(0, 200_000));
    });
    expect(await failure(url)).toBe(
      `truncated (end of the answer): found 200000 bytes, expected ${file.length}`,
    );
  });

  it("sends something else", async () => {
    const { url } = await serve((_, response) => void response.writeHead(200).end("<html>log in</html>"));
    expect(await failure(url)).toMatch(/^the file it sent: .*found 3c 68 74 6d/);
    const other = readFileSync(workshop.program("other", 4).debug);
    const wrong = await serve((_, response) => void response.writeHead(200).end(other));
    expect(await failure(wrong.url)).toMatch(/^the file it sent: build id: found \w+, expected \w+$/);
  });

  it("has a file larger than DEBUGINFOD_MAXSIZE", async () => {
    const seen: (string | undefined)[] = [];
    const { url } = await serve((request, response) => {
      seen.push(request.headers["x-debuginfod-maxsize"]?.toString());
      // Once with a length to refuse at once, and once without.
      if (seen.length === 1) whole(request, response);
      else response.writeHead(200).end(file);
    });
    const limits = { DEBUGINFOD_MAXSIZE: "300000" };
    expect(await failure(url, limits)).toBe(`size: found ${file.length} bytes, expected at most 300000`);
    expect(await failure(url, limits)).toMatch(/^size: found \d+ bytes, expected at most 300000$/);
    expect(seen).toEqual(["300000", "300000"]);
  });

  it("takes longer than DEBUGINFOD_MAXTIME, though it keeps sending", async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write(Buffer.alloc(50_000)), 50);
      response.on("close", () => clearInterval(timer));
    });
    expect(await failure(url, { DEBUGINFOD_MAXTIME: "1" })).toBe("time limit: found no whole file after 1 s");
  });

  it("is no URL that can be asked", async () => {
    for (const url of ["127.0.0.1:1", "ftp://127.0.0.1"]) {
      const result = await find(url);
      expect(result).toMatchObject({ path: undefined, answers: [{ place: url, absent: false }] });
    }
  });
});

describe("several servers", () => {
  it("are asked at once, and the first that has the file gives it", async () => {
    const slow = await serve(() => {});
    const none = await serve(absent);
    const good = await serve(whole);
    const down = `http://127.0.0.1:${await freePort()}`;
    const result = await find([down, slow.url, none.url, `${good.url}/`, good.url].join(" "));
    expect(result).toEqual({
      path: join(cache, id, "debuginfo"),
      server: `${good.url}/buildid/${id}/debuginfo`,
    });
    expect(readFileSync(result.path ?? "").equals(file)).toBe(true);
    expect(slow.requests()).toHaveLength(1);
    expect(readdirSync(join(cache, id))).toEqual(["debuginfo"]);
  });

  it("are asked again when the one chosen fails", async () => {
    const bad = await serve((_, response) => void response.writeHead(200).end("nothing of use"));
    let times = 0;
    const good = await serve((request, response) => {
      if (++times > 1) whole(request, response);
    });
    const result = await find(`${bad.url} ${good.url}`);
    expect(result).toMatchObject({ server: `${good.url}/buildid/${id}/debuginfo` });
    expect([bad.requests().length, good.requests().length]).toEqual([1, 2]);
  });

  it("are remembered to have nothing only if all say so", async () => {
    const none = await serve(absent);
    const broken = await serve((_, response) => void response.writeHead(500).end());
    expect(await find(`${none.url} ${broken.url}`)).toMatchObject({
      path: undefined,
      answers: [{ what: "HTTP 404 Not Found" }, { what: "HTTP 500 Internal Server Error" }],
    });
    expect(readdirSync(cache)).toEqual(["cache_clean_interval_s"]);
    await find(`${none.url} ${none.url}/sub`);
    expect(readdirSync(join(cache, id))).toEqual(["debuginfo"]);
  });
});

describe("a query", () => {
  it("is repeated DEBUGINFOD_RETRY_LIMIT times where a server breaks off", async () => {
    let times = 0;
    const { url, requests } = await serve((request, response) => {
      if (++times < 3) request.socket.destroy();
      else whole(request, response);
    });
    expect(await find(url, { DEBUGINFOD_RETRY_LIMIT: "1" })).toMatchObject({ path: undefined });
    times = 0;
    expect((await find(url, { DEBUGINFOD_RETRY_LIMIT: "2" })).path).toBeDefined();
    expect(requests()).toHaveLength(5);
  });

  it("follows redirections, undoes compression, and takes the time of modification", async () => {
    const packed = gzipSync(file);
    const { url } = await serve((request, response) => {
      if (request.url?.startsWith("/moved/") !== true) {
        response.writeHead(302, { location: `/moved${request.url}` }).end();
        return;
      }
      const headers = { "content-encoding": "gzip", "content-length": packed.length };
      response.writeHead(200, { ...headers, "last-modified": "Sat, 03 Jan 2026 04:05:06 GMT" }).end(packed);
    });
    const { path = "" } = await find(url);
    expect(readFileSync(path).equals(file)).toBe(true);
    const times = (name: string) => workshop.run("stat", "-c", "%Y %a %s", name);
    expect(times(path)).toBe(`${Date.UTC(2026, 0, 3, 4, 5, 6) / 1000} 400 ${file.length}\n`);
    const mine = times(path);
    cache = workshop.path("cache-theirs");
    expect(await theirs(url)).toBe(0);
    expect(times(join(cache, id, "debuginfo"))).toBe(mine);
  });

  it("sends the credentials of a URL, and the headers of DEBUGINFOD_HEADERS_FILE, and shows no credentials", async () => {
    const headers = workshop.write("headers", "X-Team: bindery\n\n  \nno colon\nX-Other:  two words \n");
    const seen: IncomingMessage["headers"][] = [];
    const { url } = await serve((request, response) => {
      seen.push(request.headers);
      absent(request, response);
    });
    const secret = url.replace("//", "//me:p%40ss@");
    const result = await find(secret, { DEBUGINFOD_HEADERS_FILE: headers });
    expect(seen).toMatchObject([
      { authorization: `Basic ${btoa("me:p@ss")}`, "x-team": "bindery", "x-other": "two words" },
    ]);
    expect(JSON.stringify(result)).not.toContain("p%40ss");
  });

  it("reads from file: URLs", async () => {
    workshop.write(`mirror/buildid/${id}/debuginfo`, file);
    const url = pathToFileURL(workshop.path("mirror")).href;
    const { path = "" } = await find(url);
    expect(readFileSync(path).equals(file)).toBe(true);
    cache = workshop.path("cache-file");
    const empty = `${url}/none`;
    expect(await find(empty)).toMatchObject({ path: undefined, answers: [{ absent: true }] });
    expect(readdirSync(join(cache, id))).toEqual(["debuginfo"]);
  });

  it("ends with the caller's signal, and leaves nothing behind", async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, { "content-length": file.length }).write(file.subarray(0, 150_000));
    });
    const controller = new AbortController();
    const progress = () => controller.abort(new Error("enough"));
    const client = DebuginfodClient.fromEnvironment(environment(url), { progress });
    await expect(client.find(id, "debuginfo", controller.signal)).rejects.toThrow("enough");
    expect(readdirSync(cache)).toEqual(["cache_clean_interval_s"]);
    await expect(client.find(id, "debuginfo", AbortSignal.abort(new Error("never")))).rejects.toThrow(
      "never",
    );
    expect(readdirSync(cache)).toEqual(["cache_clean_interval_s"]);
  });

  it("tells how far the download is, and what was asked", async () => {
    const { url } = await serve(whole);
    const heard: DebuginfodProgress[] = [];
    const lines: string[] = [];
    const listeners = {
      progress: (one: DebuginfodProgress) => heard.push(one),
      verbose: (line: string) => lines.push(line),
    };
    const client = DebuginfodClient.fromEnvironment(environment(url), listeners);
    const { path } = await client.find(id, "debuginfo");
    await client.find(id, "debuginfo");
    const place = `${url}/buildid/${id}/debuginfo`;
    const total = file.length;
    expect(heard.at(-1)).toEqual({ url: place, received: total, total, done: true });
    const sizes = heard.map(({ received }) => received);
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
    expect(new Set(sizes).size).toBeGreaterThan(1);
    expect(lines).toEqual([`debuginfod: ${place}: ${path}`, `debuginfod: ${path}: found in the cache`]);
    let text = "";
    const print = stderrProgress((more) => {
      text += more;
    });
    for (const one of heard) print(one);
    expect(text).toMatch(new RegExp(`^\\rDownloading from ${url}/ \\d+/${total}`));
    expect(text.endsWith(`\rDownloading from ${url}/ ${total}/${total}\n`)).toBe(true);
  });

  it("prints to standard error what DEBUGINFOD_PROGRESS and DEBUGINFOD_VERBOSE ask for", async () => {
    const { url } = await serve(whole);
    const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    try {
      const { path } = await find(url, { DEBUGINFOD_PROGRESS: "1", DEBUGINFOD_VERBOSE: "1" });
      const text = write.mock.calls.map(([part]) => part).join("");
      expect(text).toContain(`\rDownloading from ${url}/ ${file.length}/${file.length}\n`);
      expect(text).toContain(`debuginfod: ${url}/buildid/${id}/debuginfo: ${path}\n`);
    } finally {
      write.mockRestore();
    }
  });

  it("refuses what is no build id, and a cache that is no directory", async () => {
    const { url, requests } = await serve(whole);
    const client = DebuginfodClient.fromEnvironment(environment(url));
    for (const wrong of ["", "../../etc/passwd", "ABCD", "abc", "00".repeat(65)]) {
      await expect(client.find(wrong, "debuginfo")).rejects.toThrow(ElfError);
    }
    cache = workshop.write("file", "x");
    await expect(find(url)).rejects.toThrow(HostError);
    expect(requests()).toEqual([]);
  });
});

describe("the environment", () => {
  it("has the defaults of debuginfod-client-config(7)", () => {
    const home = workshop.path("home/x").slice(0, -2);
    expect(settingsFromEnvironment({ HOME: home })).toEqual({
      servers: [],
      cachePath: join(home, ".cache/debuginfod_client"),
      timeoutS: 90,
      maxTimeS: 0,
      maxSize: 0,
      retries: 2,
      headers: [],
      progress: false,
      verbose: false,
    });
    const set = { DEBUGINFOD_URLS: " http://a  https://b/c ", DEBUGINFOD_TIMEOUT: "-1" };
    expect(
      settingsFromEnvironment({ ...set, DEBUGINFOD_PROGRESS: "", DEBUGINFOD_VERBOSE: "1" }),
    ).toMatchObject({
      servers: ["http://a", "https://b/c"],
      timeoutS: 0,
      progress: true,
      verbose: true,
    });
  });

  it("chooses the cache directory that debuginfod-find chooses", async () => {
    const { url } = await serve(whole);
    const cases = [{}, { XDG_CACHE_HOME: workshop.path("xdg") }, { HOME: workshop.path("old-home") }];
    workshop.path("old-home/.debuginfod_client_cache/x");
    for (const more of cases) {
      const variables = { HOME: workshop.path("new-home"), DEBUGINFOD_URLS: url, ...more };
      workshop.path("new-home/x");
      const environment = { ...variables, DEBUGINFOD_CACHE_PATH: "" };
      const ran = await workshop.runBeside(environment, "debuginfod-find", "debuginfo", id);
      expect(ran.stdout).toBe(join(settingsFromEnvironment(environment).cachePath, id, "debuginfo"));
    }
  });
});
