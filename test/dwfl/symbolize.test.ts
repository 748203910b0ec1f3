/** Addresses of sessions to functions and lines, and back: placed objects, stripped files, damaged ones, live processes. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Dwfl } from "../../src/dwfl/session.ts";
import { Symbolizer } from "../../src/dwfl/symbolize/symbolizer.ts";

const FIXTURES = fileURLToPath(new URL("../fixtures/addr2line/", import.meta.url));
let scratch = "";
const sessions: Dwfl[] = [];

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { cwd: scratch, encoding: "utf8", stdio: "pipe" });
}

function session(...options: ConstructorParameters<typeof Dwfl>): Dwfl {
  const made = new Dwfl(...options);
  sessions.push(made);
  return made;
}

const SLEEPER = `
#include <unistd.h>
__attribute__((noinline)) int wait_here(int n) {
  pause();
  return n; }
int main(void) { return write(1, "runs", 4) - 4 + wait_here(3); }
`;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-symbolize-"));
  for (const file of ["main.c", "inline.h"]) copyFileSync(join(FIXTURES, file), join(scratch, file));
  writeFileSync(join(scratch, "sleeper.c"), SLEEPER);
  run("gcc", "-O2", "-g", "-c", "main.c", "-o", "main.o");
  run("gcc", "-O1", "-g", "sleeper.c", "-o", "sleeper");
  run("objcopy", "--only-keep-debug", "main.o", "main.debug");
  run("objcopy", "--strip-debug", "main.o", "bare.o");
});
afterAll(() => {
  for (const one of sessions) one.close();
  rmSync(scratch, { recursive: true });
});

describe("Symbolizer", () => {
  it("answers for a placed object, by the very place, and after it was moved without reading anything again", () => {
    const dwfl = session();
    const module = dwfl.report({
      name: "main",
      file: join(scratch, "main.o"),
      place: {
        sectionAddress: ({ name }) =>
          name === ".init.text" ? 0x5000n : name === ".text" ? 0x9000n : 0x20000n,
      },
    });
    const symbolizer = new Symbolizer(dwfl);
    expect(symbolizer.at(0x5000n).frames.at(-1)).toMatchObject({
      function: "begin",
      file: join(scratch, "main.c"),
    });
    const found = symbolizer.functions("helper");
    expect(found.map(({ address }) => address)).toEqual([
      0x9000n + (module.symbolNamed("helper")?.offset ?? 0n),
    ]);
    const { lookup } = symbolizer.of(module);
    module.place({ sectionAddress: ({ name }) => (name === ".init.text" ? 0x70000n : 0x80000n) });
    expect(symbolizer.of(module).lookup).toBe(lookup);
    expect(symbolizer.functions("begin", { module })[0]?.address).toBe(0x70000n);
    expect(symbolizer.at(0x5000n)).toMatchObject({ module: undefined, frames: [] });
  });

  it("gives the symbol where there is no debug information, and nothing where there is nothing", () => {
    const dwfl = session();
    const [module] = dwfl.reportFile(join(scratch, "bare.o"));
    const symbolizer = new Symbolizer(dwfl);
    const helper = module?.symbolNamed("helper");
    const answer = symbolizer.at((helper?.address ?? 0n) + 3n);
    expect(answer.symbol).toMatchObject({ name: "helper", offset: 3n, size: helper?.size });
    expect(answer.frames).toMatchObject([{ function: "helper", file: undefined, line: 0 }]);
    expect(answer.notes).toEqual([]);
    expect(symbolizer.functions("helper").map(({ address }) => address)).toEqual([helper?.address]);
    expect(symbolizer.lines("main.c", 10)).toEqual([]);
    expect(symbolizer.at(1n)).toEqual({
      address: 1n,
      module: undefined,
      symbol: undefined,
      frames: [],
      notes: [],
    });
  });

  it("looks before a return address, and counts the symbol's offset to the address itself", () => {
    const dwfl = session();
    const [module] = dwfl.reportFile(join(scratch, "main.o"));
    const symbolizer = new Symbolizer(dwfl);
    const helper = module?.symbolNamed("helper");
    const end = (helper?.address ?? 0n) + (helper?.size ?? 0n);
    const answer = symbolizer.at(end, { isReturn: true });
    expect(answer.symbol).toMatchObject({ name: "helper", offset: helper?.size });
    expect(answer.frames).toEqual(symbolizer.at(end - 1n).frames);
    expect(answer.address).toBe(end);
  });

  it("notes what is damaged, and gives the rest", () => {
    const bytes = readFileSync(join(scratch, "main.o"));
    const [, offset = "", size = ""] =
      /\] \.debug_line +PROGBITS +\w+ (\w+) (\w+)/.exec(run("readelf", "-SW", "main.o")) ?? [];
    bytes.fill(
      0xff,
      Number.parseInt(offset, 16),
      Number.parseInt(offset, 16) + Math.min(16, Number.parseInt(size, 16)),
    );
    writeFileSync(join(scratch, "damaged.o"), bytes);
    const dwfl = session();
    const [module] = dwfl.reportFile(join(scratch, "damaged.o"));
    const { frames, notes, symbol } = new Symbolizer(dwfl).at(module?.symbolNamed("helper")?.address ?? 0n);
    expect(frames.map(({ function: name, line }) => [name, line])).toEqual([["helper", 0]]);
    expect(symbol?.name).toBe("helper");
    expect(notes.join()).toMatch(/damaged\.o: \.debug_line\+0x/);
  });

  it("answers for a live process", async () => {
    const child = spawn(join(scratch, "sleeper"));
    try {
      await once(child.stdout, "data");
      const dwfl = session();
      dwfl.reportProcess(child.pid ?? 0);
      const symbolizer = new Symbolizer(dwfl);
      const [found] = symbolizer.functions("wait_here");
      const line = SLEEPER.split("\n").findIndex((one) => one.includes("wait_here(int")) + 1;
      expect(symbolizer.at(found?.address ?? 0n)).toMatchObject({
        symbol: { name: "wait_here", offset: 0n },
        frames: [{ function: "wait_here", file: join(scratch, "sleeper.c"), line }],
      });
      expect(found?.address).toBeGreaterThan(0x10000n);
    } finally {
      child.kill("SIGKILL");
    }
  });
});
