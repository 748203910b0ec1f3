/** Options of `bindery dwarf info`, as commander gives them, like those below. */
export interface InfoOptions {
  readonly unit?: number;
  readonly die?: number;
  readonly depth?: number;
  readonly stats?: true;
  readonly json?: true;
}

/** Options of `bindery dwarf lines`. */
export interface LinesOptions {
  readonly stats?: true;
  readonly json?: true;
}
