/** A line on standard error that says how far a long work is. */

const WIDTH = 24;
/** Milliseconds before it is first shown, and between two times. */
const PATIENCE = 500;
const PERIOD = 100;

/** How far a work is that consists of parts. */
export class Progress {
  readonly #stream: NodeJS.WritableStream | undefined;
  readonly #total: number;
  readonly #parts: number;
  #next: number;
  #done = 0;
  #finished = 0;
  #shown = false;

  /**
   * @param stream where it is shown; nowhere without one
   * @param total how much all parts are together
   * @param parts how many there are
   */
  constructor(stream: NodeJS.WritableStream | undefined, total: number, parts: number) {
    this.#stream = stream;
    this.#total = total;
    this.#parts = parts;
    this.#next = performance.now() + PATIENCE;
  }

  /** A part is done. @param weight how much it was */
  add(weight: number): void {
    this.#done += weight;
    this.#finished++;
    const now = performance.now();
    if (this.#stream === undefined || now < this.#next) return;
    this.#next = now + PERIOD;
    this.#shown = true;
    const share = this.#total === 0 ? 1 : this.#done / this.#total;
    const bar = "#".repeat(Math.round(share * WIDTH)).padEnd(WIDTH, ".");
    const percent = Math.floor(share * 100);
    this.#stream.write(`\r[${bar}] ${percent}%  ${this.#finished} of ${this.#parts} files`);
  }

  /** Takes the line away, for what else is to be written. */
  clear(): void {
    if (this.#shown) this.#stream?.write("\r\x1b[K");
    this.#shown = false;
  }
}
