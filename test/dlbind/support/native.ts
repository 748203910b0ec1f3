/**
 * C and C++ helpers, compiled in the test run and loaded into it: the native side that live objects are made for.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { callableAt } from "../../../src/host/call.ts";
import { dlopen, dlsym, RTLD_LOCAL, RTLD_NOW } from "../../../src/host/dl.ts";

const FIXTURES = resolve(import.meta.dirname, "../../fixtures/dlbind");

/** A helper library in this process. */
export interface Helper {
  /** Address of a symbol of it. */
  address(name: string): bigint;
  /** A callable by C prototype; it returns what the caller says it does. */
  function<Result>(prototype: string): (...args: unknown[]) => Result;
}

/** Compiles a source of test/fixtures/dlbind and loads it for the life of the process. */
export function loadHelper(source: string): Helper {
  const folder = mkdtempSync(join(tmpdir(), "dlbind-test-"));
  try {
    const library = join(folder, "helper.so");
    const compiler = source.endsWith(".cc") ? "g++" : "gcc";
    const flags = ["-shared", "-fPIC", "-O1", "-g0", "-Wall", "-Wextra", "-Werror", "-pthread"];
    execFileSync(compiler, [...flags, "-o", library, join(FIXTURES, source)], { stdio: "pipe" });
    const handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    const address = (name: string): bigint => {
      const found = dlsym(handle, name);
      if (found === undefined) throw new Error(`${source}: no symbol ${name}`);
      return found;
    };
    return {
      address,
      function: <Result>(prototype: string) => {
        const name = /(\w+)\s*\(/.exec(prototype)?.[1] ?? "";
        return callableAt(address(name), prototype) as (...args: unknown[]) => Result;
      },
    };
  } finally {
    // The loader has it mapped; the file is not needed any more.
    rmSync(folder, { recursive: true });
  }
}

/** Output of a tool, which has to succeed. */
export function run(tool: string, ...args: string[]): string {
  return execFileSync(tool, args, { encoding: "utf8", stdio: "pipe", maxBuffer: 64 << 20 });
}
