/** Opening the files that are shown, one after the other. */
import type { ElfFile } from "../../elf/file.ts";
import type { ReadBuffers } from "../../host/read-buffers.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { allInputs } from "../inputs.ts";
import { DumpFile } from "./file.ts";
import type { DumpOptions } from "./options.ts";

/** One run over files, and whether all of them could be read. */
export class Run {
  status = EXIT_OK;
  readonly #options: DumpOptions;
  readonly #fail: (name: string, error: unknown) => void;

  /** @param fail is told what is wrong with a file, or with a part of it */
  constructor(options: DumpOptions, fail: (name: string, error: unknown) => void) {
    this.#options = options;
    this.#fail = (name, error) => {
      this.status = EXIT_FAILURE;
      fail(name, error);
    };
  }

  /** Section headers are read here, and may be damaged. */
  #open(name: string, elf: ElfFile, fail: (error: unknown) => void): DumpFile | undefined {
    try {
      return new DumpFile(name, elf, this.#options.place, fail);
    } catch (error) {
      return void fail(error);
    }
  }

  /**
   * The files, and members of archives, one after the other; without `file` those that can't be opened.
   * @param buffers what files are read into, for who keeps nothing of one when the next one is asked for
   */
  *files(
    names: readonly string[],
    buffers?: ReadBuffers,
  ): IterableIterator<{ name: string; file: DumpFile | undefined }> {
    for (const { name, elf, error } of allInputs(names, buffers)) {
      const fail = (wrong: unknown): void => this.#fail(name, wrong);
      using file = elf === undefined ? void fail(error) : this.#open(name, elf, fail);
      yield { name, file };
    }
  }
}
