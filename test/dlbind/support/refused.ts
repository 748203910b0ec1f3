import { expect } from "vitest";
import { DlbindError, type DlbindErrorCode } from "../../../src/errors.ts";

/** Expects a request to be refused with a code, and gives the error for a look at its message. */
export function refused(code: DlbindErrorCode, request: () => unknown): DlbindError {
  let thrown: unknown;
  try {
    request();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(DlbindError);
  const error = thrown as DlbindError;
  expect({ code: error.code, message: error.message }).toMatchObject({ code });
  return error;
}
