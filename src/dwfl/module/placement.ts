/** Where a module's sections are: found at the first need, once each, and the other way round from an address. */
import { ET } from "../../elf/constants/header.ts";
import { SHF } from "../../elf/constants/section.ts";
import type { ElfFile } from "../../elf/file.ts";
import { DwflError } from "../../errors.ts";
import { type AddressSpan, biasOf, type Layout, layOut, layOutAt } from "./layout.ts";
import type { ReportedPlace, SectionAddress } from "./report.ts";

/** Where an address is in a file, whatever place the file has in memory. */
export interface FilePlace {
  /** Of a relocatable file: the section; of a linked one `undefined`. */
  readonly section: number | undefined;
  /** Offset in the section; of a linked file the address as the file has it, without bias. */
  readonly offset: bigint;
}

/** What a placement needs to know of its module. */
export interface PlacedModule {
  readonly name: string;
  /** The main file, opened at the first need. Throws if it can't be. */
  readonly elf: ElfFile;
  /** Who is asked for a section before the place that was reported; `undefined` from it: what was reported holds. */
  readonly ask: SectionAddress | undefined;
  /** Told when the range became known. */
  located(): void;
}

interface PlacedSection extends AddressSpan {
  readonly index: number;
}

/** One place of a module; another place is another one of these. */
export class ModulePlacement {
  readonly #module: PlacedModule;
  #reported: ReportedPlace;
  readonly #given: AddressSpan | undefined;
  #layout: Layout | undefined;
  readonly #sections = new Map<number, bigint | undefined>();
  #span: AddressSpan | undefined;
  #byAddress: readonly PlacedSection[] | undefined;

  constructor(module: PlacedModule, place: ReportedPlace, span: AddressSpan | undefined) {
    this.#module = module;
    this.#reported = place;
    this.#given = span ?? ("span" in place ? place.span : undefined);
  }

  /** The place, which may have to be found out first. */
  get #place(): Exclude<ReportedPlace, { readonly locate: unknown }> {
    if ("locate" in this.#reported) this.#reported = this.#reported.locate(this.#module.elf);
    return this.#reported;
  }

  /** The range, as far as it is known without opening the file or asking anyone. */
  get knownSpan(): AddressSpan | undefined {
    // Where somebody is asked for sections, the layout is only of those that he does not know.
    return this.#given ?? this.#span ?? (this.#module.ask === undefined ? this.#layout : undefined);
  }

  /** Whether the range can become known only by asking: no address leads here before somebody asks for a place. */
  get isFree(): boolean {
    return "space" in this.#reported && this.#layout === undefined && this.#module.ask === undefined;
  }

  /** Whether nobody said where the module is. */
  get isUnknown(): boolean {
    return "unknown" in this.#reported && this.#given === undefined && this.#module.ask === undefined;
  }

