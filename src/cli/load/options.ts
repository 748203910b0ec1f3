/** What the command line of `bindery load` says. */

/** What the command line says. */
export interface LoadOptions {
  readonly with?: readonly string[];
  readonly maxsize?: number;
  readonly strict?: boolean;
  readonly run: boolean;
  readonly wait?: boolean;
  readonly json?: boolean;
}
