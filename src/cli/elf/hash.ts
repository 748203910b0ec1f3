/** How the symbols are spread over the buckets of the hash tables, as text and JSON. */
import { type Lines, plural, type View } from "./view.ts";

export function* hashText({ elf }: View): Lines {
  const { sysv, gnu } = elf.hashTables();
  if (sysv === undefined && gnu === undefined) {
    yield "";
    yield "There are no hash tables in this file.";
  }
  if (sysv !== undefined) {
    yield* histogram("Histogram for bucket list length", sysv.chainLengths());
  }
  if (gnu !== undefined) {
    yield* histogram("Histogram for `.gnu.hash' bucket list length", gnu.chainLengths());
  }
}

function* histogram(title: string, lengths: readonly number[]): Lines {
  const counts = countsOf(lengths);
  const symbols = lengths.reduce((sum, length) => sum + length, 0);
  yield "";
  yield `${title} (total of ${plural(lengths.length, "bucket", "buckets")}):`;
  yield " Length  Number     % of total  Coverage";
  let covered = 0;
  for (const [length, count] of counts.entries()) {
    covered += length * count;
    const share = percent(count, lengths.length);
    const coverage = length === 0 ? "" : `    ${percent(covered, symbols)}%`;
    yield `${String(length).padStart(7)}  ${String(count).padEnd(10)} (${share}%)${coverage}`;
  }
}

/** How many buckets have each length, from 0 to the longest. */
function countsOf(lengths: readonly number[]): number[] {
  const counts: number[] = [];
  for (const length of lengths) {
    while (counts.length <= length) {
      counts.push(0);
    }
    counts[length] = (counts[length] ?? 0) + 1;
  }
  return counts;
}

function percent(part: number, whole: number): string {
  return (whole === 0 ? 0 : (100 * part) / whole).toFixed(1).padStart(5);
}

export function hashJson({ elf }: View): unknown {
  const { sysv, gnu } = elf.hashTables();
  return {
    ...(sysv === undefined
      ? {}
      : {
          sysv: { buckets: sysv.buckets, symbols: sysv.symbolCount, lengths: countsOf(sysv.chainLengths()) },
        }),
    ...(gnu === undefined
      ? {}
      : {
          gnu: {
            buckets: gnu.buckets,
            symbolOffset: gnu.symbolOffset,
            bloomWords: gnu.bloomWords,
            bloomShift: gnu.bloomShift,
            lengths: countsOf(gnu.chainLengths()),
          },
        }),
  };
}
