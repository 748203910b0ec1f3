/**
 * The file behind a live object, read as any other process could read it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { descriptors } from "./process.ts";

/** The bytes of a live object of that name, through its descriptor in /proc. */
export function liveBytes(name: string): Buffer {
  const [open] = descriptors(`memfd:bindery:${name} `);
  if (open === undefined) throw new Error(`no descriptor is open on a live object ${name}`);
  return readFileSync(`/proc/self/fd/${open.fd}`);
}

/** Calls `use` with the path of a copy of a live object's file. */
export function withCopy<Result>(name: string, use: (path: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), "dlbind-test-"));
  try {
    const path = join(folder, "copy.so");
    writeFileSync(path, liveBytes(name));
    return use(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
