/** C libraries compiled to one object file each, as a user would who has their sources. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll } from "vitest";
import type { ModuleFile } from "../../src/dynld/index.ts";

/** The folders that scripts/lib/c-sources.mjs found. */
export const FOLDERS: Readonly<Record<"zlib" | "sqlite", string>> = JSON.parse(
  readFileSync(process.env.BINDERY_FILES ?? "", "utf8"),
);

/** A folder for the test. */
export const scratch = mkdtempSync(join(tmpdir(), "bindery-sources-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Compiles C files by `compiler -c` and the flags, and where they are several makes one object of them by `ld -r`. */
export function objectOf(compiler: string, sources: readonly string[], flags: readonly string[]): ModuleFile {
  const objects = sources.map((source) => join(scratch, `${basename(source, ".c")}.o`));
  sources.forEach((source, index) => {
    execFileSync(compiler, ["-c", "-w", ...flags, "-o", objects[index] ?? "", source]);
  });
  let [path = ""] = objects;
  if (objects.length > 1) {
    path = join(scratch, "whole.o");
    execFileSync("ld", ["-r", "-o", path, ...objects]);
  }
  return { name: path, bytes: readFileSync(path) };
}
