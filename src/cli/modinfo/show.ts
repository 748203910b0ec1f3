/** Shows a module, as text or as one JSON document, or why it is refused. */
import { decodeUtf8 } from "../../bytes/text.ts";
import { type Dynsym, parseSymbolTable } from "../../dynld/inferno/index.ts";
import { DynldError, formatPlace } from "../../errors.ts";
import { openSource } from "../../host/file.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { jsonPieces } from "../json.ts";
import { describe, Output } from "../output.ts";
import { ELF_VIEWS } from "./elf.ts";
import type { ModinfoFormat, ModuleView } from "./format.ts";
import { INFERNO_VIEWS } from "./inferno.ts";
import type { ModinfoOptions } from "./options.ts";

/** The first one tells what is wrong with a file that is of none. */
const FORMATS: readonly [ModinfoFormat, ...ModinfoFormat[]] = [INFERNO_VIEWS, ELF_VIEWS];

/** @returns the exit status */
export function showModule(file: string, options: ModinfoOptions): number {
  const { symbols } = options;
  const table = symbols === undefined ? [] : orTell(symbols, () => readTable(symbols));
  if (table === undefined) return EXIT_FAILURE;
  return orTell(file, () => showOpened(file, options, table)) ?? EXIT_FAILURE;
}

/** What `act` returns; `undefined` after telling why it can't do anything with a file. */
function orTell<T>(file: string, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    process.stderr.write(`bindery: ${describe(file, error).message}\n`);
    return undefined;
  }
}

function readTable(path: string): Dynsym[] {
  using opened = openSource(path);
  const { source } = opened;
  return parseSymbolTable(decodeUtf8(source.read(0, source.size), 0, source.size), path);
}

function showOpened(file: string, options: ModinfoOptions, table: readonly Dynsym[]): number {
  using opened = openSource(file);
  const { source } = opened;
  const start = source.read(0, Math.min(4, source.size));
  const format = FORMATS.find((one) => one.recognizes(start)) ?? FORMATS[0];
  const out = new Output();
  let view: ModuleView;
  try {
    view = format.view(file, source, options, table);
  } catch (error) {
    if (!(error instanceof DynldError)) throw error;
    if (options.json === true) {
      const { code, message } = describe(file, error);
      printJson({ ...format.refused(file, start), error: error.errstr, code, message }, out);
    }
    refuse(file, error);
    return EXIT_FAILURE;
  }
  if (options.json === true) {
    printJson(view.json(), out);
  } else {
    for (const line of view.text()) out.line(line);
    out.flush();
  }
  for (const warning of view.warnings) process.stderr.write(`bindery: ${file}: warning: ${warning}\n`);
  return EXIT_OK;
}

function printJson(document: unknown, out: Output): void {
  for (const piece of jsonPieces(document)) out.write(piece);
  out.line("");
  out.flush();
}

/** For each thing that is wrong a line of the loader's own words, and below it where that is and what was expected. */
function refuse(file: string, error: DynldError): void {
  for (const { errstr, message, place, also } of [error, ...error.also]) {
    // Where several things are wrong, the first one's message has the others below its own.
    const [own = ""] = also.length > 0 ? message.split("\n") : [message];
    const what = own.slice(own.indexOf(errstr) + errstr.length).replace(/^[:;] /, "");
    const { file: _, ...inside } = place;
    const more = [formatPlace(inside), what].filter((part) => part !== "").join(": ");
    const said = errstr.replace(`${file}: `, "");
    process.stderr.write(`bindery: ${file}: ${said}\n${more === "" ? "" : `  ${more}\n`}`);
  }
}
