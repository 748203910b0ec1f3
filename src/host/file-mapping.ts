/** Files that are mapped rather than read: what is not looked at costs nothing. For programs that end after their work. */

import { canGuard, guard } from "./bus-guard.ts";
import { type FileMap, useFileMapper } from "./file.ts";
import { mapReadable, viewOf } from "./memory.ts";

/** Files below this are read: that costs as much, and leaves nothing behind. */
const LARGE = 1 << 23;

const maps: { readonly path: string; readonly isCut: () => boolean }[] = [];

/**
 * From here on large files that are opened are mapped, and stay so until the process ends. One that is cut meanwhile reads
 * as zeros from there on, is refused when more of it is asked for, and is among {@link cutFiles}.
 */
export function mapLargeFiles(): void {
  useFileMapper((path, descriptor, size): FileMap | undefined => {
    if (size < LARGE || !canGuard()) return undefined;
    const address = mapReadable(descriptor, size);
    const isCut = guard(address, size);
    maps.push({ path, isCut });
    return { bytes: new Uint8Array(viewOf(address, size)), isCut };
  });
}

/** Paths of mapped files that were cut. */
export function cutFiles(): string[] {
  return maps.filter(({ isCut }) => isCut()).map(({ path }) => path);
}
