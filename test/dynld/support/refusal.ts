import { DynldError } from "../../../src/errors.ts";

/** The error that refuses what an action asks for. Without one the test fails, and with any other. */
export function refusal(action: () => unknown): DynldError {
  try {
    action();
  } catch (error) {
    if (error instanceof DynldError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}
