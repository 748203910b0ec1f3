/** Runs the examples of a guide as they stand: programs print what their comments say, commands what is below them. */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");

/**
 * Declares the tests of `docs/NAME.md`. Its first C block is the program that its examples are about, if it says how it
 * was compiled.
 *
 * @param files others that the examples read, copied to where they run
 */
export function describeGuide(name: string, files: readonly string[] = []): void {
  const guide = readFileSync(join(root, `docs/${name}.md`), "utf8");
  // Inside the package, so that `bindery/…` resolves to the package itself, as built.
  mkdirSync(join(root, ".cache"), { recursive: true });
  const folder = mkdtempSync(join(root, `.cache/${name}-guide-`));
  afterAll(() => rmSync(folder, { recursive: true }));

  const blocks = (language: string): string[] => {
    const fenced = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms");
    return [...guide.matchAll(fenced)].map(([, text = ""]) => text);
  };
  const examples = blocks("ts").map((text, index) => ({ example: `example${index + 1}`, text }));
  const sessions = blocks("console").map((text) => {
    const [command = "", ...printed] = text.split("\n");
    return { command: command.replace(/^\$ /, ""), printed: printed.join("\n") };
  });

  beforeAll(() => {
    for (const file of files) copyFileSync(file, join(folder, basename(file)));
    const [program = ""] = blocks("c");
    const [, options] = /`gcc (-g .*) guide\.c`/.exec(guide) ?? [];
    if (options !== undefined) {
      writeFileSync(join(folder, "guide.c"), program);
      execFileSync("gcc", [...options.split(" "), "guide.c"], { cwd: folder });
    }
    for (const { example, text } of examples) writeFileSync(join(folder, `${example}.mts`), text);
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

  describe(`docs/${name}.md`, () => {
    it.each(examples)("$example compiles, and prints what it says", ({ example, text }) => {
      const promised = [...text.matchAll(/^\/\/ → (.*)$/gm)].map((match) => match[1]);
      expect(promised.length).toBeGreaterThan(0);
      const printed = execFileSync(process.execPath, [`${example}.mjs`], { cwd: folder, encoding: "utf8" });
      expect(printed.trimEnd().split("\n")).toEqual(promised);
    });

    it.each(sessions)("$command prints what it says", ({ command, printed }) => {
      const main = `"${process.execPath}" "${join(root, "dist/cli/main.js")}"`;
      const script = command.replace(/(^|\| )bindery /, `$1${main} `);
      const { stdout, stderr } = spawnSync("sh", ["-c", script], { cwd: folder, encoding: "utf8" });
      expect(stderr).toBe("");
      expect(stdout.trimEnd()).toBe(printed.trimEnd());
    });
  });
}
