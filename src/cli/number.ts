/** Numbers on the command line. */
import { InvalidArgumentError } from "commander";

/** A whole number from 0 on, decimal or with 0x. */
export function parseWholeNumber(text: string): number {
  const value = /^(?:\d+|0x[0-9a-f]+)$/i.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value))
    throw new InvalidArgumentError("expected a whole number, such as 45 or 0x2d");
  return value;
}
