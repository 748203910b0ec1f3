/** How far a download is, and the line that `DEBUGINFOD_PROGRESS` asks for. */

/** Called as a download goes on, and once with `done` when it is over, however it ended. */
export type ProgressListener = (progress: DebuginfodProgress) => void;

/** How far a download is. */
export interface DebuginfodProgress {
  /** The URL that the file comes from. */
  readonly url: string;
  /** Bytes that have come. */
  readonly received: number;
  /** Bytes of the file, if the server said. */
  readonly total: number | undefined;
  readonly done: boolean;
}

/** Milliseconds between two prints of the line. */
const PAUSE = 100;

/** Prints one line for a download to standard error, again and again in its place. */
export function stderrProgress(
  write: (text: string) => void = (text) => process.stderr.write(text),
): ProgressListener {
  let printed = 0;
  return ({ url, received, total, done }) => {
    if (!done && performance.now() - printed < PAUSE) return;
    printed = done ? 0 : performance.now();
    const server = url.replace(/buildid\/.*$/, "");
    const size = total === undefined ? `${received}` : `${received}/${total}`;
    write(`\rDownloading from ${server} ${size}${done ? "\n" : ""}`);
  };
}
