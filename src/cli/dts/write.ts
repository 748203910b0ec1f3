/** Writes TypeScript declarations of one file. */
import type { TypedSymbol } from "../../dynld/ctype/symbol-types.ts";
import { openTyped } from "../../dynld/signature/typed-archive.ts";
import type { TypedSource } from "../../dynld/signature/typed-file.ts";
import { typeScriptDeclarations } from "../../dynld/typescript/declarations.ts";
import { saveFile } from "../files.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { complain } from "../message.ts";
import { describe, Output } from "../output.ts";
import { filesOf, tellUnread, tellUntyped } from "../typed-files.ts";

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
  const text = await declarationsOf(path, names, debugDir);
  if (text === undefined) return EXIT_FAILURE;
  if (output !== undefined) saveFile(output, text);
  else {
    const out = new Output();
    out.write(text);
    out.flush();
  }
  return EXIT_OK;
}

/** The text, or nothing if standard error says why there is none. */
async function declarationsOf(
  path: string,
  names: readonly string[],
  debugDir: string | undefined,
): Promise<string | undefined> {
  try {
    using opened = await openTyped(path, debugDir === undefined ? {} : { debugDirectories: [debugDir] });
    if (!tellUnread(opened)) return undefined;
    const files = filesOf(opened);
    if (files.length === 0) {
      complain(`${path}: found no object file in the archive`);
      return undefined;
    }
    if (files.every(({ types }) => types === undefined)) {
      tellUntyped(opened, files);
      return undefined;
    }
    return typeScriptDeclarations(path, symbolsOf(opened, names)).text;
  } catch (error) {
    complain(describe(path, error).message);
    return undefined;
  }
}

function* symbolsOf(file: TypedSource, names: readonly string[]): IterableIterator<TypedSymbol> {
  const wanted = names.length === 0 ? file.exports : names.map((name) => file.exported(name));
  for (const exported of wanted) {
    const typed = file.typeOf(exported);
    if (typed !== undefined) yield typed;
  }
}
