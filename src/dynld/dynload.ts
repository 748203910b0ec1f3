/** `dynloadgen` and `dynloadable`: modules from any source that a program can read and seek in. [seed: dynld] */
import { DynldError } from "../errors.ts";
import type { Dynobj, ErrorCallback, LoadRequest, ModuleFormat } from "./dynobj.ts";
import { type DynsymEnd, type DynsymLike, dyntabsize } from "./dynsym.ts";
import { ELF_FORMAT } from "./elf-format.ts";
import { INFERNO_FORMAT } from "./inferno/format.ts";
import { callbackStream, type ReadCallback, type SeekCallback, withPrefix } from "./stream.ts";

/** What modules may be. The first one also tells what is wrong with a file that is none. */
const FORMATS: readonly [ModuleFormat, ...ModuleFormat[]] = [INFERNO_FORMAT, ELF_FORMAT];

/** Bytes that formats are told apart by. */
const MAGIC_SIZE = 4;

/** What {@link dynloadgen} takes beyond the arguments of the seed. */
export interface DynloadOptions extends Omit<LoadRequest, "exports" | "maxsize"> {
  /** How messages call the module. */
  readonly name?: string;
}

/**
 * Loads the module that `file` stands at.
 *
 * @param file what `read` and `seek` are called with
 * @param err called with the error string, before nothing is returned
 * @param exports the symbols that the module may import, sorted by name
 * @param nexport how many of them there are; `dyntabsize` counts a table that ends with an entry without a name
 * @param maxsize the module's text, data and bss must be below this many bytes; 0 is no limit
 * @returns the module, or `undefined` after `err` was called and the offset of `file` put back to where it was
 */
export function dynloadgen<F>(
  file: F,
  read: ReadCallback<F>,
  seek: SeekCallback<F>,
  err: ErrorCallback,
  exports: readonly (DynsymLike | DynsymEnd)[],
  nexport: number,
  maxsize: number,
  options: DynloadOptions = {},
): Dynobj | undefined {
  const start = seek(file, 0, 1);
  let loaded: Dynobj | undefined;
  try {
    const stream = callbackStream(file, read, seek, options.name);
    const magic = stream.take(MAGIC_SIZE);
    const format = FORMATS.find((one) => one.recognizes(magic)) ?? FORMATS[0];
    const table = exports.slice(0, nexport);
    const named = table.slice(0, dyntabsize(table)).filter(isSymbol);
    loaded = format.load(withPrefix(magic, stream), { ...options, exports: named, maxsize });
  } catch (error) {
    if (!(error instanceof DynldError)) throw error;
    err(error.errstr, error);
  } finally {
    if (loaded === undefined && start >= 0) seek(file, start, 0);
  }
  return loaded;
}

function isSymbol(entry: DynsymLike | DynsymEnd): entry is DynsymLike {
  return entry.name !== undefined;
}

/** Whether `file` stands at a module that `dynloadgen` knows, by its first bytes. The offset of `file` is put back. */
export function dynloadable<F>(file: F, read: ReadCallback<F>, seek: SeekCallback<F>): boolean {
  const start = seek(file, 0, 1);
  try {
    const magic = callbackStream(file, read, seek).take(MAGIC_SIZE);
    return FORMATS.some((format) => format.recognizes(magic));
  } finally {
    if (start >= 0) seek(file, start, 0);
  }
}
