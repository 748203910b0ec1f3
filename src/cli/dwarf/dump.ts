/** Shows one part of the debug information of files: as text, as JSON, or as numbers of what there is. */
import type { ElfFile } from "../../elf/file.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { allInputs } from "../inputs.ts";
import { jsonPieces } from "../json.ts";
import { describe, Output } from "../output.ts";
import { DumpFile } from "./file.ts";
import type { DumpOptions } from "./options.ts";
import { checkPlaces } from "./placed.ts";

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
  readonly text: (item: Item) => Iterable<string>;
  /** Counts what an item consists of. */
  readonly count?: (item: Item, counts: Counts) => void;
  /** Counts a whole file in another way: faster. */
  readonly countFile?: (file: DumpFile, counts: Counts) => void;
  /** All items of a group in JSON, if they are not a list. */
  readonly nested?: (items: readonly Item[]) => unknown;
}

/**
 * Shows files on standard output. What can't be read goes to standard error, in JSON to the file's `errors`.
 * @returns the exit status: failure when anything could not be read
 * @throws UsageError
 */
export function showDump<Item>(files: readonly string[], options: DumpOptions, dump: Dump<Item>): number {
  if (options.place !== undefined) checkPlaces(files, options.place);
  if (options.stats === true) return showCounts(files, options, dump);
  return options.json === true ? showJson(files, options, dump) : showText(files, options, dump);
}

function showText<Item>(files: readonly string[], options: DumpOptions, dump: Dump<Item>): number {
  const out = new Output();
  const run = new Run(options, (name, error) => tell(out, name, error));
  let titled = files.length > 1;
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
      if (isEmpty && run.status === EXIT_OK) out.line(`\n${dump.absent}`);
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

function showCounts<Item>(files: readonly string[], options: DumpOptions, dump: Dump<Item>): number {
  const out = new Output();
  const counts: Counts = Object.fromEntries(dump.counted.map((key) => [key, 0]));
  const run = new Run(options, (name, error) => tell(out, name, error));
  for (const { file } of run.files(files)) {
    file?.attempt(() => {
      if (dump.countFile === undefined) countItems(file, dump, counts);
      else dump.countFile(file, counts);
    });
  }
  const text = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
  out.line(options.json === true ? JSON.stringify(counts) : text.join(", "));
  out.flush();
  return run.status;
}

function countItems<Item>(file: DumpFile, dump: Dump<Item>, counts: Counts): void {
  for (const group of dump.groupsOf(file)) {
    add(counts, dump.groups);
    file.attempt(() => {
      for (const item of group.items()) {
        add(counts, dump.items);
        dump.count?.(item, counts);
      }
    });
  }
}

/** What was printed before belongs before the message, also when both go to a terminal. */
function tell(out: Output, name: string, error: unknown): void {
  const { message } = describe(name, error);
  out.flush();
  process.stderr.write(`bindery: ${message}\n`);
}

/** One run over files, and whether all of them could be read. */
class Run {
  status = EXIT_OK;
  readonly #options: DumpOptions;
  readonly #fail: (name: string, error: unknown) => void;

  /** @param fail is told what is wrong with a file, or with a part of it */
  constructor(options: DumpOptions, fail: (name: string, error: unknown) => void) {
    this.#options = options;
    this.#fail = (name, error) => {
      this.status = EXIT_FAILURE;
      fail(name, error);
    };
  }

  /** Section headers are read here, and may be damaged. */
  #open(name: string, elf: ElfFile, fail: (error: unknown) => void): DumpFile | undefined {
    try {
      return new DumpFile(name, elf, this.#options.place, fail);
    } catch (error) {
      return void fail(error);
    }
  }

  /** The files, and members of archives, one after the other; without `file` those that can't be opened. */
  *files(names: readonly string[]): IterableIterator<{ name: string; file: DumpFile | undefined }> {
    for (const { name, elf, error } of allInputs(names)) {
      const fail = (wrong: unknown): void => this.#fail(name, wrong);
      yield { name, file: elf === undefined ? void fail(error) : this.#open(name, elf, fail) };
    }
  }
}

/** Counts what is to be counted. */
export function add(counts: Counts, what: string, more = 1): void {
  const count = counts[what];
  if (count !== undefined) counts[what] = count + more;
}
