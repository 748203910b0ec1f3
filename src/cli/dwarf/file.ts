/** A file whose debug information is shown: how its addresses are printed, and where what is wrong with it goes. */
import { Dwarf } from "../../dwarf/dwarf.ts";
import type { Relocatable } from "../../dwarf/relocation/relocatable.ts";
import { Companions } from "../../dwfl/find/companions.ts";
import type { ElfFile } from "../../elf/file.ts";
import { RelocationRequiredError } from "../../errors.ts";
import type { SectionPlace } from "./options.ts";
import { PlacedSections } from "./placed.ts";

export class DumpFile implements Disposable {
  readonly name: string;
  readonly elf: ElfFile;
  readonly dwarf: Dwarf;
  /** Files that it goes on in, each opened when something of it is needed. */
  readonly companions: Companions;
  /** Tells what is wrong with a part of the file; the rest is shown nevertheless. Defects of ours are thrown on. */
  readonly fail: (error: unknown) => void;
  /** Whether something was wrong with it so far. */
  hasFailed = false;
  readonly #placed: boolean;
  readonly #told = new Set<string>();

  constructor(
    name: string,
    elf: ElfFile,
    places: readonly SectionPlace[] | undefined,
    fail: (error: unknown) => void,
  ) {
    this.name = name;
    this.elf = elf;
    this.fail = (error) => {
      this.hasFailed = true;
      const text = error instanceof Error ? error.message : "";
      // What many parts of a file need and do not find is told once.
      if (!this.#told.has(text)) fail(error);
      this.#told.add(text);
    };
    this.#placed = places !== undefined;
    this.dwarf = Dwarf.open(elf, places && new PlacedSections(places));
    this.companions = Companions.attach(this.dwarf, { path: name });
  }

  /** `.text+0x10`, or `0x401010` where that is known. @throws DwarfError DWARF_BAD_RELOCATION */
  readonly address = (place: Relocatable): string => {
    if (this.#placed) {
      try {
        return `0x${place.resolve().toString(16)}`;
      } catch (error) {
        if (!(error instanceof RelocationRequiredError)) throw error;
      }
    }
    return place.toString();
  };

  /** Closes the files that it goes on in. */
  [Symbol.dispose](): void {
    this.companions.close();
  }

  /** What `read` gives; when that fails it is told, and `undefined`. */
  attempt<Result>(read: () => Result): Result | undefined {
    try {
      return read();
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }
}
