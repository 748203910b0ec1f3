/** `--place SECTION=ADDRESS`: where the sections of relocatable files are, as the user says. */
import { InvalidArgumentError } from "commander";
import type { Resolver } from "../../dwarf/relocation/resolver.ts";
import { ET } from "../../elf/constants/header.ts";
import { SHF } from "../../elf/constants/section.ts";
import type { ElfFile } from "../../elf/file.ts";
import type { ElfSection } from "../../elf/section.ts";
import { BinderyError } from "../../errors.ts";
import { allInputs } from "../inputs.ts";
import type { SectionPlace } from "./options.ts";
import { UsageError } from "./usage.ts";

const END_OF_MEMORY = 1n << 64n;

/** Takes one value of the option, and those before it. */
export function parseSectionPlace(text: string, before: readonly SectionPlace[] = []): SectionPlace[] {
  const [, section = "", number = ""] = /^(.+)=(\d+|0x[0-9a-f]+)$/i.exec(text) ?? [];
  const address = number === "" ? END_OF_MEMORY : BigInt(number);
  if (address >= END_OF_MEMORY)
    throw new InvalidArgumentError("expected SECTION=ADDRESS, such as .text=0xffffffffc0201000");
  return [...before, { section, address }];
}

/** Knows where the sections are that the user placed, and nothing else. */
export class PlacedSections implements Resolver {
  readonly #places: readonly SectionPlace[];

  constructor(places: readonly SectionPlace[]) {
    this.#places = places;
  }

  sectionAddress(elf: ElfFile, index: number): bigint | undefined {
    // As with other options, the last one said counts.
    return this.#places.findLast(({ section }) => sectionsOf(elf, section).some((one) => one.index === index))
      ?.address;
  }

  symbolAddress(): undefined {
    return undefined;
  }
}

/**
 * Looks whether every place is one of a loaded section of at least one relocatable file: others stay where they are.
 * @throws UsageError, with the sections that there are
 */
export function checkPlaces(files: readonly string[], places: readonly SectionPlace[]): void {
  const missing = new Set(places.map(({ section }) => section));
  const names = new Set<string>();
  for (const { name, elf } of allInputs(files)) {
    if (elf?.header.type !== ET.ET_REL || !isReadable(elf)) continue;
    for (const section of loaded(elf)) names.add(section.name);
    for (const section of missing) {
      const found = sectionsOf(elf, section);
      if (found.length > 1) throw new UsageError(ambiguous(name, section, found));
      if (found.length === 1) missing.delete(section);
    }
  }
  const [first] = missing;
  if (first === undefined) return;
  const there = names.size === 0 ? "no relocatable file is named" : `there are ${[...names].join(", ")}`;
  throw new UsageError(`--place ${first}: no such section; ${there}`);
}

/** Whether a file has section headers that can be read. What can't be is told when it is to be shown. */
function isReadable(elf: ElfFile): boolean {
  try {
    return elf.sections.every(({ name }) => name !== undefined);
  } catch (error) {
    if (error instanceof BinderyError) return false;
    throw error;
  }
}

function ambiguous(file: string, name: string, sections: readonly ElfSection[]): string {
  const numbers = sections.map(({ index }) => index).join(", ");
  return `--place ${name}: ${file} has several sections of that name: give one of the numbers ${numbers}`;
}

/** The loaded sections of a name; without one, that of a number. */
function sectionsOf(elf: ElfFile, nameOrNumber: string): readonly ElfSection[] {
  const all = loaded(elf);
  const named = all.filter(({ name }) => name === nameOrNumber);
  return named.length > 0 ? named : all.filter(({ index }) => String(index) === nameOrNumber);
}

function loaded(elf: ElfFile): readonly ElfSection[] {
  return elf.sections.filter(({ flags }) => (flags & SHF.SHF_ALLOC) !== 0);
}
