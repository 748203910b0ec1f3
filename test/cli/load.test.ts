/** `bindery mkmod`, `load` and `exporttab`, run as users run them. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compileTo, pathOf } from "../dynld/support/compile.ts";
import { bindery } from "./run.ts";

const SOURCE = `#include <string.h>
  int seen = 3;
  int measure(const char *text, int times) { return strlen(text) * times; }
  __attribute__((constructor)) static void begin(void) { seen = 4; }`;

describe("bindery load", () => {
  it("shows what a module exports, with the types of its debug information", () => {
    const path = compileTo(SOURCE, "gcc", ["-g", "-O1"]);
    const { status, stdout, stderr } = bindery(["load", path, "--with", "libc.so.6"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const [head, imports, ...exports] = stdout.trimEnd().split("\n");
    expect(head).toMatch(/^unit\d+\.o: at 0x[0-9a-f]+, text \d+, data \d+, bss \d+$/);
    expect(imports).toBe("imports: strlen");
    expect(exports.map((line) => line.replace(/^[0-9a-f]{16} [0-9a-f]{16} /, ""))).toEqual([
      "int measure(const char *text, int times)",
      "int seen",
    ]);
    const json = JSON.parse(bindery(["load", "--json", path, "--with", "libc.so.6"]).stdout);
    expect(json.exports.map(({ name }: { name: string }) => name)).toEqual(["measure", "seen"]);
  });

  it("says all that a module lacks, and exits 1", () => {
    const path = compileTo(SOURCE, "gcc", []);
    const { status, stdout, stderr } = bindery(["load", path]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toBe(`bindery: ${path}: undefined symbol: strlen\n`);
    expect(bindery(["load", path, "--with", "libnowhere.so.9"]).stderr).toContain(
      "libnowhere.so.9: no such library",
    );
  });
});

describe("bindery mkmod", () => {
  it("makes a module that load takes, with the exports that a list says", () => {
    const parts = [
      compileTo("int helper(int x) { return x + 1; }", "gcc", ["-g"]),
      compileTo("int helper(int); int api(int x) { return helper(x) * 2; }", "gcc", ["-g"]),
    ];
    const list = pathOf("api.list");
    writeFileSync(list, "# what is public\napi\n");
    const made = pathOf("plugin.o");
    expect(bindery(["mkmod", "-x", list, "-o", made, ...parts])).toMatchObject({
      status: 0,
      stdout: "",
      stderr: "",
    });
    expect(bindery(["load", made]).stdout).toMatch(
      /^plugin\.o: .*\n[0-9a-f]{16} [0-9a-f]{16} int api\(int( x)?\)\n$/,
    );
    writeFileSync(list, "apo\n");
    const refused = bindery(["mkmod", "-x", list, "-o", pathOf("none.o"), ...parts]);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain("no such symbol to export: apo; there is api");
    expect(() => readFileSync(pathOf("none.o"))).toThrow();
  });
});

describe("bindery exporttab", () => {
  it("has the addresses that nm prints, and signatures where types are known", () => {
    const program = pathOf("program");
    const source = compileTo(
      "int api(int x) { return x; } int state = 1; int main(void) { return api(0); }",
      "gcc",
      ["-g"],
    );
    execFileSync("gcc", ["-o", program, source]);
    const { stdout } = bindery(["exporttab", program]);
    const lines = stdout.trimEnd().split("\n");
    const nm = new Map(
      execFileSync("nm", [program], { encoding: "utf8" })
        .split("\n")
        .map((line) => line.split(" ") as [string, string, string])
        .map(([value, , name]) => [name, value] as const),
    );
    for (const name of ["api", "main", "state"]) {
      const [, sig = "", addr = ""] = lines.find((line) => line.startsWith(`${name} `))?.split(" ") ?? [];
      expect(sig).toMatch(/^[0-9a-f]{8,16}$/);
      expect(BigInt(`0x${sig}`)).not.toBe(0n);
      expect(BigInt(`0x${addr}`)).toBe(BigInt(`0x${nm.get(name)}`));
    }
    expect(lines).toEqual([...lines].sort());
    const one = bindery(["exporttab", "--inferno", program, "api"]).stdout;
    expect(one).toMatch(/^api [0-9a-f]{8} [0-9a-f]+\n$/);
    const refused = bindery(["exporttab", program, "apis"]);
    expect(refused).toMatchObject({ status: 1, stdout: "" });
    expect(refused.stderr).toContain("apis: is not exported; there is api");
  });
});
