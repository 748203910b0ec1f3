/** What the command line of `bindery load` says. */
import { InvalidArgumentError } from "commander";
import type { PerfOutput } from "../../dlbind/index.ts";
import { CallSyntaxError, type CallText, parseCall } from "./literal.ts";

/** What the command line says. */
export interface LoadOptions {
  readonly with?: readonly string[];
  readonly call?: readonly CallText[];
  readonly maxsize?: number;
  readonly strict?: boolean;
  readonly completions?: boolean;
  readonly run: boolean;
  readonly wait?: boolean;
  readonly directory?: string;
  readonly perf?: PerfOutput;
  readonly json?: boolean;
}

/** One `--call` more. @throws InvalidArgumentError of what is no call */
export function addCall(text: string, before: readonly CallText[] = []): readonly CallText[] {
  try {
    return [...before, parseCall(text)];
  } catch (error) {
    if (error instanceof CallSyntaxError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}
