/** The dynamic section of an Inferno module: what it imports, and where the image is to be relocated. */
import { Cursor } from "../../bytes/cursor.ts";
import type { DynldError } from "../../errors.ts";
import { ERRSTR, infernoError, placeOf } from "./errstr.ts";
import type { InfernoMachine } from "./machine.ts";

/** Where errors about this section are. */
const PART = "dynamic section";
/** More imports than this, Inferno's loader takes for damage. */
const MAX_IMPORTS = 8000;

/** A symbol that a module needs. Its position in the list is the index that relocations have. */
export interface InfernoImport {
  readonly name: string;
  /** The type that the module expects, 0 if it does not say. */
  readonly sig: number;
  /** Offset in the dynamic section, for errors. */
  readonly at: number;
}

/** Relocations in the order of the file, as columns. */
export interface InfernoRelocations {
  readonly length: number;
  /** Image offset of each. */
  readonly positions: Uint32Array;
  /** What is done there: 0 to 15, of which a machine knows the first ones. */
  readonly modes: Uint8Array;
}

/** What could be read, and what stopped it. Inferno's loader looks imports up before it reads on, hence the order. */
export interface DynamicSection {
  readonly imports: readonly InfernoImport[];
  readonly relocations: InfernoRelocations;
  /** `undefined` when all was read. */
  readonly fault: DynldError | undefined;
  /** Bytes behind the last relocation, which mean nothing. */
  readonly rest: number;
}

/** Decodes the section's bytes without their leading length. */
export function readDynamic(
  bytes: Uint8Array,
  machine: InfernoMachine,
  file: string | undefined,
): DynamicSection {
  const fail = (offset: number, what: string): DynldError =>
    infernoError("DYNLD_TRUNCATED", placeOf(file, PART, offset + 4), ERRSTR.reading, what);
  const cursor = new Cursor(bytes, false, fail);
  const imports: InfernoImport[] = [];
  const columns = { positions: new Uint32Array(0), modes: new Uint8Array(0), length: 0 };
  let fault: DynldError | undefined;
  try {
    readImports(cursor, imports, file);
    fault = readRelocations(cursor, columns, machine, file);
  } catch (error) {
    fault = error as DynldError;
  }
  const relocations: InfernoRelocations = {
    length: columns.length,
    positions: columns.positions.subarray(0, columns.length),
    modes: columns.modes.subarray(0, columns.length),
  };
  return { imports, relocations, fault, rest: cursor.remaining };
}

function readImports(cursor: Cursor, imports: InfernoImport[], file: string | undefined): void {
  const count = cursor.u32();
  if (count > MAX_IMPORTS) {
    throw infernoError(
      "DYNLD_BAD_VALUE",
      placeOf(file, PART, 4),
      ERRSTR.reading,
      `number of imports: found ${count}, expected at most ${MAX_IMPORTS}`,
    );
  }
  for (let i = 0; i < count; i++) {
    const at = cursor.position + 4;
    const sig = cursor.u32();
    imports.push({ name: cursor.string(), sig, at });
  }
}

/** Fills the columns up to the first record that can't be read. @returns what is wrong with it */
function readRelocations(
  cursor: Cursor,
  columns: { positions: Uint32Array; modes: Uint8Array; length: number },
  machine: InfernoMachine,
  file: string | undefined,
): DynldError | undefined {
  const count = cursor.u32();
  const { bytes } = cursor;
  // A record takes 2 bytes or more: memory is bounded by the section, not by what it says.
  const room = Math.min(count, cursor.remaining >>> 1);
  const positions = new Uint32Array(room);
  const modes = new Uint8Array(room);
  Object.assign(columns, { positions, modes });
  let at = cursor.position;
  let position = 0;
  let read = 0;
  let fault: DynldError | undefined;
  for (; read < count; read++) {
    const mode = bytes[at] ?? 0;
    const width = 1 << (mode >>> 6);
    if (at + 1 + width > bytes.length || width === 8) {
      const found = at < bytes.length && width === 8 ? "a delta of 8 bytes" : "the end of the section";
      fault = infernoError(
        width === 8 && at < bytes.length ? "DYNLD_BAD_RELOCATION" : "DYNLD_TRUNCATED",
        placeOf(file, PART, at + 4),
        ERRSTR.reading,
        `relocation ${read} of ${count}: found ${found}, expected a mode and a delta of 1, 2 or 4 bytes`,
      );
      break;
    }
    let delta = 0;
    for (let i = 1; i <= width; i++) delta = delta * 256 + (bytes[at + i] ?? 0);
    position += delta * machine.unit;
    if (position > 0xffffffff) {
      fault = infernoError(
        "DYNLD_BAD_RELOCATION",
        placeOf(file, PART, at + 4),
        ERRSTR.position,
        `relocation ${read} of ${count}: found image offset 0x${position.toString(16)}, expected 32 bits`,
      );
      break;
    }
    positions[read] = position;
    modes[read] = mode & 0xf;
    at += 1 + width;
  }
  cursor.position = Math.min(at, bytes.length);
  columns.length = read;
  return fault;
}
