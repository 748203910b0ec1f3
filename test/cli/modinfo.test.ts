/** `bindery modinfo`, run as users run it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { buildModule } from "../dynld/inferno/builder.ts";
import { dataPath, expectedOf, MODULES } from "../dynld/inferno/expected.ts";
import { bindery, MAIN } from "./run.ts";

const folder = mkdtempSync(join(tmpdir(), "bindery-modinfo-"));
afterAll(() => rmSync(folder, { recursive: true }));

const PLACED = ["--base", "0x10000000", "--symbols", dataPath("host.syms")];

/** A file of the test's own. */
function file(name: string, contents: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
}

describe("bindery modinfo", () => {
  it.each(MODULES)("--json of %s is what Inferno's loader made of it", (name) => {
    const { status, stdout, stderr } = bindery(["modinfo", ...PLACED, "--json", dataPath(name)]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual(expectedOf(name));
  });

  it("shows several, each under its name, and in JSON as one array of what each is alone", () => {
    const paths = ["m1min.386", "m2basic.arm"].map(dataPath);
    const alone = paths.map((path) => bindery(["modinfo", ...PLACED, path]).stdout);
    const { status, stdout } = bindery(["modinfo", ...PLACED, ...paths]);
    expect(status).toBe(0);
    expect(stdout).toBe(paths.map((path, i) => `\nFile: ${path}\n${alone[i]}`).join(""));
    const json = JSON.parse(bindery(["modinfo", ...PLACED, "--json", ...paths]).stdout);
    expect(json).toEqual(["m1min.386", "m2basic.arm"].map(expectedOf));
    const broken = file("broken.arm", "\0\0\0");
    const some = bindery(["modinfo", ...PLACED, "--json", paths[0] ?? "", broken, join(folder, "absent")]);
    expect(some.status).toBe(1);
    expect(JSON.parse(some.stdout)).toMatchObject([{ ok: true }, { file: "broken.arm", ok: false }]);
    expect(some.stderr).toContain("broken.arm: error reading object file\n");
    expect(some.stderr).toContain("absent: ");
  });

  it("without a base has the same, relative to the image", () => {
    const expected = expectedOf("m3dev.power");
    const { stdout } = bindery(["modinfo", "--json", dataPath("m3dev.power")]);
    const { base, image, bsszero, exports, imports, relocs, ...same } = JSON.parse(stdout);
    expect({ base, image, bsszero }).toEqual({});
    expect(expected).toMatchObject(same);
    expect(exports.length).toBe(6);
    expect(exports[0]).toEqual({ name: "XXXdevtab", sig: "fde04b67", addr: "00000178" });
    expect(imports[1]).toEqual({ index: 1, name: "hostlog", sig: "0350e1b7" });
    expect(relocs[0]).toEqual({ at: 8, mode: 5, before: "3fe00000", before2: "809f0198" });
    expect(relocs[31 - 1]).toEqual({ at: 644, mode: 0, before: "00000222" });
  });

  it("shows header, exports, imports, relocations and image as text", () => {
    const { status, stdout, stderr } = bindery(["modinfo", ...PLACED, dataPath("m3dev.power")]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const line of [
      "Inferno module for power",
      "  Magic                  0x800006eb",
      "  Export table at        0x240        576",
      "  10000178  fde04b67   XXXdevtab",
      "      1  0350e1b7   0350e1b7  0f8002c0  hostlog",
      "  00000028     2  48000005 -> 4b800299  hostlog",
      "  0000015c     6  3fe00080 901f0008 -> 3fe00f80 901f0388  hostrec + 0x8",
      "  00000194     1  00000000 -> 0f800200  hostadd",
      "  10000000  7fe802a6 97e1fff0 3fe01000 809f0198  ........?.......",
    ]) {
      expect(stdout.split("\n")).toContain(line);
    }
  });

  it("reads the table from a pipe, too", () => {
    const [module, table] = [dataPath("m2basic.arm"), dataPath("host.syms")];
    const command = `cat "$1" | "$2" "$3" modinfo --base 20000000 --symbols /dev/stdin --json "$4"`;
    const shell = ["-c", command, "sh", table, process.execPath, MAIN, module];
    const stdout = execFileSync("sh", shell, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    const direct = bindery(["modinfo", "--base", "20000000", "--symbols", table, "--json", module]);
    expect(JSON.parse(stdout)).toEqual(JSON.parse(direct.stdout));
  });

  it("relocates to another base, and tells branches that do not reach", () => {
    const args = ["--base", "20000000", "--symbols", dataPath("host.syms")];
    const { status, stdout, stderr } = bindery(["modinfo", ...args, "--json", dataPath("m2basic.arm")]);
    expect(status).toBe(0);
    const { base, exports, unreachable } = JSON.parse(stdout);
    expect([base, exports[0].addr, unreachable]).toEqual(["20000000", "2000009c", [104, 376]]);
    expect(stderr.split("\n")[0]).toContain("warning: image+0x68: the branch does not reach hostadd");
  });

  it.each<[string, string[], Uint8Array, string]>([
    [
      "of a wrong kind",
      [],
      Uint8Array.from(Buffer.from("#!/bin/sh\n".padEnd(64, "#"))),
      "not dynamic object file or wrong platform",
    ],
    ["cut off", [], buildModule({}).slice(0, 40), "error reading object file"],
    ["with a bad entry", [], buildModule({ header: { 5: 2 } }), "invalid export table pointer (entry point)"],
    ["above the limit", ["--maxsize", "16"], buildModule({}), "16: object too big"],
    [
      "with a symbol that nobody has",
      PLACED,
      buildModule({ imports: [{ name: "hostad" }] }),
      "undefined symbol: hostad",
    ],
    [
      "with a symbol of another type",
      PLACED,
      buildModule({ imports: [{ name: "hostadd", sig: 5 }] }),
      "signature mismatch: hostadd (5 != b67674fa)",
    ],
    [
      "with a bad mode",
      PLACED,
      buildModule({ relocations: [{ at: 0, mode: 5 }] }),
      "dynamic object: bad relocation mode",
    ],
    [
      "with a relocation outside",
      [],
      buildModule({ relocations: [{ at: 99, mode: 0 }], bare: true }),
      "dynamic object: bad relocation position",
    ],
    [
      "without signatures where they must be",
      [...PLACED, "--strict"],
      buildModule({ imports: [{ name: "hostadd" }] }),
      "unchecked symbol: hostadd (0 != b67674fa)",
    ],
  ])("refuses a module %s in the loader's words", (_what, args, bytes, errstr) => {
    const path = file("refused", bytes);
    const text = bindery(["modinfo", ...args, path]);
    expect([text.status, text.stdout]).toEqual([1, ""]);
    expect(text.stderr.split("\n")[0]).toBe(`bindery: ${path}: ${errstr}`);
    const json = bindery(["modinfo", "--json", ...args, path]);
    expect(json.status).toBe(1);
    expect(json.stderr).toBe(text.stderr);
    expect(JSON.parse(json.stdout)).toMatchObject({ file: "refused", ok: false, error: errstr });
  });

  it("lists all symbols that are undefined, with names that may be meant", () => {
    const path = file("two", buildModule({ imports: [{ name: "hostad" }, { name: "zebra" }] }));
    expect(bindery(["modinfo", ...PLACED, path]).stderr.split("\n")).toEqual([
      `bindery: ${path}: undefined symbol: hostad`,
      "  dynamic section+0x8: the table has hostadd, hosttab",
      `bindery: ${path}: undefined symbol: zebra`,
      "  dynamic section+0x13",
      "",
    ]);
  });

  it("tells what is wrong with a file or a table in one line", () => {
    const sound = dataPath("m1min.386");
    const missing = join(folder, "missing");
    expect(bindery(["modinfo", missing])).toMatchObject({ status: 1, stdout: "" });
    expect(bindery(["modinfo", missing]).stderr).toBe(`bindery: ${missing}: no such file or directory\n`);
    const table = (text: string) =>
      bindery(["modinfo", "--base", "0", "--symbols", file("table", text), sound]);
    expect(table("# nothing\n\nputs 0 8000\nabort 0x1 0x2\n")).toMatchObject({ status: 0, stderr: "" });
    expect(table("puts 0\n").stderr).toContain(
      'table: line 1: found "puts 0", expected NAME SIGNATURE ADDRESS',
    );
    expect(table("puts 0 1\nputs 0 2\n").stderr).toContain("table: line 2: found puts twice");
    expect(table("puts 0 1\nputs 0 2\n").status).toBe(1);
  });

  it("refuses command lines that make no sense", () => {
    const sound = dataPath("m1min.386");
    for (const args of [
      [],
      ["--symbols", "x", sound],
      ["--strict", sound],
      ["--base", "here", sound],
      ["--maxsize", "-1", sound],
    ]) {
      const { status, stdout, stderr } = bindery(["modinfo", ...args]);
      expect([status, stdout]).toEqual([2, ""]);
      expect(stderr).not.toBe("");
    }
    expect(bindery(["modinfo", "--base", "fffffffc", sound])).toMatchObject({ status: 1 });
  });

  it("explains itself", () => {
    const { status, stdout } = bindery(["modinfo", "--help"]);
    expect(status).toBe(0);
    for (const part of ["--base <address>", "Tables:", "Signatures:", "JSON:", "Examples:", "Exit status:"]) {
      expect(stdout).toContain(part);
    }
  });
});
