/** Prints the signatures of one file. */
import { symbolDeclaration } from "../../dynld/ctype/declaration.ts";
import type { TypedSymbol } from "../../dynld/ctype/symbol-types.ts";
import type { ExportedSymbol } from "../../dynld/signature/exported.ts";
import { infernoSignature } from "../../dynld/signature/inferno.ts";
import { fullText, groupsOf, signatureText } from "../../dynld/signature/signature.ts";
import { openTyped } from "../../dynld/signature/typed-archive.ts";
import type { TypedFile, TypedSource } from "../../dynld/signature/typed-file.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { jsonPieces } from "../json.ts";
import { complain } from "../message.ts";
import { describe, Output } from "../output.ts";
import { filesOf, isSeveral, tellUnread, tellUntyped } from "../typed-files.ts";
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

/** Shows the signatures of what a file exports, or the members of an archive. @returns the exit status */
export async function showSignatures(
  path: string,
  names: readonly string[],
  options: SigOptions,
): Promise<number> {
  let status = EXIT_OK;
  const fail = (error: unknown): void => {
    complain(describe(path, error).message);
    status = EXIT_FAILURE;
  };
  const output = new Output();
  try {
    using opened = await openTyped(path, findOptions(options));
    const wanted = names.length === 0 ? undefined : wantedOf(opened, names, fail);
    const listings = Array.from(filesOf(opened), (file) => ({
      file,
      exports: wanted === undefined ? file.exports : exportsNamed(file, wanted),
    })).filter(({ exports }) => exports.length > 0 || !isSeveral(opened));
    if (options.json === true) {
      const documents = listings.map(({ file, exports }) => ({
        file: file.path,
        debugFile: file.debugPath ?? null,
        symbols: [...rowsOf(file, exports, options, fail)],
      }));
      for (const piece of jsonPieces(isSeveral(opened) ? documents : documents[0])) output.write(piece);
      output.line("");
    } else {
      for (const { file, exports } of listings) {
        if (isSeveral(opened)) output.line(`\nFile: ${file.path}`);
        for (const row of rowsOf(file, exports, options, fail)) output.line(lineOf(row, options));
      }
    }
    output.flush();
    const isRead = tellUnread(opened);
    const isTyped = tellUntyped(
      opened,
      listings.map(({ file }) => file),
    );
    if (!isRead || !isTyped) status = EXIT_FAILURE;
  } catch (error) {
    fail(error);
  }
  output.flush();
  return status;
}

/** The names that there are. */
function wantedOf(
  opened: TypedSource,
  names: readonly string[],
  fail: (error: unknown) => void,
): readonly string[] {
  return names.filter((name) => {
    try {
      return opened.exported(name).name === name;
    } catch (error) {
      fail(error);
      return false;
    }
  });
}

function exportsNamed({ exports }: TypedFile, names: readonly string[]): readonly ExportedSymbol[] {
  const byName = new Map(exports.map((one) => [one.name, one]));
  return names.map((name) => byName.get(name)).filter((one) => one !== undefined);
}

function* rowsOf(
  file: TypedFile,
  exports: readonly ExportedSymbol[],
  options: SigOptions,
  fail: (error: unknown) => void,
): IterableIterator<Row> {
  for (const exported of exports) {
    const { name, kind } = exported;
    try {
      const typed = file.typeOf(exported);
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
