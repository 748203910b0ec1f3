/** What is thrown for a value of the wrong kind, before any native code sees it. */

/**
 * A value that a parameter, member or variable can't have, or the wrong number of arguments. The message says which, what
 * was found and what was expected: `add: parameter 2, b: found "x", expected int`.
 */
export class ArgumentError extends TypeError {
  override readonly name = "ArgumentError";
  readonly code = "DYNLD_BAD_ARGUMENT";
  /** What the value was for: `add: parameter 2, b`, `struct point: .x`. */
  readonly where: string;

  constructor(where: string, what: string) {
    super(`${where}: ${what}`);
    this.where = where;
  }
}

/** Throws an {@link ArgumentError}. */
export function refuse(where: string, value: unknown, expected: string): never {
  throw new ArgumentError(where, `found ${describe(value)}, expected ${expected}`);
}

const LONGEST = 40;

function describe(value: unknown): string {
  if (typeof value === "object" && value !== null)
    return `an object (${value.constructor?.name ?? "no class"})`;
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > LONGEST ? `${value.slice(0, LONGEST)}...` : value);
    case "bigint":
      return `${value}n`;
    case "function":
      return "a function";
    case "symbol":
      return "a symbol";
    default:
      return String(value);
  }
}
