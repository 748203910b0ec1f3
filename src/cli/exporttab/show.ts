/** `bindery exporttab`: makes the table and prints it. */
import { fileTable } from "../../dynld/file-table.ts";
import { parseNameList } from "../../dynld/mkmod/mkmod.ts";
import { formatSymbolTable } from "../../dynld/symbol-table.ts";
import { readText, saveFile } from "../files.ts";
import { EXIT_OK } from "../help.ts";
import { jsonPieces } from "../json.ts";
import { Output } from "../output.ts";
import type { ExporttabOptions } from "./options.ts";

/** Prints the table of a file, or writes it. @returns the exit status @throws DynldError, HostError, ElfError */
export function showTable(file: string, names: readonly string[], options: ExporttabOptions): number {
  const listed = options.list === undefined ? undefined : parseNameList(readText(options.list));
  const isAll = names.length === 0 && listed === undefined;
  const inferno = options.inferno === true;
  const table = fileTable(file, { inferno, ...(isAll ? {} : { names: [...names, ...(listed ?? [])] }) });
  const hex = (value: bigint) => `0x${value.toString(16)}`;
  const text =
    options.json === true
      ? `${[...jsonPieces(table.map(({ name, sig, addr }) => ({ name, sig: hex(sig), addr: hex(addr) })))].join("")}\n`
      : formatSymbolTable(table);
  if (options.output !== undefined) {
    saveFile(options.output, text);
    return EXIT_OK;
  }
  const out = new Output();
  out.write(text);
  out.flush();
  return EXIT_OK;
}
