import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { LiveObject } from "../../src/dlbind/index.ts";
import { ADD, bindCode, returning } from "./support/code.ts";
import { run } from "./support/native.ts";
import { descriptors, links, mappings } from "./support/process.ts";
import { refused } from "./support/refused.ts";

const FIXTURES = resolve(import.meta.dirname, "../fixtures/dlbind");
const SMALL = { symbols: 100, names: 4096, text: 65_536, rodata: 65_536, data: 65_536, frames: 10 };
const folder = mkdtempSync(join(tmpdir(), "dlbind-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a live object on a file", () => {
  it("is a file of its name in the directory, and gone with the object", () => {
    const directory = join(folder, "gone");
    mkdirSync(directory);
    const lib = LiveObject.create("on-file", { ...SMALL, backing: { directory } });
    expect(lib.path).toBe(join(directory, "on-file.so"));
    expect(readdirSync(directory)).toEqual(["on-file.so"]);
    bindCode(lib, "add", ADD);
    expect(lib.call("int add(int, int)", 2, 3)).toBe(5);
    expect(mappings().filter(({ path }) => path === lib.path).length).toBeGreaterThan(3);
    expect(descriptors(lib.path)).toHaveLength(1);
    lib.delete();
    expect(readdirSync(directory)).toEqual([]);
    expect(descriptors("on-file")).toEqual([]);
    expect(mappings().filter(({ path }) => path.includes("on-file"))).toEqual([]);
  });

  it("leaves the file there when it shall be kept, as a shared object that another process can load", () => {
    const directory = join(folder, "kept");
    mkdirSync(directory);
    const lib = LiveObject.create("kept", { ...SMALL, backing: { directory, keep: true } });
    bindCode(lib, "answer", returning(42));
    lib.publish();
    lib.delete();
    const path = join(directory, "kept.so");
    expect(readdirSync(directory)).toEqual(["kept.so"]);
    expect(run("readelf", "--wide", "--dyn-syms", path)).toMatch(/FUNC +GLOBAL +DEFAULT +\d+ answer/);
    const main = join(folder, "main.c");
    writeFileSync(
      main,
      `#include <dlfcn.h>
       int main(int argc, char **argv) {
         void *kept = dlopen(argv[argc - 1], RTLD_NOW);
         int (*answer)(void) = kept ? (int (*)(void))dlsym(kept, "answer") : 0;
         return answer ? answer() : 1;
       }`,
    );
    execFileSync("gcc", ["-o", join(folder, "main"), main]);
    const { status } = spawnSync(join(folder, "main"), [path]);
    expect(status).toBe(42);
  });

  it("takes no file's place, and falls back to the next way", () => {
    const directory = join(folder, "taken");
    mkdirSync(directory);
    writeFileSync(join(directory, "taken.so"), "somebody else's");
    const { message } = refused("DLBIND_NO_BACKING", () =>
      LiveObject.create("taken", { ...SMALL, backing: { directory } }),
    );
    expect(message).toMatch(
      /^taken: no way to back the object: file in \/.*\/taken: EEXIST: file already exists/,
    );
    expect(readFileSync(join(directory, "taken.so"), "utf8")).toBe("somebody else's");
    using lib = LiveObject.create("taken", { ...SMALL, backing: [{ directory }, "memfd"] });
    bindCode(lib, "add", ADD);
    expect(lib.call("int add(int, int)", 2, 3)).toBe(5);
    expect(descriptors("memfd:bindery:taken")).toHaveLength(1);
  });

  it("is refused with every way and its reason in one error, and leaves nothing", () => {
    const before = descriptors("").length;
    const ways = [{ directory: join(folder, "nowhere") }, { directory: "/proc" }, { directory: "/dev/null" }];
    const { message } = refused("DLBIND_NO_BACKING", () =>
      LiveObject.create("homeless", { ...SMALL, backing: ways }),
    );
    expect(message).toMatch(/nowhere: ENOENT: no such file/);
    expect(message).toMatch(/file in \/proc: (ENOENT|EACCES|EPERM)/);
    expect(message).toMatch(/file in \/dev\/null: ENOTDIR/);
    expect(descriptors("").length).toBe(before);
    const { message: none } = refused("DLBIND_NO_BACKING", () =>
      LiveObject.create("homeless", { ...SMALL, backing: [] }),
    );
    expect(none).toMatch(/^homeless: no way to back the object/);
  });
});

interface Outcome {
  readonly code?: string;
  readonly message?: string;
  readonly errno?: number;
  readonly done?: number;
}

interface Mounts {
  readonly noexec: { refused: Outcome; left: string[]; path: string };
  readonly tiny: { refused: Outcome; left: string[] };
  readonly full: {
    names: Outcome;
    bound: number;
    memory: Outcome;
    rodata: Outcome;
    data: Outcome;
    answer: number;
    again: boolean;
    usage: { symbols: number; text: number; rodata: number; data: number };
    left: string[];
  };
}

describe("a live object on a file system that does not help", () => {
  const ENOSPC = 28;

  it("says that nothing may be executed there, and what did not fit, and stays whole on a full disk", () => {
    const directory = join(folder, "mount");
    mkdirSync(directory);
    const script = join(FIXTURES, "mounts.mjs");
    // A mount namespace of our own needs no privilege where the kernel lets users have one; root has it always.
    const unshare = ["--map-root-user", "--mount", process.execPath, script, directory];
    const { noexec, tiny, full } = JSON.parse(run("unshare", ...unshare)) as Mounts;

    expect(noexec.refused.code).toBe("DLBIND_NO_BACKING");
    expect(noexec.refused.message).toMatch(/dlopen: .*noexec\.so: failed to map segment/);
    expect(noexec.left).toEqual([]);
    expect(noexec.path).not.toContain(directory);

    expect(tiny.refused.code).toBe("DLBIND_NO_BACKING");
    expect(tiny.refused.message).toMatch(/posix_fallocate: \d+ bytes: ENOSPC, No space left on device/);
    expect(tiny.left).toEqual([]);

    for (const refusal of [full.names, full.memory, full.rodata, full.data]) {
      expect(refusal).toMatchObject({ code: "HOST_SYSCALL", errno: ENOSPC });
    }
    // All that was said to be bound was bound, and nothing that was refused.
    expect(full.bound).toBe((full.names.done ?? 0) + 1);
    expect(full.names.done).toBeGreaterThan(100);
    expect(full.answer).toBe(42);
    expect(full.again).toBe(true);
    expect(full.usage).toEqual({
      symbols: 2,
      text: 16 + 65_536 * (full.memory.done ?? 0),
      rodata: 65_536 * (full.rodata.done ?? 0),
      data: 4096 * (full.data.done ?? 0),
    });
    expect(full.left).toEqual([]);
  });
});

describe("links of memfd objects in the temporary directory", () => {
  it("carry the object's name and go with it", () => {
    const lib = LiveObject.create("linked", SMALL);
    expect(lib.path).toMatch(/\/linked\.so$/);
    expect(links()).toContain(lib.path);
    lib.delete();
    expect(links()).toEqual([]);
  });

  it("of a process that was killed are removed by the next one that makes an object", async () => {
    const temporary = join(folder, "tmp");
    mkdirSync(temporary);
    const env = { ...process.env, TMPDIR: temporary };
    const start = (): ReturnType<typeof spawn> =>
      spawn(process.execPath, [join(FIXTURES, "killed.mjs")], { env, stdio: ["ignore", "pipe", "inherit"] });
    const paths = async (child: ReturnType<typeof spawn>): Promise<string[]> => {
      const [line] = (await once(child.stdout ?? child, "data")) as [Buffer];
      return JSON.parse(line.toString()) as string[];
    };
    const end = async (child: ReturnType<typeof spawn>): Promise<void> => {
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    };
    const killed = start();
    const left = await paths(killed);
    await end(killed);
    expect(left).toHaveLength(2);
    const [dead = ""] = left.map((path) => dirname(path));
    expect(existsSync(dead)).toBe(true);
    // Not ours to sweep: a directory of another pid namespace, one that is no link directory, one of a living process.
    const strangers = [
      "bindery-1-999999-abcdef",
      "bindery-notes",
      `${dead.replace(/-\d+-\w+$/, "")}-1-living`,
    ];
    for (const name of strangers) mkdirSync(join(temporary, name.split("/").at(-1) ?? ""));
    const next = start();
    const [alive = ""] = await paths(next);
    expect(existsSync(dead)).toBe(false);
    expect(readdirSync(temporary).sort()).toEqual(
      [...strangers, dirname(alive)].map((path) => path.split("/").at(-1) ?? "").sort(),
    );
    await end(next);
  });
});
