/** Intervals of code with a number each, found by place. One flat array: a file has hundreds of thousands. */

/** Columns of a row; the last is the furthest end of its interval and of those before it in its section. */
const SECTION = 0;
const BEGIN = 1;
const END = 2;
const VALUE = 3;
const REACH = 4;
const ROW = 5;

/** Half-open intervals in sections. */
export class Intervals {
  #rows: number[] = [];
  #isSorted = true;

  /** Adds `begin` to before `end` of a section; an empty interval covers nothing and is left out. */
  add(section: number, begin: number, end: number, value: number): void {
    if (!(end > begin)) return;
    this.#rows.push(section, begin, end, value, 0);
    this.#isSorted = false;
  }

  /** The number of the interval that covers a place; of several, that which begins last, and of those the first added; -1. */
  find(section: number, offset: number): number {
    const at = this.#at(section, offset);
    return at < 0 ? -1 : (this.#rows[at + VALUE] ?? -1);
  }

  /** The numbers of all intervals that cover a place, the one that begins last first. */
  findAll(section: number, offset: number): number[] {
    const found: number[] = [];
    for (let at = this.#at(section, offset); at >= 0; at = this.#back(at - ROW, section, offset)) {
      found.push(this.#rows[at + VALUE] ?? -1);
    }
    return found;
  }

  #at(section: number, offset: number): number {
    if (!this.#isSorted) this.#sort();
    const rows = this.#rows;
    let low = 0;
    let high = rows.length / ROW;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const its = rows[middle * ROW + SECTION] ?? 0;
      if (its < section || (its === section && (rows[middle * ROW + BEGIN] ?? 0) <= offset)) low = middle + 1;
      else high = middle;
    }
    return this.#back((low - 1) * ROW, section, offset);
  }

  /** The last interval up to `from` that covers a place which none behind it begins after; -1. */
  #back(from: number, section: number, offset: number): number {
    const rows = this.#rows;
    for (let at = from; at >= 0; at -= ROW) {
      if (rows[at + SECTION] !== section || (rows[at + REACH] ?? 0) <= offset) return -1;
      if ((rows[at + END] ?? 0) > offset) return at;
    }
    return -1;
  }

  #sort(): void {
    const { length } = this.#rows;
    let rows = this.#rows;
    let inOrder = true;
    for (let at = ROW; at < length && inOrder; at += ROW) inOrder = compare(rows, at - ROW, at) < 0;
    if (!inOrder) {
      const sorted: number[] = [];
      for (const index of quickOrder(rows) ?? slowOrder(rows)) {
        const at = index * ROW;
        sorted.push(rows[at] ?? 0, rows[at + BEGIN] ?? 0, rows[at + END] ?? 0, rows[at + VALUE] ?? 0, 0);
      }
      rows = sorted;
      this.#rows = sorted;
    }
    for (let at = 0; at < length; at += ROW) {
      const end = rows[at + END] ?? 0;
      const continues = at > 0 && rows[at - ROW + SECTION] === rows[at + SECTION];
      rows[at + REACH] = continues ? Math.max(end, rows[at - ROW + REACH] ?? 0) : end;
    }
    this.#isSorted = true;
  }
}

/** Rows in order, by plain numbers that hold both begin and row; `undefined` where 53 bits do not suffice for that. */
function quickOrder(rows: readonly number[]): Float64Array | undefined {
  const count = rows.length / ROW;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < rows.length; at += ROW) {
    const begin = rows[at + BEGIN] ?? 0;
    if (rows[at] !== rows[0]) return undefined;
    if (begin < least) least = begin;
    if (begin > most) most = begin;
  }
  if ((most - least + 1) * count >= Number.MAX_SAFE_INTEGER) return undefined;
  const keys = new Float64Array(count);
  // Of those that begin at one place, the first added comes last.
  for (let i = 0; i < count; i++) keys[i] = ((rows[i * ROW + BEGIN] ?? 0) - least) * count + (count - 1 - i);
  keys.sort();
  for (let i = 0; i < count; i++) keys[i] = count - 1 - ((keys[i] ?? 0) % count);
  return keys;
}

function slowOrder(rows: readonly number[]): Uint32Array {
  const order = Uint32Array.from({ length: rows.length / ROW }, (_, index) => index);
  return order.sort((a, b) => compare(rows, a * ROW, b * ROW));
}

/** By section and begin. Of those that begin at one place, the first added comes last, and is found first. */
function compare(rows: readonly number[], a: number, b: number): number {
  return (
    (rows[a + SECTION] ?? 0) - (rows[b + SECTION] ?? 0) ||
    (rows[a + BEGIN] ?? 0) - (rows[b + BEGIN] ?? 0) ||
    b - a
  );
}
