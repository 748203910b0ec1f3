/** Prints what the exports of two files differ in. */

import type { TypeDifference } from "../../dynld/signature/compare.ts";
import { diffExports, type ExportChange } from "../../dynld/signature/diff.ts";
import { sentence } from "../../dynld/signature/explain.ts";
import { openTyped } from "../../dynld/signature/typed-archive.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from "../help.ts";
import { jsonPieces } from "../json.ts";
import { complain } from "../message.ts";
import { describe, Output } from "../output.ts";
import { filesOf, tellUnread, tellUntyped } from "../typed-files.ts";
import { findOptions, type SigOptions } from "./options.ts";

/** Compares two files. @returns the exit status, which is that of diff(1) */
export async function showDifferences(before: string, after: string, options: SigOptions): Promise<number> {
  const output = new Output();
  let current = before;
  try {
    using old = await openTyped(before, findOptions(options));
    current = after;
    using now = await openTyped(after, findOptions(options));
    const isWhole = [old, now].map(tellUnread).every((whole) => whole);
    for (const opened of [old, now]) {
      tellUntyped(
        opened,
        filesOf(opened).filter(({ exports }) => exports.length > 0),
      );
    }
    const changes = [...diffExports(old, now, { completions: options.completions === true })];
    if (options.json === true) {
      for (const piece of jsonPieces({ old: before, new: after, changes })) output.write(piece);
      output.line("");
    } else for (const change of changes) for (const line of linesOf(change)) output.line(line);
    output.flush();
    if (!isWhole) return EXIT_USAGE;
    return changes.some(({ change }) => change !== "unchecked") ? EXIT_FAILURE : EXIT_OK;
  } catch (error) {
    output.flush();
    complain(describe(current, error).message);
    return EXIT_USAGE;
  }
}

function* linesOf({ name, change, before, after, difference }: ExportChange): IterableIterator<string> {
  switch (change) {
    case "added":
      yield `+ ${after ?? name}`;
      return;
    case "removed":
      yield `- ${before ?? name}`;
      return;
    case "unchecked":
      yield `? ${after ?? before ?? name}`;
      return;
    default:
      yield `! ${before ?? name}`;
      if (after !== before) yield `  ${after ?? name}`;
      if (difference === undefined || (difference.type === undefined && after !== before)) return;
      yield `    ${detail(difference)}`;
  }
}

/** The way to a difference, and what it is. */
function detail(difference: TypeDifference): string {
  const way = difference.path.filter((step) => step !== difference.type && !step.startsWith("."));
  const [first = "", ...more] = difference.path.filter((step) => step.startsWith("."));
  const through = way.length === 0 ? "" : `in ${[...way, ...(more.length === 0 ? [] : [first])].join(" ")}: `;
  return through + sentence(difference, ["was", "is"]);
}
