/** Shows the selected parts of the files, as text or as one JSON document. */
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { allInputs, type Input } from "../inputs.ts";
import { jsonPieces } from "../json.ts";
import { complain } from "../message.ts";
import { describe, Output } from "../output.ts";
import { dynamicJson, dynamicText } from "./dynamic.ts";
import { hashJson, hashText } from "./hash.ts";
import { headerJson, headerText } from "./header.ts";
import { notesJson, notesText } from "./notes.ts";
import type { ElfOptions } from "./options.ts";
import { relocsJson, relocsText } from "./relocs.ts";
import { groupsJson, groupsText, sectionsJson, sectionsText } from "./sections.ts";
import { segmentsJson, segmentsText } from "./segments.ts";
import { dynamicSymbolsJson, dynamicSymbolsText, symbolsJson, symbolsText } from "./symbols.ts";
import { versionsJson, versionsText } from "./versions.ts";
import { type Lines, makeView, type View } from "./view.ts";

/** A part of a file that can be selected. */
interface Part {
  /** Its key in JSON. */
  readonly key: string;
  readonly selected: (options: ElfOptions) => boolean;
  readonly text: (view: View) => Lines;
  readonly json: (view: View) => unknown;
}

const on = (flag: boolean | undefined): boolean => flag === true;

/** In readelf's order. */
const PARTS: readonly Part[] = [
  { key: "header", selected: (o) => on(o.fileHeader) || on(o.headers), text: headerText, json: headerJson },
  {
    key: "sections",
    selected: (o) => on(o.sections) || on(o.headers),
    text: sectionsText,
    json: sectionsJson,
  },
  { key: "groups", selected: (o) => on(o.sectionGroups), text: groupsText, json: groupsJson },
  {
    key: "segments",
    selected: (o) => on(o.segments) || on(o.headers),
    text: segmentsText,
    json: segmentsJson,
  },
  { key: "dynamic", selected: (o) => on(o.dynamic), text: dynamicText, json: dynamicJson },
  { key: "relocations", selected: (o) => on(o.relocs), text: relocsText, json: relocsJson },
  { key: "symbols", selected: (o) => on(o.symbols), text: symbolsText, json: symbolsJson },
  {
    key: "dynamicSymbols",
    selected: (o) => on(o.dynSyms) && !on(o.symbols),
    text: dynamicSymbolsText,
    json: dynamicSymbolsJson,
  },
  { key: "hash", selected: (o) => on(o.hash), text: hashText, json: hashJson },
  { key: "versions", selected: (o) => on(o.versions), text: versionsText, json: versionsJson },
  { key: "notes", selected: (o) => on(o.notes), text: notesText, json: notesJson },
];

function selectedParts(options: ElfOptions): readonly Part[] {
  if (on(options.all)) {
    return PARTS.filter(({ key }) => key !== "dynamicSymbols");
  }
  const chosen = PARTS.filter((part) => part.selected(options));
  return chosen.length > 0 ? chosen : PARTS.filter((part) => part.selected({ headers: true }));
}

/**
 * Shows files on standard output, and what can't be read on standard error.
 *
 * @returns the exit status: failure when any file, or any part of one, could not be read
 */
export function showFiles(files: readonly string[], options: ElfOptions): number {
  const parts = selectedParts(options);
  return on(options.json) ? showJson(files, parts, options) : showText(files, parts, options);
}

function viewOf(input: Input, parts: readonly Part[], options: ElfOptions): View | undefined {
  const withHeader = parts.some(({ key }) => key === "header");
  return input.elf === undefined ? undefined : makeView(input.elf, on(options.demangle), withHeader);
}

function showText(files: readonly string[], parts: readonly Part[], options: ElfOptions): number {
  const out = new Output();
  let status = EXIT_OK;
  const told = new Set<string>();
  const fail = (name: string, error: unknown): void => {
    const { message } = describe(name, error);
    status = EXIT_FAILURE;
    if (told.has(message)) {
      // A broken section header table breaks most parts; saying so once is enough.
      return;
    }
    told.add(message);
    // What was printed before belongs before the message, also when both go to a terminal.
    out.flush();
    complain(message);
  };
  let titled = files.length > 1;
  for (const input of allInputs(files)) {
    const view = viewOf(input, parts, options);
    if (view === undefined) {
      fail(input.name, input.error);
      continue;
    }
    titled ||= !files.includes(input.name);
    if (titled) {
      out.line("");
      out.line(`File: ${input.name}`);
    }
    for (const part of parts) {
      try {
        for (const line of part.text(view)) {
          out.line(line);
        }
      } catch (error) {
        fail(input.name, error);
      }
    }
  }
  out.flush();
  return status;
}

function showJson(files: readonly string[], parts: readonly Part[], options: ElfOptions): number {
  let status = EXIT_OK;
  const documents: unknown[] = [];
  for (const input of allInputs(files)) {
    const view = viewOf(input, parts, options);
    if (view === undefined) {
      documents.push({ file: input.name, error: describe(input.name, input.error) });
      status = EXIT_FAILURE;
      continue;
    }
    const document: Record<string, unknown> = { file: input.name };
    const errors: unknown[] = [];
    for (const part of parts) {
      try {
        document[part.key] = part.json(view);
      } catch (error) {
        errors.push({ part: part.key, ...describe(input.name, error) });
        status = EXIT_FAILURE;
      }
    }
    documents.push(errors.length === 0 ? document : { ...document, errors });
  }
  const out = new Output();
  for (const piece of jsonPieces(documents)) {
    out.write(piece);
  }
  out.line("");
  out.flush();
  return status;
}
