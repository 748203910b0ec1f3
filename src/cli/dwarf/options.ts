/** Options of `bindery dwarf info`, as commander gives them. */
export interface InfoOptions {
  readonly unit?: number;
  readonly die?: number;
  readonly depth?: number;
  readonly stats?: true;
  readonly json?: true;
}
