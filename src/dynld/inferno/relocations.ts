/** Applies a module's relocations in the order of the file, and says in Inferno's words which one can't be. */
import { readU32 } from "../../bytes/endian.ts";
import type { DynldError } from "../../errors.ts";
import type { InfernoImport, InfernoRelocations } from "./dynamic.ts";
import { ERRSTR, infernoError, placeOf } from "./errstr.ts";
import type { InfernoMachine } from "./machine.ts";
import {
  applyRelocation,
  checkRelocation,
  importOf,
  type Outcome,
  type RelocationContext,
  relocationSpan,
} from "./relocate.ts";

/** What of a module is needed to relocate it. */
interface Relocated {
  readonly name: string | undefined;
  readonly machine: InfernoMachine;
  /** Text and data as in the file. */
  readonly contents: Uint8Array;
  /** Bytes of text, data and bss. */
  readonly size: number;
  readonly imports: readonly InfernoImport[];
  readonly relocations: InfernoRelocations;
}

/** Words before and after each relocation, at its index: as columns, and 0 where a second word has no meaning. */
export interface RelocationTrace {
  readonly before: Uint32Array;
  readonly after: Uint32Array;
  /** The second instruction of modes 3 to 6. */
  readonly before2: Uint32Array;
  readonly after2: Uint32Array;
}

/** Empty columns for as many relocations as a module has. */
export function relocationTrace(length: number): RelocationTrace {
  const column = () => new Uint32Array(length);
  return { before: column(), after: column(), before2: column(), after2: column() };
}

/**
 * Applies all relocations to an image.
 *
 * @param addresses of the imports, by their index
 * @returns image offsets of branches whose target is further away than their instruction reaches
 * @throws DynldError `DYNLD_BAD_RELOCATION` or `DYNLD_UNSUPPORTED`
 */
export function applyAll(
  module: Relocated,
  bytes: Uint8Array,
  base: number,
  addresses: Uint32Array,
  trace: RelocationTrace | undefined,
): number[] {
  const { machine } = module;
  const { positions, modes, length } = module.relocations;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const context: RelocationContext = { view, machine, base, addresses };
  const unreachable: number[] = [];
  for (let i = 0; i < length; i++) {
    const at = positions[i] ?? 0;
    const mode = modes[i] ?? 0;
    if (trace !== undefined) record(bytes, machine, at, mode, trace.before, trace.before2, i);
    const outcome = applyRelocation(context, at, mode);
    if (trace !== undefined) record(bytes, machine, at, mode, trace.after, trace.after2, i);
    if (outcome === "unreachable") unreachable.push(at);
    else if (outcome !== "done") throw refusal(module, i, outcome, readU32(bytes, at, machine.little));
  }
  return unreachable;
}

/** Throws for the first relocation that can't be applied whatever the imports are, by the words of the file. */
export function checkAll(module: Relocated): void {
  const { machine, contents, size, imports } = module;
  const { positions, modes, length } = module.relocations;
  for (let i = 0; i < length; i++) {
    const at = positions[i] ?? 0;
    const mode = modes[i] ?? 0;
    const word = readU32(contents, at, machine.little);
    const outcome = checkRelocation(machine, size, at, mode);
    if (outcome !== "done") throw refusal(module, i, outcome, word);
    if (machine.style === undefined) continue;
    const used = importOf(machine.style, mode, word, 0);
    if (used !== undefined && used.index >= imports.length) throw refusal(module, i, "bad index", word);
  }
}

function record(
  bytes: Uint8Array,
  machine: InfernoMachine,
  at: number,
  mode: number,
  first: Uint32Array,
  second: Uint32Array,
  i: number,
): void {
  first[i] = readU32(bytes, at, machine.little);
  if (relocationSpan(mode) === 8) second[i] = readU32(bytes, at + 4, machine.little);
}

function refusal(module: Relocated, i: number, outcome: Outcome, word: number): DynldError {
  const { machine, size, imports, relocations } = module;
  const at = relocations.positions[i] ?? 0;
  const mode = relocations.modes[i] ?? 0;
  const place = placeOf(module.name, "image", at);
  const which = `relocation ${i} of mode ${mode}`;
  const bad = (errstr: string, what: string) =>
    infernoError("DYNLD_BAD_RELOCATION", place, errstr, `${which}: ${what}`);
  switch (outcome) {
    case "bad mode": {
      const said = machine.style === "386" ? "bad relocation mode" : "invalid relocation mode";
      return bad(`dynamic object: ${said}`, `expected a mode that ${machine.name} has`);
    }
    case "bad index": {
      const used = machine.style === undefined ? undefined : importOf(machine.style, mode, word, 0);
      const what = `found import ${used?.index ?? 0}, expected one of ${imports.length}`;
      return bad("dynamic object: bad relocation index", what);
    }
    case "bad position": {
      const what = `expected ${relocationSpan(mode)} bytes inside the image's 0x${size.toString(16)}`;
      return bad(ERRSTR.position, what);
    }
    default:
      return infernoError("DYNLD_UNSUPPORTED", place, `dynamic object: ${machine.name} unimplemented`, which);
  }
}
