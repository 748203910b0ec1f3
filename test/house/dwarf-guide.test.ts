/** The examples of docs/dwarf.md, run as they stand. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const guide = readFileSync(join(root, "docs/dwarf.md"), "utf8");

// Inside the package, so that `bindery/…` resolves to the package itself, as built.
mkdirSync(join(root, ".cache"), { recursive: true });
const folder = mkdtempSync(join(root, ".cache/dwarf-guide-"));
afterAll(() => rmSync(folder, { recursive: true }));

function blocks(language: string): string[] {
  const fenced = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms");
  return [...guide.matchAll(fenced)].map(([, text = ""]) => text);
}

const examples = blocks("ts").map((text, index) => ({ name: `example${index + 1}`, text }));
const sessions = blocks("console").map((text) => {
  const [command = "", ...printed] = text.split("\n");
  return { command: command.replace(/^\$ bindery /, ""), printed: printed.join("\n") };
});

beforeAll(() => {
  const [program = ""] = blocks("c");
  writeFileSync(join(folder, "guide.c"), program);
  const [, options = ""] = /`gcc (-g .*) guide\.c`/.exec(guide) ?? [];
  execFileSync("gcc", [...options.split(" "), "guide.c"], { cwd: folder });
  for (const { name, text } of examples) writeFileSync(join(folder, `${name}.mts`), text);
  const compilerOptions = {
    noEmit: false,
    allowImportingTsExtensions: false,
    rootDir: ".",
    skipLibCheck: true,
  };
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: ["."] }),
  );
  const tsc = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder]);
  expect(tsc.stdout.toString()).toBe("");
});

describe("the guide to reading DWARF", () => {
  it.each(examples)("$name compiles, and prints what it says", ({ name, text }) => {
    const promised = [...text.matchAll(/^\/\/ → (.*)$/gm)].map((match) => match[1]);
    expect(promised.length).toBeGreaterThan(0);
    const printed = execFileSync(process.execPath, [`${name}.mjs`], { cwd: folder, encoding: "utf8" });
    expect(printed.trimEnd().split("\n")).toEqual(promised);
  });

  it.each(sessions)("bindery $command prints what it says", ({ command, printed }) => {
    const main = join(root, "dist/cli/main.js");
    const { stdout, stderr } = spawnSync(process.execPath, [main, ...command.split(" ")], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(stdout.trimEnd()).toBe(printed.trimEnd());
  });
});
