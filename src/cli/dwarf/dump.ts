/** A part of the debug information of files: what is shown of it, and what is counted. */
import type { DumpFile } from "./file.ts";

/** How many there are, by what they are: keys of JSON, and words of text. */
export type Counts = Record<string, number>;

/** What belongs together in a file: a unit with its entries, a set with its tuples. */
export interface Group<Item> {
  /** Its line of text. */
  readonly title: string;
  /** What it has in JSON beside its items. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** What is in it, decoded while it is walked; throws at what can't be read. */
  readonly items: () => Iterable<Item>;
}

/** A part of the debug information, and how it is shown. Items are plain data, as JSON has them. */
export interface Dump<Item> {
  /** Keys of groups and items in JSON. */
  readonly groups: string;
  readonly items: string;
  /** What text says of a file that has no group. */
  readonly absent: string;
  /** What is counted; groups and items are, if their keys are among them. */
  readonly counted: readonly string[];
  readonly groupsOf: (file: DumpFile) => Iterable<Group<Item>>;
  text(item: Item): Iterable<string>;
  /** Counts what an item consists of. */
  count?(item: Item, counts: Counts): void;
  /** Counts a whole file in another way: faster. */
  readonly countFile?: (file: DumpFile, counts: Counts) => void;
  /** All items of a group in JSON, if they are not a list. */
  nested?(items: readonly Item[]): unknown;
}

/** Counts what is to be counted. */
export function add(counts: Counts, what: string, more = 1): void {
  const count = counts[what];
  if (count !== undefined) counts[what] = count + more;
}
