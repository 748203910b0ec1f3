/** A bound on work that hostile input could make endless. */
import { DynldError } from "../../errors.ts";

/** Steps that the largest types of real programs stay far below. */
const DEFAULT_STEPS = 1 << 22;

/** So many steps, and then an error. */
export class Budget {
  #left: number;

  constructor(steps = DEFAULT_STEPS) {
    this.#left = steps;
  }

  /** Takes a step. @throws DynldError `DYNLD_BAD_TYPE` when none is left */
  spend(): void {
    if (this.#left-- <= 0) throw endlessType();
  }
}

/** A type that can't be gone through. */
export function endlessType(): DynldError {
  return new DynldError(
    "DYNLD_BAD_TYPE",
    {},
    "found a type that contains itself without a structure between, or one without bounds; it has no signature",
  );
}
