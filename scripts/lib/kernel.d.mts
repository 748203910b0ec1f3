/** Paths of a kernel's debug files. */
export interface KernelFiles {
  readonly modules: string[];
  readonly vmlinux: string;
}

export function kernelFiles(): KernelFiles;
