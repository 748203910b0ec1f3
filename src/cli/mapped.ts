/** Mapping of files, for commands that look at little of large ones. */
import { statSync } from "node:fs";

/** Bytes of a file from which on it pays to load what maps files. */
const LARGE = 1 << 23;

/**
 * Has large files mapped from here on, if `path` is one; without a path, or where there is no such file, does nothing.
 * @returns what is to be asked at the end: which files were cut meanwhile, as messages
 */
export async function mapLarge(path: string | undefined): Promise<() => string[]> {
  const size = path === undefined ? 0 : (statSync(path, { throwIfNoEntry: false })?.size ?? 0);
  if (size < LARGE) return () => [];
  const { cutFiles, mapLargeFiles } = await import("../host/file-mapping.ts");
  mapLargeFiles();
  return () => cutFiles().map((cut) => `${cut}: the file shrank while it was read`);
}
