/** Writes TypeScript declarations of one file. */
import { writeFileSync } from "node:fs";
import type { TypedSymbol } from "../../dynld/ctype/symbol-types.ts";
import { TypedFile } from "../../dynld/signature/typed-file.ts";
import { typeScriptDeclarations } from "../../dynld/typescript/declarations.ts";
import { HostError } from "../../errors.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { describe, Output } from "../output.ts";

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
    using file = await TypedFile.open(path, debugDir === undefined ? {} : { debugDirectories: [debugDir] });
    if (file.types === undefined) {
      process.stderr.write(`bindery: ${path}: has no debug information, and no debug file of it was found\n`);
      return EXIT_FAILURE;
    }
    const { text } = typeScriptDeclarations(path, symbolsOf(file, names));
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

function* symbolsOf(file: TypedFile, names: readonly string[]): IterableIterator<TypedSymbol> {
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
