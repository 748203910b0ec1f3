/** The library that typed calls are tested with, compiled for the test that opens it. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { type Library, openLibrary } from "../../../src/dynld/call/library.ts";
import { pathOf } from "../support/compile.ts";

const SOURCE = fileURLToPath(new URL("api.c", import.meta.url));

/** Compilers with a version of DWARF each. */
export const COMPILERS = [
  ["gcc", "-gdwarf-5"],
  ["gcc", "-gdwarf-4"],
  ["clang", "-gdwarf-5"],
] as const;

/** What tests do with exports that nobody declared. */
export type Callables = Readonly<Record<string, (...args: unknown[]) => unknown>>;

const libraries: Library[] = [];
afterAll(() => {
  for (const library of libraries) library.close();
});

let count = 0;

/** Compiles api.c. @returns the path of the shared object */
export function compileApi(compiler: string, ...flags: string[]): string {
  const path = pathOf(`api${++count}.so`);
  execFileSync(compiler, ["-O1", "-shared", "-fPIC", "-w", ...flags, "-o", path, SOURCE]);
  return path;
}

/** Opens what {@link compileApi} made; it is closed at the end. */
export async function openApi(
  path: string,
): Promise<{ lib: Library; fn: Callables; data: Record<string, unknown> }> {
  const lib = await openLibrary(path, { debuginfod: false });
  libraries.push(lib);
  return { lib, fn: lib.fn as unknown as Callables, data: lib.data };
}
