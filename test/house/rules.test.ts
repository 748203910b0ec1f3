import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const sources = ["src", "test", "bench", "examples", "scripts"].flatMap((folder) =>
  existsSync(resolve(root, folder))
    ? readdirSync(resolve(root, folder), { recursive: true, encoding: "utf8" })
        .filter((file) => /\.(ts|mjs)$/.test(file))
        .map((file) => `${folder}/${file}`)
    : [],
);

/** `file:line` of every line of the sources that a pattern matches. */
function places(pattern: RegExp, only = /./): string[] {
  return sources
    .filter((file) => only.test(file))
    .flatMap((file) =>
      readFileSync(resolve(root, file), "utf8")
        .split("\n")
        .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}`] : [])),
    );
}

describe("the rules of the house that no tool checks", () => {
  it("has sources to look at", () => {
    expect(sources).toContain("src/errors.ts");
    expect(sources).toContain("test/house/rules.test.ts");
  });

  it("keeps a file under 500 lines", () => {
    const long = sources.filter(
      (file) => readFileSync(resolve(root, file), "utf8").trimEnd().split("\n").length > 500,
    );
    expect(long).toEqual([]);
  });

  it("silences no checker", () => {
    expect(places(/biome-[i]gnore|@ts-[i]gnore|@ts-[e]xpect-error|@ts-[n]ocheck/)).toEqual([]);
  });

  it("leaves no note to do it later, and no skipped or focused test", () => {
    // The third one also marks holes in what pahole and gdb print of a structure; as a note it begins a comment.
    expect(places(/\b(TO[D]O|FIX[M]E)\b|\/\/ *XX[X]\b/)).toEqual([]);
    expect(places(/\b(it|test|describe)\.(skip|only|todo|skipIf|runIf|fails)\b/, /^test\//)).toEqual([]);
  });

  it("says an import's file as it is on the disk", () => {
    expect(places(/\bfrom "\.[^"]*(?<!\.ts|\.json)"/, /\.ts$/)).toEqual([]);
  });
});
