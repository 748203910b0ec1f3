/** The other files that one file's debug information goes on in: split files and packages, and a supplementary file. */
import { bufferSource } from "../../bytes/source.ts";
import { Dwarf, type DwarfUnit, type SplitLink } from "../../dwarf/dwarf.ts";
import { ElfFile } from "../../elf/file.ts";
import { FileSource, hostDecompressors, type OpenedElf, openElf } from "../../host/file.ts";
import { attemptAt, type FindAttempt } from "./attempt.ts";
import { findLocalSupplementaryFile, type LocalFindOptions } from "./find.ts";
import { type SplitPlace, splitPlaces } from "./split.ts";

/** Where to look. */
export interface CompanionOptions extends LocalFindOptions {
  /** Directories for split files and packages, in order, behind the places that the file and its units tell. */
  readonly splitDirectories?: readonly string[];
}

/**
 * Finds and opens the companions of one file on disk, each when it is needed. Owns the files; what was read of them is of
 * no use once it is closed.
 */
export class Companions {
  readonly #dwarf: Dwarf;
  readonly #options: CompanionOptions;
  readonly #tried: FindAttempt[] = [];
  /** Split files by path, `undefined` for places that have none. */
  readonly #split = new Map<string, Dwarf | undefined>();
  readonly #open: OpenedElf[] = [];

  private constructor(dwarf: Dwarf, options: CompanionOptions) {
    this.#dwarf = dwarf;
    this.#options = options;
  }

  /** Becomes the one that `dwarf` asks for split units and for its supplementary file. Looks for nothing yet. */
  static attach(dwarf: Dwarf, options: CompanionOptions = {}): Companions {
    const companions = new Companions(dwarf, options);
    dwarf.attachSplit((link, skeleton) => companions.#splitFiles(link, skeleton));
    dwarf.attachSupplementary(() => companions.#supplementary());
    return companions;
  }

  /** Places that were looked at and did not have what was sought, in order: says why something is missing. */
  get tried(): readonly FindAttempt[] {
    return this.#tried;
  }

  /** Closes the files. Closing twice is harmless. */
  close(): void {
    this.#dwarf.attachSplit(undefined);
    this.#dwarf.attachSupplementary(undefined);
    for (const file of this.#open.splice(0)) file.close();
    this.#split.clear();
  }

  /** Closes the files. */
  [Symbol.dispose](): void {
    this.close();
  }

  *#splitFiles(link: SplitLink, skeleton: DwarfUnit): IterableIterator<Dwarf> {
    const { path = skeleton.dwarf.sections.elf.name, splitDirectories = [] } = this.#options;
    for (const place of splitPlaces(path, link, splitDirectories)) {
      const dwarf = this.#splitFile(place);
      if (dwarf === undefined) continue;
      yield dwarf;
      // Who goes on did not find it there.
      const what = `found no unit with dwo_id 0x${link.id.toString(16)}`;
      this.#tried.push({ way: place.way, place: place.path, outcome: "refused", what });
    }
  }

  #splitFile({ way, path }: SplitPlace): Dwarf | undefined {
    if (this.#split.has(path)) return this.#split.get(path);
    let dwarf: Dwarf | undefined;
    this.#attempt(way, path, () => {
      dwarf = Dwarf.open(way === "package" ? this.#keepOpen(path) : readWhole(path));
    });
    this.#split.set(path, dwarf);
    return dwarf;
  }

  #supplementary(): Dwarf | undefined {
    const { elf } = this.#dwarf.sections;
    const { path, way, tried } = findLocalSupplementaryFile(elf, this.#options);
    this.#tried.push(...tried);
    let dwarf: Dwarf | undefined;
    if (path !== undefined) {
      this.#attempt(way, path, () => {
        dwarf = Dwarf.open(this.#keepOpen(path));
      });
    }
    return dwarf;
  }

  #attempt(way: FindAttempt["way"], path: string, open: () => void): void {
    const attempt = attemptAt(way, path, () => {
      open();
      return undefined;
    });
    if (attempt !== undefined) this.#tried.push(attempt);
  }

  #keepOpen(path: string): ElfFile {
    const file = openElf(path);
    this.#open.push(file);
    return file.elf;
  }
}

/** Programs have thousands of split files, more than a process may have open. They are small. */
function readWhole(path: string): ElfFile {
  using file = FileSource.open(path);
  return ElfFile.open(bufferSource(file.read(0, file.size), path), { decompressors: hostDecompressors() });
}
