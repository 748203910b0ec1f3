/** Files that options name, read and written whole. */
import { readFileSync, writeFileSync } from "node:fs";
import { HostError } from "../errors.ts";

/** The text of a file. @throws HostError with its name, also where Node's error has none */
export function readText(path: string): string {
  return naming("read", path, () => readFileSync(path, "utf8"));
}

/** Writes a file anew. @throws HostError with its name */
export function saveFile(path: string, contents: string | Uint8Array): void {
  naming("write", path, () => writeFileSync(path, contents));
}

function naming<T>(call: "read" | "write", path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new HostError("HOST_SYSCALL", call, `${path}: ${error instanceof Error ? error.message : error}`);
  }
}
