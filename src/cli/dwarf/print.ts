/** Shows one part of the debug information of files: as text, as JSON, or as numbers of what there is. */
import { filesNamed } from "../inputs.ts";
import { jsonPieces } from "../json.ts";
import { complain } from "../message.ts";
import { describe, Output } from "../output.ts";
import { showCounts } from "./count.ts";
import type { Dump } from "./dump.ts";
import { type DumpName, loadDump } from "./dumps.ts";
import type { DumpOptions } from "./options.ts";
import { checkPlaces } from "./placed.ts";
import { Run } from "./run.ts";

/**
 * Shows files on standard output. What can't be read goes to standard error, in JSON to the file's `errors`.
 * @param name of the subcommand that shows this part
 * @returns the exit status: failure when anything could not be read
 * @throws UsageError
 */
export async function showDump(
  name: DumpName,
  files: readonly string[],
  options: DumpOptions,
): Promise<number> {
  const dump = await loadDump(name, options);
  if (options.place !== undefined) checkPlaces(files, options.place);
  if (options.stats === true) return showCounts(name, files, options, dump);
  return options.json === true ? showJson(files, options, dump) : showText(files, options, dump);
}

function showText<Item>(files: readonly string[], options: DumpOptions, dump: Dump<Item>): number {
  const out = new Output();
  const run = new Run(options, (name, error) => tell(out, name, error));
  let titled = filesNamed(files).length > 1;
  for (const { name, file } of run.files(files)) {
    if (file === undefined) continue;
    titled ||= !files.includes(name);
    if (titled) out.line(`\nFile: ${name}`);
    file.attempt(() => {
      let isEmpty = true;
      for (const group of dump.groupsOf(file)) {
        isEmpty = false;
        out.line(`\n${group.title}`);
        file.attempt(() => {
          for (const item of group.items()) for (const line of dump.text(item)) out.line(line);
        });
      }
      if (isEmpty && !file.hasFailed) out.line(`\n${dump.absent}`);
    });
  }
  out.flush();
  return run.status;
}

/** Groups are written as they are read: all of a large file at once would take much memory. */
function showJson<Item>(files: readonly string[], options: DumpOptions, dump: Dump<Item>): number {
  const out = new Output();
  let errors: unknown[] = [];
  const run = new Run(options, (name, error) => errors.push(describe(name, error)));
  let isFirst = true;
  for (const { name, file } of run.files(files)) {
    out.write(`${isFirst ? "[" : ","}\n  {\n    "file": ${JSON.stringify(name)},\n    "${dump.groups}": [`);
    isFirst = false;
    let separator = "\n";
    file?.attempt(() => {
      for (const { fields, items } of dump.groupsOf(file)) {
        const list: Item[] = [];
        file.attempt(() => {
          for (const item of items()) list.push(item);
        });
        out.write(`${separator}      `);
        separator = ",\n";
        const group = { ...fields, [dump.items]: dump.nested?.(list) ?? list };
        for (const piece of jsonPieces(group, "      ")) out.write(piece);
      }
    });
    out.write(separator === "\n" ? "]" : "\n    ]");
    if (errors.length > 0) {
      out.write(',\n    "errors": ');
      for (const piece of jsonPieces(errors, "    ")) out.write(piece);
      errors = [];
    }
    out.write("\n  }");
  }
  out.line(isFirst ? "[]" : "\n]");
  out.flush();
  return run.status;
}

/** What was printed before belongs before the message, also when both go to a terminal. */
function tell(out: Output, name: string, error: unknown): void {
  const { message } = describe(name, error);
  out.flush();
  complain(message);
}
