/** A file with what it exports, and the types of that, from its own debug information or a separate debug file. */
import { Dwarf } from "../../dwarf/dwarf.ts";
import { Companions } from "../../dwfl/find/companions.ts";
import {
  type FindOptions,
  findDebugFile,
  findLocalDebugFile,
  type LocalFindOptions,
} from "../../dwfl/find/find.ts";
import type { ElfFile } from "../../elf/file.ts";
import { DynldError } from "../../errors.ts";
import { openElf } from "../../host/file.ts";
import { closestNames } from "../closest.ts";
import { SymbolTypes, type TypedSymbol } from "../ctype/symbol-types.ts";
import { type ExportedSymbol, exportedSymbols } from "./exported.ts";
import { exportedType } from "./exported-type.ts";
import { Signatures, type SignedSymbol } from "./signature.ts";

/** An exported symbol with what is known of its type. */
export interface TypedExport extends ExportedSymbol {
  /** `undefined` where debug information does not tell its type: it is assembly, or compiled without. */
  readonly typed: TypedSymbol | undefined;
}

/** What exports symbols that have types: a file, or an archive of some. */
export interface TypedSource extends Disposable {
  /** What messages call it. */
  readonly path: string;
  /** What it exports, sorted by name, each name once. @throws ElfError */
  readonly exports: readonly ExportedSymbol[];
  /** An exported symbol by name. @throws DynldError DYNLD_UNDEFINED_SYMBOL */
  exported(name: string): ExportedSymbol;
  /** The type of one of {@link exports}; `undefined` where debug information does not tell it. @throws DwarfError */
  typeOf(exported: ExportedSymbol): TypedSymbol | undefined;
  /** The signature of a symbol that {@link typeOf} gave. @throws DynldError DYNLD_BAD_TYPE, DwarfError */
  signature(symbol: TypedSymbol): SignedSymbol;
  /** Lets go of what it opened. Twice is harmless. */
  close(): void;
}

/** A file that is open. */
interface OpenFile {
  readonly elf: ElfFile;
  close(): void;
}

/**
 * An ELF file whose symbols have types. Owns the files that it opened; types that were read of it are of no use once it is
 * closed.
 */
export class TypedFile implements TypedSource {
  readonly path: string;
  readonly elf: ElfFile;
  /** Where the debug information is; `undefined` when there is none. */
  readonly debugPath: string | undefined;
  readonly types: SymbolTypes | undefined;
  readonly #signatures: Signatures;
  readonly #opened: readonly OpenFile[];
  readonly #companions: Companions | undefined;
  #exports: readonly ExportedSymbol[] | undefined;

  private constructor(
    path: string,
    opened: OpenFile,
    debug: OpenFile | undefined,
    debugPath: string | undefined,
  ) {
    const source = debug ?? (hasDebugInformation(opened.elf) ? opened : undefined);
    this.path = path;
    this.elf = opened.elf;
    this.debugPath = debug === undefined ? source && path : debugPath;
    this.#opened = debug === undefined ? [opened] : [opened, debug];
    if (source !== undefined) {
      const dwarf = Dwarf.open(source.elf);
      this.types = new SymbolTypes(dwarf);
      this.#companions = Companions.attach(dwarf, { path: this.debugPath ?? path });
    }
    this.#signatures = new Signatures(this.types?.reader);
  }

  /**
   * Opens a file, and its separate debug file if it needs one, which may come from debuginfod.
   * @throws HostError, ElfError; the reason of the options' signal
   */
  static async open(path: string, options: FindOptions = {}): Promise<TypedFile> {
    const opened = openElf(path);
    try {
      if (hasDebugInformation(opened.elf)) return new TypedFile(path, opened, undefined, undefined);
      const found = await findDebugFile(opened.elf, { path, ...options });
      return TypedFile.#with(path, opened, found.path);
    } catch (error) {
      opened.close();
      throw error;
    }
  }

  /** {@link open} with what is on disk. */
  static openLocal(path: string, options: LocalFindOptions = {}): TypedFile {
    const opened = openElf(path);
    try {
      if (hasDebugInformation(opened.elf)) return new TypedFile(path, opened, undefined, undefined);
      return TypedFile.#with(path, opened, findLocalDebugFile(opened.elf, { path, ...options }).path);
    } catch (error) {
      opened.close();
      throw error;
    }
  }

  /** A file that is open, as a member of an archive is; who opened it closes it. @param path what messages call it */
  static of(path: string, elf: ElfFile): TypedFile {
    return new TypedFile(path, { elf, close: () => {} }, undefined, undefined);
  }

  static #with(path: string, opened: OpenFile, debugPath: string | undefined): TypedFile {
    const debug = debugPath === undefined ? undefined : openElf(debugPath);
    return new TypedFile(path, opened, debug, debugPath);
  }

  /** What the file exports, sorted by name. @throws ElfError */
  get exports(): readonly ExportedSymbol[] {
    this.#exports ??= exportedSymbols(this.elf);
    return this.#exports;
  }

  /**
   * The type of an exported symbol: that of its name, or of what else is called where it is. Of a function that is chosen when
   * the program runs, what is declared, since its definition is that of what chooses.
   * @throws DwarfError
   */
  typeOf(exported: ExportedSymbol): TypedSymbol | undefined {
    return this.types && exportedType(this.types, exported);
  }

  /** What the file exports, with the types. @throws ElfError, DwarfError */
  *typedExports(): IterableIterator<TypedExport> {
    for (const exported of this.exports) yield { ...exported, typed: this.typeOf(exported) };
  }

  /** The signature of a symbol of this file. @throws DynldError DYNLD_BAD_TYPE, DwarfError */
  signature(symbol: TypedSymbol): SignedSymbol {
    return this.#signatures.of(symbol);
  }

  /** An exported symbol by name. @throws DynldError DYNLD_UNDEFINED_SYMBOL */
  exported(name: string): ExportedSymbol {
    return exportedOf(this, name);
  }

  /** Closes the files. Closing twice is harmless. */
  close(): void {
    this.#companions?.close();
    for (const opened of this.#opened) opened.close();
  }

  /** Closes the files. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** An export by name. @throws DynldError DYNLD_UNDEFINED_SYMBOL, with the closest names that there are */
export function exportedOf(
  { path, exports }: Pick<TypedSource, "path" | "exports">,
  name: string,
): ExportedSymbol {
  const found = exports.find((one) => one.name === name);
  if (found !== undefined) return found;
  const close = closestNames(
    name,
    exports.map((one) => one.name),
  );
  const has = close.length === 0 ? "" : `; there is ${close.join(", ")}`;
  const what = `${name}: is not exported${has}`;
  throw new DynldError("DYNLD_UNDEFINED_SYMBOL", { file: path }, what, { symbol: name });
}

/** Whether a file has debug information of its own. */
export function hasDebugInformation(elf: ElfFile): boolean {
  return ["debug_info", "zdebug_info"].some((name) => elf.sectionsNamed(`.${name}`).length > 0);
}
