/** Build ids of the running kernel and its modules, from the notes that they show in `/sys`. */
import { readFileSync } from "node:fs";
import { Cursor } from "../../bytes/cursor.ts";
import { HOST_LITTLE } from "../../bytes/endian.ts";
import { NT_GNU } from "../../elf/constants/note.ts";

/** The build id in a file of notes, in hexadecimal; `undefined` if it can't be read, or has none. */
export function buildIdOfNotes(path: string): string | undefined {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch {
    return undefined;
  }
  const cursor = new Cursor(
    bytes,
    HOST_LITTLE,
    (offset, what) => new RangeError(`${path}+${offset}: ${what}`),
  );
  while (cursor.remaining >= 12) {
    const [nameSize, size, type] = [cursor.u32(), cursor.u32(), cursor.u32()];
    if (nameSize > cursor.remaining || size > cursor.remaining - nameSize) return undefined;
    const name = cursor.take(nameSize);
    cursor.align(4);
    if (size > cursor.remaining) return undefined;
    const contents = cursor.take(size);
    cursor.align(4);
    if (type === NT_GNU.NT_GNU_BUILD_ID && Buffer.from(name).toString("latin1") === "GNU\0") {
      return Buffer.from(contents).toString("hex");
    }
  }
  return undefined;
}
