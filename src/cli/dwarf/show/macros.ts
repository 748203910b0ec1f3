/** `bindery dwarf macros`: what the preprocessor saw, as directives. */
import type { LineHeader } from "../../../dwarf/read/line/header.ts";
import { unitLineHeader } from "../../../dwarf/read/line/unit.ts";
import { type MacroEvent, unitMacros } from "../../../dwarf/read/macro/unit.ts";
import type { Dump } from "../dump.ts";
import type { UnitOptions } from "../options.ts";
import { hex, unitFields, unitsOf, unitTitle } from "../units.ts";

interface Directive {
  readonly kind: MacroEvent["kind"];
  readonly line?: number;
  readonly text?: string | undefined;
  readonly file?: string;
  /** Of the macro unit that is imported, in a file that is not at hand. */
  readonly offset?: number;
}

export function macrosDump(options: UnitOptions): Dump<Directive> {
  return {
    groups: "units",
    items: "macros",
    absent: "There are no units in this file.",
    counted: ["units", "macros"],
    *groupsOf(file) {
      for (const unit of unitsOf(file, options)) {
        const lines = file.attempt(() => unitLineHeader(unit));
        yield {
          title: unitTitle(unit),
          fields: unitFields(unit),
          *items() {
            for (const event of unitMacros(unit)) yield directive(event, lines);
          },
        };
      }
    },
    *text({ kind, line = 0, text = "(in another file)", file, offset = 0 }) {
      const place = String(line).padStart(6);
      if (kind === "define" || kind === "undef") yield `${place} #${kind} ${text}`;
      else if (kind === "start_file") yield `${place} #include ${JSON.stringify(file)}`;
      else if (kind === "end_file") yield `${" ".repeat(6)} end of file`;
      else yield `${" ".repeat(6)} macros at ${hex(offset)} of another file`;
    },
  };
}

function directive(event: MacroEvent, lines: LineHeader | undefined): Directive {
  if (event.kind !== "start_file") return event;
  const { kind, line, file } = event;
  return { kind, line, file: lines?.path(file) ?? `file ${file}` };
}
