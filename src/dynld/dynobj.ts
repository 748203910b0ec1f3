/** A loaded module as dynld(10.2) describes it, whichever format it came in, and what is done with one. [seed: dynld] */
import type { DynldError } from "../errors.ts";
import { type Dynsym, type DynsymLike, dynfindsym } from "./dynsym.ts";
import { checkSignature, type SignatureRules } from "./policy.ts";
import type { ModuleStream } from "./stream.ts";

/** A loaded module: `Dynobj` of the seed. Sizes are bytes. */
export interface Dynobj {
  /** Text, data and bss together. */
  readonly size: number;
  readonly text: number;
  readonly data: number;
  readonly bss: number;
  /** Address of the start of text, which data and bss follow. */
  readonly base: bigint;
  readonly nexport: number;
  /** What the module exports, sorted by name. */
  readonly export: readonly Dynsym[];
  /** Length of `import`; 0 after `dynfreeimport`. */
  readonly nimport: number;
  /** For each import the entry of the table that it was found in; `undefined` after `dynfreeimport`. */
  readonly import: readonly DynsymLike[] | undefined;
  /** Drops the import table. */
  freeImport(): void;
  /** Gives the module's memory back. Doing so twice is harmless. */
  free(): void;
}

/** What a module is loaded against, and where to. */
export interface LoadRequest extends SignatureRules {
  /** The symbols that the module may import, sorted by name. */
  readonly exports: readonly DynsymLike[];
  /** Where to place a module that is relocated into an image; each format says what it is when left out. */
  readonly base?: bigint;
  /** Its size must be below this many bytes; 0 is no limit. */
  readonly maxsize?: number;
}

/** A format of modules: what a loader of several formats needs to know. */
export interface ModuleFormat {
  /** How messages call it. */
  readonly name: string;
  /** Whether a file that starts with these 4 bytes, or fewer if it is shorter, may be such a module. */
  recognizes(start: Uint8Array): boolean;
  /**
   * Loads the module that `stream` stands at.
   *
   * @throws DynldError if it can't be; nothing of it is left then
   */
  load(stream: ModuleStream, request: LoadRequest): Dynobj;
}

/** What the loaders of the seed tell of a failure: the error string, and all that is known. */
export type ErrorCallback = (errstr: string, error: DynldError) => void;

/**
 * Address of what a module exports by that name; `undefined` if it does not, or if `sig` and the symbol's signature are
 * both not 0 and differ.
 */
export function dynimport(obj: Dynobj, name: string, sig: number | bigint): bigint | undefined {
  const found = dynfindsym(name, obj.export);
  if (found === undefined || checkSignature(name, BigInt(sig), found.sig) === "differs") return undefined;
  return found.addr;
}

/** Drops a module's import table, which nothing needs after loading. */
export function dynfreeimport(obj: Dynobj): void {
  obj.freeImport();
}

/** Frees a module. `undefined` is let pass, as nil is in C. */
export function dynobjfree(obj: Dynobj | undefined): void {
  obj?.free();
}
