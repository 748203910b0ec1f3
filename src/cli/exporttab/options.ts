/** What the command line of `bindery exporttab` says. */

/** What the command line says. */
export interface ExporttabOptions {
  readonly output?: string;
  readonly list?: string;
  readonly inferno?: boolean;
  readonly json?: boolean;
}
