/** Archives of object files, with what their members export and the types of that. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { FindOptions } from "../../dwfl/find/find.ts";
import { isArchive } from "../../elf/archive.ts";
import { ElfFile } from "../../elf/file.ts";
import { BinderyError, ElfError } from "../../errors.ts";
import { hostDecompressors, type OpenedArchive, openArchive, openSource } from "../../host/file.ts";
import type { TypedSymbol } from "../ctype/symbol-types.ts";
import { compareNames } from "../dynsym.ts";
import type { ExportedSymbol } from "./exported.ts";
import type { SignedSymbol } from "./signature.ts";
import { exportedOf, TypedFile, type TypedSource } from "./typed-file.ts";

/** A member that is no ELF file that can be read. */
export interface UnreadMember {
  /** `archive(member)`. */
  readonly name: string;
  readonly error: BinderyError;
}

/**
 * An `ar` archive whose members export symbols that have types. Of a name that several export, the first one counts, as for
 * linkers. Owns the archive.
 */
export class TypedArchive implements TypedSource {
  readonly path: string;
  /** Those that can be read, in the order of the archive. */
  readonly members: readonly TypedFile[];
  readonly unread: readonly UnreadMember[];
  readonly #opened: OpenedArchive;
  readonly #owners = new Map<ExportedSymbol, TypedFile>();
  readonly #typed = new WeakMap<TypedSymbol, TypedFile>();
  #exports: readonly ExportedSymbol[] | undefined;

  private constructor(path: string, opened: OpenedArchive, only: string | undefined) {
    const members: TypedFile[] = [];
    const unread: UnreadMember[] = [];
    for (const member of opened.archive.members) {
      if (only !== undefined && member.name !== only && basename(member.name) !== only) continue;
      const name = `${path}(${member.name})`;
      try {
        const elf = ElfFile.open(member.open(), { name, decompressors: hostDecompressors() });
        members.push(TypedFile.of(name, elf));
      } catch (error) {
        if (!(error instanceof BinderyError)) throw error;
        unread.push({ name, error });
      }
    }
    if (only !== undefined && members.length + unread.length === 0) {
      throw new ElfError("ELF_BAD_REFERENCE", { file: path }, `found no member ${only} in the archive`);
    }
    this.path = only === undefined ? path : `${path}(${only})`;
    this.members = members;
    this.unread = unread;
    this.#opened = opened;
  }

  /**
   * Opens an archive.
   * @param only the one member that is wanted; all by default
   * @throws HostError, ElfError
   */
  static open(path: string, only?: string): TypedArchive {
    const opened = openArchive(path);
    try {
      return new TypedArchive(path, opened, only);
    } catch (error) {
      opened.close();
      throw error;
    }
  }

  get exports(): readonly ExportedSymbol[] {
    if (this.#exports === undefined) {
      const found = new Map<string, ExportedSymbol>();
      for (const member of this.members) {
        for (const exported of member.exports) {
          if (found.has(exported.name)) continue;
          found.set(exported.name, exported);
          this.#owners.set(exported, member);
        }
      }
      this.#exports = [...found.values()].sort((a, b) => compareNames(a.name, b.name));
    }
    return this.#exports;
  }

  exported(name: string): ExportedSymbol {
    return exportedOf(this, name);
  }

  typeOf(exported: ExportedSymbol): TypedSymbol | undefined {
    const owner = this.#owners.get(exported);
    const typed = owner?.typeOf(exported);
    if (owner !== undefined && typed !== undefined) this.#typed.set(typed, owner);
    return typed;
  }

  signature(symbol: TypedSymbol): SignedSymbol {
    const owner = this.#typed.get(symbol);
    if (owner === undefined) throw new RangeError(`${symbol.name}: found a symbol of another file`);
    return owner.signature(symbol);
  }

  close(): void {
    for (const member of this.members) member.close();
    this.#opened.close();
  }

  /** Closes the archive. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Opens a file, an archive, or a member of one: `libfoo.a(member.o)`. A file without debug information has its separate debug
 * file opened too, which may come from debuginfod.
 * @throws HostError, ElfError; the reason of the options' signal
 */
export async function openTyped(path: string, options: FindOptions = {}): Promise<TypedFile | TypedArchive> {
  const [, archive, member] = /^(.+)\((.+)\)$/.exec(path) ?? [];
  if (archive !== undefined && member !== undefined && !existsSync(path)) {
    return TypedArchive.open(archive, member);
  }
  return looksLikeArchive(path) ? TypedArchive.open(path) : TypedFile.open(path, options);
}

function looksLikeArchive(path: string): boolean {
  using opened = openSource(path);
  return isArchive(opened.source.read(0, Math.min(8, opened.source.size)));
}
