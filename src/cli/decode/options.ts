/** Options of `bindery decode`. */

export interface DecodeCommandOptions {
  readonly vmlinux?: string;
  readonly modules?: string;
  readonly release?: string;
  readonly sysroot?: string;
  readonly stripPath?: string;
  readonly basenames?: boolean;
  readonly demangle?: boolean;
  readonly exact?: boolean;
  readonly json?: boolean;
}
