/**
 * SDT probes of run-time linkers: places in glibc's that are marked by notes of its file, if it was built so, as in Fedora and
 * Ubuntu [glibc, "Dynamic Linker Probes"]. Those of changes to link maps lie directly behind the calls of `r_brk`, and say no
 * more than that; those of relocation say what nothing else does.
 */
import { BinderyError } from "../errors.ts";
import { openElf } from "../host/file.ts";

/** A place that a thread passes. Its instruction is a `nop`. */
export interface LoaderProbe {
  /** As glibc's manual calls it: `reloc_start`, `map_failed`. */
  readonly name: string;
  readonly address: bigint;
}

const PROVIDER = "rtld";

/** What the file of a run-time linker has. */
export interface LoaderProbes {
  readonly probes: readonly LoaderProbe[];
  readonly buildId: string | undefined;
}

/**
 * Probes of a run-time linker, none if it was built without, or if its file can't be read.
 *
 * @param path its file
 * @param bias what is added to the file's addresses
 */
export function loaderProbes(path: string, bias: bigint): LoaderProbes {
  try {
    using file = openElf(path);
    const [marker] = file.elf.sectionsNamed(".stapsdt.base");
    const probes = file.elf.notes().flatMap(({ content }) => {
      if (content.kind !== "stapsdt" || content.provider !== PROVIDER) return [];
      // A file that was moved after it was linked has its notes as they were.
      const moved = marker === undefined ? 0n : marker.addr - content.base;
      return [{ name: content.name, address: content.pc + moved + bias }];
    });
    return { probes, buildId: file.elf.buildId() };
  } catch (error) {
    if (error instanceof BinderyError) return { probes: [], buildId: undefined };
    throw error;
  }
}
