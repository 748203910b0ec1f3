/** What `bindery sig` was asked for. */
import type { FindOptions } from "../../dwfl/index.ts";

export interface SigOptions {
  readonly diff?: true;
  readonly completions?: true;
  readonly inferno?: true;
  readonly text?: true;
  readonly debugDir?: string;
  readonly json?: true;
}

/** Where separate debug files are looked for. */
export function findOptions({ debugDir }: Pick<SigOptions, "debugDir">): FindOptions {
  return debugDir === undefined ? {} : { debugDirectories: [debugDir] };
}
