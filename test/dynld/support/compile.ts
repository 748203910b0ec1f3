/** Objects of real compilers, made for one test. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { ModuleFile } from "../../../src/dynld/link/input.ts";

export type Compiler = "gcc" | "clang" | "g++" | "clang++" | "rustc";

const directory = mkdtempSync(join(tmpdir(), "bindery-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let count = 0;

const EXTENSIONS: Readonly<Record<Compiler, string>> = {
  gcc: "c",
  clang: "c",
  "g++": "cc",
  "clang++": "cc",
  rustc: "rs",
};

/** A path in the test's own directory. */
export function pathOf(name: string): string {
  return join(directory, name);
}

/** Compiles to an object file. @returns its path */
export function compileTo(source: string, compiler: Compiler, flags: readonly string[] = []): string {
  const stem = pathOf(`unit${++count}`);
  const from = `${stem}.${EXTENSIONS[compiler]}`;
  const to = `${stem}.o`;
  writeFileSync(from, source);
  const mode = compiler === "rustc" ? ["--emit=obj", "--crate-type=lib"] : ["-c"];
  execFileSync(compiler, [...mode, ...flags, "-o", to, from], { stdio: ["ignore", "ignore", "inherit"] });
  return to;
}

/** The same, read. */
export function compile(
  source: string,
  compiler: Compiler = "gcc",
  flags: readonly string[] = [],
): ModuleFile {
  const path = compileTo(source, compiler, flags);
  return { name: path, bytes: readFileSync(path) };
}

/** Runs a tool on files of the test's directory. */
export function tool(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: "utf8", cwd: directory });
}
