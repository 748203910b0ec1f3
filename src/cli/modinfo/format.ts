/** What each format of modules has to be able to show. */
import type { ByteSource, Dynsym } from "../../dynld/inferno/index.ts";
import type { ModinfoOptions } from "./options.ts";

/** A module that was read, and relocated if that was asked for. */
export interface ModuleView {
  readonly text: () => Iterable<string>;
  readonly json: () => unknown;
  /** What is wrong with it, though it could be loaded. */
  readonly warnings: readonly string[];
}

/** One format. */
export interface ModinfoFormat {
  /** Whether a file that starts with these 4 bytes may be such a module. */
  readonly recognizes: (start: Uint8Array) => boolean;
  /** Reads a module, and relocates it against `table` if that was asked for. @throws DynldError if it is refused */
  readonly view: (
    file: string,
    source: ByteSource,
    options: ModinfoOptions,
    table: readonly Dynsym[],
  ) => ModuleView;
  /** What is known of a file whose module was refused, for JSON. */
  readonly refused: (file: string, start: Uint8Array) => Readonly<Record<string, unknown>>;
}
