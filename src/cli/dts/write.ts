/** Writes TypeScript declarations of one file. */
import { writeFileSync } from "node:fs";
import type { TypedSymbol } from "../../dynld/ctype/symbol-types.ts";
import { openTyped } from "../../dynld/signature/typed-archive.ts";
import type { TypedSource } from "../../dynld/signature/typed-file.ts";
import { typeScriptDeclarations } from "../../dynld/typescript/declarations.ts";
import { HostError } from "../../errors.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { describe, Output } from "../output.ts";
import { filesOf, tellIfUntyped, tellUnread } from "../typed-files.ts";

/** What `bindery dts` was asked for. */
export interface DtsOptions {
  readonly output?: string;
  readonly debugDir?: string;
}

/** Writes the declarations of a file's exports. @returns the exit status */
export async function writeDeclarations(
  path: string,
  names: readonly string[],
  { output, debugDir }: DtsOptions,
): Promise<number> {
  try {
    using opened = await openTyped(path, debugDir === undefined ? {} : { debugDirectories: [debugDir] });
    if (!tellUnread(opened)) return EXIT_FAILURE;
    const files = filesOf(opened);
    if (files.every(({ types }) => types === undefined)) {
      for (const file of files) tellIfUntyped(file);
      return EXIT_FAILURE;
    }
    const { text } = typeScriptDeclarations(path, symbolsOf(opened, names));
    if (output === undefined) {
      const out = new Output();
      out.write(text);
      out.flush();
    } else save(output, text);
    return EXIT_OK;
  } catch (error) {
    process.stderr.write(`bindery: ${describe(path, error).message}\n`);
    return EXIT_FAILURE;
  }
}

function* symbolsOf(file: TypedSource, names: readonly string[]): IterableIterator<TypedSymbol> {
  const wanted = names.length === 0 ? file.exports : names.map((name) => file.exported(name));
  for (const exported of wanted) {
    const typed = file.typeOf(exported);
    if (typed !== undefined) yield typed;
  }
}

function save(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new HostError("HOST_SYSCALL", "write", `${path}: ${why}`);
  }
}
