/** Prints the signatures of one file. */
import { symbolDeclaration } from "../../dynld/ctype/declaration.ts";
import type { TypedSymbol } from "../../dynld/ctype/symbol-types.ts";
import { infernoSignature } from "../../dynld/signature/inferno.ts";
import { fullText, groupsOf, signatureText } from "../../dynld/signature/signature.ts";
import { TypedFile } from "../../dynld/signature/typed-file.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { jsonPieces } from "../json.ts";
import { describe, Output } from "../output.ts";
import { findOptions, type SigOptions } from "./options.ts";

/** What is shown of a symbol. */
interface Row {
  readonly name: string;
  readonly kind: "function" | "variable";
  readonly signature: string | null;
  readonly declaration: string | null;
  readonly text?: string;
  readonly definitions?: Readonly<Record<string, string>>;
}

/** Shows the signatures of a file's exports. @returns the exit status */
export async function showSignatures(
  path: string,
  names: readonly string[],
  options: SigOptions,
): Promise<number> {
  let status = EXIT_OK;
  const fail = (error: unknown): void => {
    process.stderr.write(`bindery: ${describe(path, error).message}\n`);
    status = EXIT_FAILURE;
  };
  const output = new Output();
  try {
    using file = await TypedFile.open(path, findOptions(options));
    const rows = rowsOf(file, names, options, fail);
    if (options.json === true) {
      const document = { file: path, debugFile: file.debugPath ?? null, symbols: [...rows] };
      for (const piece of jsonPieces(document)) output.write(piece);
      output.line("");
    } else for (const row of rows) output.line(lineOf(row, options));
    if (file.types === undefined) {
      process.stderr.write(`bindery: ${path}: has no debug information, and no debug file of it was found\n`);
      status = EXIT_FAILURE;
    }
  } catch (error) {
    fail(error);
  }
  output.flush();
  return status;
}

function* rowsOf(
  file: TypedFile,
  names: readonly string[],
  options: SigOptions,
  fail: (error: unknown) => void,
): IterableIterator<Row> {
  for (const exported of names.length === 0 ? file.exports : names) {
    try {
      const found = typeof exported === "string" ? file.exported(exported) : exported;
      const { name, kind } = found;
      const typed = file.typeOf(found);
      if (typed === undefined) yield { name, kind, signature: null, declaration: null };
      else yield { name, kind, ...signed(file, typed, options) };
    } catch (error) {
      fail(error);
    }
  }
}

function signed(file: TypedFile, symbol: TypedSymbol, options: SigOptions): Omit<Row, "name" | "kind"> {
  const declaration = symbolDeclaration(symbol);
  if (options.inferno === true) {
    return { signature: infernoSignature(symbol).toString(16).padStart(8, "0"), declaration };
  }
  const made = file.signature(symbol);
  const signature = signatureText(made.signature);
  if (options.text !== true) return { signature, declaration };
  if (options.json !== true) return { signature, declaration, text: fullText(made) };
  const definitions = Object.fromEntries(groupsOf([made]).map(({ digest, text }) => [digest, text]));
  return { signature, declaration, text: made.text, definitions };
}

function lineOf({ name, signature, declaration, text }: Row, { inferno }: SigOptions): string {
  const width = inferno === true ? 8 : 16;
  const line = `${signature ?? "-".repeat(width)}  ${declaration ?? name}`;
  return text === undefined ? line : `${line}\n${text}`;
}
