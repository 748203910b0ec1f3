/** References of a description, by number or by name, made into indexes. */
import { ElfError } from "../../errors.ts";
import { placeIn } from "../place.ts";

/** Resolves numbers and names to indexes from 0 (the null entry) to `count - 1`. The name map is made at first need. */
export class Refs {
  readonly #what: string;
  readonly #nameAt: (position: number) => string;
  #count: number;
  #byName: Map<string, number> | undefined;

  /**
   * @param what what the entries are called in messages
   * @param count number of entries, the null entry included
   * @param nameAt name of the entry with index `position + 1`
   */
  constructor(what: string, count: number, nameAt: (position: number) => string) {
    this.#what = what;
    this.#count = count;
    this.#nameAt = nameAt;
  }

  /** Number of entries, the null entry included. */
  get count(): number {
    return this.#count;
  }

  /** Takes in an entry that was added behind the others. */
  grow(): void {
    this.#count++;
    this.#byName = undefined;
  }

  /** Index of `ref`; `from` says in messages who refers. Throws `ELF_BAD_REFERENCE` if there is none, or several. */
  resolve(ref: number | string, from: string): number {
    if (typeof ref === "number") {
      if (Number.isInteger(ref) && ref >= 0 && ref < this.#count) return ref;
      throw this.#bad(from, `found ${this.#what} ${ref}, expected 0 to ${this.#count - 1}`);
    }
    this.#byName ??= this.#index();
    const found = this.#byName.get(ref);
    if (found === undefined) throw this.#bad(from, `found no ${this.#what} called ${JSON.stringify(ref)}`);
    if (found >= 0) return found;
    throw this.#bad(
      from,
      `found several ${this.#what}s called ${JSON.stringify(ref)}, expected one, or a number`,
    );
  }

  /** Names to indexes; -1 for a name that several have. */
  #index(): Map<string, number> {
    const byName = new Map<string, number>();
    for (let i = 1; i < this.#count; i++) {
      const name = this.#nameAt(i - 1);
      byName.set(name, byName.has(name) ? -1 : i);
    }
    return byName;
  }

  #bad(from: string, what: string): ElfError {
    return new ElfError("ELF_BAD_REFERENCE", placeIn(undefined, from), what);
  }
}
