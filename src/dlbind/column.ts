/**
 * A column of 32-bit integers that is 0 where nothing was stored, and grows with the highest index stored to.
 */
export class Column {
  #values = new Int32Array(64);

  at(index: number): number {
    return this.#values[index] ?? 0;
  }

  set(index: number, value: number): void {
    if (index >= this.#values.length) {
      if (value === 0) return;
      const values = new Int32Array(Math.max(this.#values.length * 2, index + 1));
      values.set(this.#values);
      this.#values = values;
    }
    this.#values[index] = value;
  }
}
