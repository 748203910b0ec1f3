/** Options of `bindery addr2line`. */

export interface Addr2lineOptions {
  readonly exe?: string;
  readonly pid?: number;
  readonly core?: string;
  readonly kernel?: boolean;
  readonly section?: string;
  readonly addresses?: boolean;
  readonly functions?: boolean;
  readonly inlines?: boolean;
  readonly basenames?: boolean;
  readonly prettyPrint?: boolean;
  readonly demangle?: boolean;
  readonly debuginfod?: boolean;
  readonly json?: boolean;
}
