import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");

// Inside the package, so that `bindery/…` resolves to the package itself, as built.
mkdirSync(join(root, ".cache"), { recursive: true });
const folder = mkdtempSync(join(root, ".cache/readme-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the README", () => {
  const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1] ?? "");

  it("shows an example of at most 15 lines", () => {
    expect(blocks.map((block) => block.trim().split("\n").length <= 15)).toEqual([true]);
  });

  it("shows an example that compiles and prints what it says", () => {
    const example = blocks[0] ?? "";
    const promised = [...example.matchAll(/\/\/ → (.*)$/gm)].map((match) => match[1]);
    expect(promised.length).toBeGreaterThan(0);
    writeFileSync(join(folder, "example.mts"), example);
    const options = { noEmit: false, allowImportingTsExtensions: false, rootDir: ".", skipLibCheck: true };
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions: options, include: ["."] }),
    );
    const tsc = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder]);
    expect(tsc.stdout.toString()).toBe("");
    const printed = execFileSync(process.execPath, [join(folder, "example.mjs")], { encoding: "utf8" });
    expect(printed.trimEnd().split("\n")).toEqual(promised);
  });

  it("names only npm scripts, commands and files that exist", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    for (const [, name] of readme.matchAll(/npm run ([\w:-]+)/g))
      expect(Object.keys(scripts)).toContain(name);
    for (const [, file] of readme.matchAll(/\]\(([^):]+)\)/g)) readFileSync(join(root, file ?? ""));
    const help = execFileSync(process.execPath, [join(root, "dist/cli/main.js"), "--help"], {
      encoding: "utf8",
    });
    const commands = [...readme.matchAll(/^\| `bindery (\w+)/gm)].map((match) => match[1] ?? "");
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) expect(help).toMatch(new RegExp(`^\\s+${command}\\b`, "m"));
  });
});
