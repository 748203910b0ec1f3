/** What is said of a kernel when it is reported. */
import type { ModulePlace } from "../module/report.ts";

/** The running kernel. */
export interface KernelOptions {
  /** Release of the kernel; by default that of the one that runs, as `uname -r` prints it. */
  readonly release?: string;
  /** Path of the `vmlinux`; by default it is looked for in the usual places. */
  readonly vmlinux?: string;
  /** Directory of the process file system; `/proc` by default. */
  readonly proc?: string;
  /** Directory of the device file system; `/sys` by default. */
  readonly sys?: string;
  /** Directory that `/boot`, `/lib/modules` and `/usr/lib/debug` are looked for in; the root by default. */
  readonly sysroot?: string;
}

/** A kernel that does not run here. */
export interface DeadKernelOptions {
  /** Path of the `vmlinux`. */
  readonly vmlinux?: string;
  /** Directory with the modules, at any depth: `.ko`, `.ko.gz`, `.ko.xz`, `.ko.zst`, or `.ko.debug`. */
  readonly modules?: string;
  /**
   * Where modules are, by name, `kernel` for the `vmlinux`. Others get free addresses when they are asked for one, and
   * the `vmlinux` is where it says itself.
   */
  readonly places?: Readonly<Record<string, ModulePlace>>;
}
