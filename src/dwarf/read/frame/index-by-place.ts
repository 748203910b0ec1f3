/** The FDEs of one section by what they cover: the look-up that a file without a search table needs. */
import type { ElfFile } from "../../../elf/file.ts";
import type { Resolver } from "../../relocation/relocatable.ts";
import type { DebugSection } from "../../section.ts";
import { ABSOLUTE, CoveredRanges } from "../names/covered-ranges.ts";
import type { Fde } from "./entry.ts";

export class FrameIndex {
  readonly #elf: ElfFile;
  readonly #ranges = new CoveredRanges();

  private constructor(elf: ElfFile) {
    this.#elf = elf;
  }

  /** Takes all FDEs of a section, and whatever error there is among them. */
  static of(section: DebugSection, fdes: Iterable<Fde>): FrameIndex {
    const index = new FrameIndex(section.elf);
    for (const fde of fdes) {
      const { pointers } = fde.cie;
      if (section.relocations !== undefined) index.#ranges.addAt(fde.start.info(), fde.size, fde.offset);
      else {
        pointers.locate(fde.startAt);
        index.#ranges.add(ABSOLUTE, pointers.high, pointers.low, fde.size, fde.offset);
      }
    }
    return index;
  }

  /** Offset of the FDE that covers an offset in a section; -1 if none does. */
  findIn(section: number, offset: number): number {
    return Number.isSafeInteger(offset) ? this.#ranges.findIn(section, BigInt(offset)) : -1;
  }

  /** Offset of the FDE that covers an address; -1 if none does. */
  find(address: bigint, resolver: Resolver): number {
    return this.#ranges.find(this.#elf, address, resolver);
  }
}