  /** The range from the first section or segment to the end of the last. @throws DwflError `DWFL_NOT_PLACED` */
  span(): AddressSpan {
    const known = this.knownSpan;
    if (known !== undefined) return known;
    if ("unknown" in this.#place && !this.#asksSections()) throw this.#notPlaced(this.#place.unknown);
    this.#span = this.#asksSections() ? this.#spanOfSections() : this.#layOut();
    this.#module.located();
    return this.#span;
  }

  /** Whether the session or its caller chose the place, for the file as a whole, rather than found it. */
  get isLaidOut(): boolean {
    return "space" in this.#reported || "base" in this.#reported;
  }

  /** What is added to the addresses of a linked file; 0 for a relocatable one. @throws DwflError `DWFL_NOT_PLACED` */
  bias(): bigint {
    if ("bias" in this.#place) return this.#place.bias;
    return isRelocatable(this.#module.elf) ? 0n : this.#layOut().bias;
  }

  /** Final address of an address of a linked file; `undefined` where its place is not known. */
  addressOf(own: bigint): bigint | undefined {
    return "unknown" in this.#place ? undefined : BigInt.asUintN(64, own + this.bias());
  }

  /** Final address of a loaded section; `undefined` of others, and where it is not known. */
  sectionAddress(index: number): bigint | undefined {
    if (this.#sections.has(index)) return this.#sections.get(index);
    const address = this.#findSection(index);
    this.#sections.set(index, address);
    return address;
  }

  /** Where a final address is in the file; `undefined` if in none of its sections, or outside its range. */
  placeOf(address: bigint): FilePlace | undefined {
    if (!isRelocatable(this.#module.elf)) {
      if ("unknown" in this.#place) return undefined;
      const { start, end } = this.span();
      return address < start || address >= end
        ? undefined
        : { section: undefined, offset: BigInt.asUintN(64, address - this.bias()) };
    }
    this.#byAddress ??= this.#sectionsByAddress();
    const section = lastAtOrBefore(this.#byAddress, address);
    return section === undefined || address >= section.end
      ? undefined
      : { section: section.index, offset: address - section.start };
  }

  #findSection(index: number): bigint | undefined {
    const { elf, ask } = this.#module;
    const section = elf.section(index);
    if ((section.flags & SHF.SHF_ALLOC) === 0) return undefined;
    if (!isRelocatable(elf)) return this.addressOf(section.addr);
    const asked = ask?.(section);
    if (asked !== undefined) return asked;
    const place = this.#place;
    if ("sectionAddress" in place) return place.sectionAddress(section);
    return "unknown" in place ? undefined : this.#layOut().sections?.[index];
  }

  #layOut(): Layout {
    if (this.#layout === undefined) {
      this.#layout = this.#makeLayout();
      this.#module.located();
    }
    return this.#layout;
  }

  #makeLayout(): Layout {
    const { elf } = this.#module;
    const place = this.#place;
    if ("space" in place) return place.space.take(elf);
    if ("base" in place) return layOut(elf, place.base);
    if ("bias" in place && !isRelocatable(elf)) return layOutAt(elf, place.bias);
    if ("address" in place && !isRelocatable(elf)) {
      return layOutAt(elf, biasOf(elf, place.address, place.fileOffset) ?? this.#misplaced(place.fileOffset));
    }
    if ("unknown" in place) throw this.#notPlaced(place.unknown);
    const wrong = isRelocatable(elf)
      ? "a bias, expected addresses of sections"
      : "addresses of sections, expected a bias";
    throw new DwflError("DWFL_BAD_ARGUMENT", this.#module.name, `place: found ${wrong}`);
  }

  /** Whether sections are where somebody says, one by one, rather than laid out. */
  #asksSections(): boolean {
    const asks = this.#module.ask !== undefined || "sectionAddress" in this.#place;
    return asks && isRelocatable(this.#module.elf);
  }

  #spanOfSections(): AddressSpan {
    this.#byAddress ??= this.#sectionsByAddress();
    const [first] = this.#byAddress;
    if (first === undefined) throw this.#notPlaced("nobody knows an address of a section");
    let { end } = first;
    for (const one of this.#byAddress) if (one.end > end) end = one.end;
    return { start: first.start, end };
  }

  /** Loaded sections that take memory, in order of address. */
  #sectionsByAddress(): PlacedSection[] {
    const placed: PlacedSection[] = [];
    for (const { index, size, flags } of this.#module.elf.sections) {
      if ((flags & SHF.SHF_ALLOC) === 0 || size === 0) continue;
      const start = this.sectionAddress(index);
      if (start !== undefined) placed.push({ index, start, end: start + BigInt(size) });
    }
    return placed.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : a.index - b.index));
  }

  #misplaced(offset: bigint): never {
    throw this.#notPlaced(`found offset 0x${offset.toString(16)} of the file mapped, which no PT_LOAD has`);
  }

  #notPlaced(why: string): DwflError {
    return new DwflError("DWFL_NOT_PLACED", this.#module.name, `place: ${why}`);
  }
}

/** Whether the file's sections have no addresses of their own. */
export function isRelocatable(elf: ElfFile): boolean {
  return elf.header.type === ET.ET_REL;
}

/** Of ranges in order of start, the last that starts at or before an address; it may end before it. */
export function lastAtOrBefore<Range extends { readonly start: bigint }>(
  ranges: readonly Range[],
  address: bigint,
): Range | undefined {
  let first = 0;
  let end = ranges.length;
  while (first < end) {
    const middle = (first + end) >>> 1;
    const range = ranges[middle];
    if (range !== undefined && range.start <= address) first = middle + 1;
    else end = middle;
  }
  return ranges[first - 1];
}
