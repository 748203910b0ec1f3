/** Which section of a module's main file one of its separate debug file is. */
import type { ElfFile } from "../../elf/file.ts";

/** Between the sections of a debug file and those of the file that it was taken from. */
export class SectionMap {
  readonly #main: ElfFile;
  readonly #debug: ElfFile;
  readonly #toMain = new Map<number, number | undefined>();
  readonly #toDebug = new Map<number, number | undefined>();

  constructor(main: ElfFile, debug: ElfFile) {
    this.#main = main;
    this.#debug = debug;
  }

  /** Section of the main file for one of the debug file; `undefined` if it has none of that name. */
  toMain(index: number): number | undefined {
    return counterpart(this.#toMain, this.#debug, this.#main, index);
  }

  /** Section of the debug file for one of the main file. */
  toDebug(index: number): number | undefined {
    return counterpart(this.#toDebug, this.#main, this.#debug, index);
  }
}

/** The same index where the names agree, as strip and objcopy keep them; else the one of as many of that name. */
function counterpart(
  known: Map<number, number | undefined>,
  from: ElfFile,
  to: ElfFile,
  index: number,
): number | undefined {
  if (from === to) return index;
  if (known.has(index)) return known.get(index);
  const { name } = from.section(index);
  let found: number | undefined;
  if (to.sections[index]?.name === name) found = index;
  else {
    const ordinal = from.sectionsNamed(name).findIndex((one) => one.index === index);
    found = to.sectionsNamed(name)[ordinal]?.index;
  }
  known.set(index, found);
  return found;
}
