/** `--stats`: numbers of what there is in files, which several threads read if they are asked to. */
import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { HostError } from "../../errors.ts";
import { ReadBuffers } from "../../host/read-buffers.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { filesNamed } from "../inputs.ts";
import { runJobs } from "../jobs/pool.ts";
import { complain } from "../message.ts";
import { describe } from "../output.ts";
import { Progress } from "../progress.ts";
import { add, type Counts, type Dump } from "./dump.ts";
import type { DumpName } from "./dumps.ts";
import type { DumpFile } from "./file.ts";
import type { DumpOptions } from "./options.ts";
import { Run } from "./run.ts";

/** What is in a file, and what of it could not be read. */
export interface Counted {
  readonly counts: Counts;
  readonly errors: readonly { readonly code: string; readonly message: string }[];
}

/** What a thread is told. */
export interface CountContext {
  readonly name: DumpName;
  readonly options: DumpOptions;
}

/** Prints the sums over all files; errors in the order of the files. @returns the exit status */
export async function showCounts(
  name: DumpName,
  files: readonly string[],
  options: DumpOptions,
  dump: Dump<unknown>,
): Promise<number> {
  const all = filesNamed(files);
  const sizes = all.map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0);
  const size = sizes.reduce((sum, one) => sum + one, 0);
  const wanted = options.progress ?? process.stderr.isTTY;
  const progress = new Progress(wanted ? process.stderr : undefined, size, all.length);
  const onDone = (index: number): void => progress.add(sizes[index] ?? 0);
  const { jobs: asked = 1 } = options;
  const jobs = Math.min(asked === 0 ? availableParallelism() : asked, all.length);
  const totals: Counts = Object.fromEntries(dump.counted.map((key) => [key, 0]));
  let status = EXIT_OK;
  const counted =
    jobs > 1
      ? inThreads(all, sizes, jobs, { name, options }, onDone)
      : inTurn(all, (file) => countFile(file, options, dump), onDone);
  for await (const { counts, errors } of counted) {
    for (const [what, count] of Object.entries(counts)) add(totals, what, count);
    for (const { message } of errors) {
      status = EXIT_FAILURE;
      progress.clear();
      complain(message);
    }
  }
  progress.clear();
  const text = Object.entries(totals).map(([what, count]) => `${count} ${what}`);
  process.stdout.write(`${options.json === true ? JSON.stringify(totals) : text.join(", ")}\n`);
  return status;
}

function* inTurn(
  files: readonly string[],
  count: (file: string) => Counted,
  onDone: (index: number) => void,
): Generator<Counted, void, void> {
  for (const [index, file] of files.entries()) {
    yield count(file);
    onDone(index);
  }
}

async function* inThreads(
  files: readonly string[],
  weights: readonly number[],
  jobs: number,
  context: CountContext,
  onDone: (index: number) => void,
): AsyncGenerator<Counted, void, void> {
  // The compiled file: threads are not begun with TypeScript.
  const module = new URL("count-worker.js", import.meta.url);
  let index = 0;
  for await (const { result, error } of runJobs<string, Counted>({
    module,
    context,
    items: files,
    weights,
    jobs,
    onDone,
  })) {
    const file = files[index++] ?? "";
    yield result ?? { counts: {}, errors: [threadError(file, error)] };
  }
}

function threadError(file: string, error: Error | undefined): Counted["errors"][number] {
  const what = `${file}: the thread that read it ended: ${error?.message}`;
  return describe(file, new HostError("HOST_UNSUPPORTED", "read", what));
}

/** Of a thread, which reads one file after the other. */
const buffers = new ReadBuffers();

/** Counts what is in a file, or in the members of an archive. */
export function countFile(file: string, options: DumpOptions, dump: Dump<unknown>): Counted {
  const counts: Counts = Object.fromEntries(dump.counted.map((key) => [key, 0]));
  const errors: { code: string; message: string }[] = [];
  const run = new Run(options, (name, error) => errors.push(describe(name, error)));
  for (const { file: one } of run.files([file], buffers)) {
    one?.attempt(() => {
      if (dump.countFile === undefined) countItems(one, dump, counts);
      else dump.countFile(one, counts);
    });
  }
  return { counts, errors };
}

function countItems(file: DumpFile, dump: Dump<unknown>, counts: Counts): void {
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
