/** What addresses are looked up in: a file, or the modules of a process, a core file or the kernel. */

import type { Module } from "../../dwfl/module/module.ts";
import type { FilePlace } from "../../dwfl/module/placement.ts";
import { Dwfl } from "../../dwfl/session.ts";
import type { SymbolizedPlace } from "../../dwfl/symbolize/place.ts";
import { Symbolizer } from "../../dwfl/symbolize/symbolizer.ts";
import { ET } from "../../elf/constants/header.ts";
import { SHF } from "../../elf/constants/section.ts";
import { DwflError } from "../../errors.ts";
import type { Asked } from "./input.ts";
import type { Addr2lineOptions } from "./options.ts";

/** The answer to a question; `address` is what was meant by it, `undefined` where that is not known. */
export interface Answer extends SymbolizedPlace {
  readonly address: bigint | undefined;
  /** The section that `address` counts from, in relocatable files. */
  readonly section: string | undefined;
  readonly module: string | undefined;
}

/** Who answers. */
export interface Target extends Disposable {
  /** Digits of an address. */
  readonly digits: 8 | 16;
  /** Asks debuginfod servers for debug files that the disk does not have. */
  fetch(): Promise<void>;
  answer(asked: Asked): Answer;
}

/** Opens what the options name. @throws BinderyError */
export function openTarget(options: Addr2lineOptions): Target {
  const { pid, core, kernel } = options;
  if (pid === undefined && core === undefined && kernel !== true) return new FileTarget(options);
  return new SessionTarget(options);
}

const UNKNOWN: Answer = {
  address: undefined,
  section: undefined,
  module: undefined,
  symbol: undefined,
  frames: [],
  notes: [],
};

/** One file. Numbers are addresses as the file has them; of a relocatable file offsets in a section. */
class FileTarget implements Target {
  readonly digits: 8 | 16;
  readonly #dwfl = new Dwfl();
  readonly #module: Module;
  readonly #symbolizer: Symbolizer;
  readonly #section: number | undefined;

  constructor({ exe = "a.out", section }: Addr2lineOptions) {
    this.#module = this.#dwfl.report({ name: exe, file: exe });
    this.#symbolizer = new Symbolizer(this.#dwfl);
    try {
      const { elf } = this.#module;
      this.digits = elf.image.is64 ? 16 : 8;
      this.#section = section === undefined ? undefined : elf.sectionsNamed(section)[0]?.index;
      if (section !== undefined && this.#section === undefined) {
        throw new DwflError("DWFL_BAD_ARGUMENT", exe, `found no section ${section}`);
      }
    } catch (error) {
      this.#dwfl.close();
      throw error;
    }
  }

  async fetch(): Promise<void> {
    await this.#module.fetchDebug();
  }

  answer(asked: Asked): Answer {
    switch (asked.kind) {
      case "senseless":
        return UNKNOWN;
      case "name":
        return this.#named(asked.name, asked.value);
      default:
        return this.#section === undefined
          ? this.#numbered(asked.value)
          : this.#inSection(this.#section, asked.value);
    }
  }

  [Symbol.dispose](): void {
    this.#dwfl.close();
  }

  get #isRelocatable(): boolean {
    return this.#module.elf.header.type === ET.ET_REL;
  }

  /** In a relocatable file a number is an offset in the first section that something is known of there, as GNU has it. */
  #numbered(value: bigint): Answer {
    if (!this.#isRelocatable) return this.#at({ section: undefined, offset: value });
    let least: Answer | undefined;
    for (const section of this.#module.elf.sections) {
      if ((section.flags & SHF.SHF_ALLOC) === 0 || value >= BigInt(section.size)) continue;
      const answer = this.#at({ section: section.index, offset: value });
      if (answer.frames.some(({ line }) => line > 0)) return answer;
      if (least === undefined || (least.frames.length === 0 && answer.frames.length > 0)) least = answer;
    }
    return least ?? { ...UNKNOWN, address: value };
  }

  #inSection(index: number, offset: bigint): Answer {
    const { addr } = this.#module.elf.section(index);
    return this.#at(
      this.#isRelocatable ? { section: index, offset } : { section: undefined, offset: addr + offset },
    );
  }

  #named(name: string, offset: bigint): Answer {
    const section = this.#module.elf.sectionsNamed(name)[0];
    if (section !== undefined) return this.#inSection(section.index, offset);
    const symbol = this.#module.symbols.named(name)[0];
    if (symbol === undefined)
      return { ...UNKNOWN, notes: [`${this.#module.name}: found no section or symbol ${name}`] };
    return this.#at({ section: symbol.section, offset: symbol.offset + offset });
  }

  #at(place: FilePlace): Answer {
    const module = this.#module;
    const { section, offset } = place;
    const found = this.#symbolizer.atPlace(module, place);
    const name = section === undefined ? undefined : module.elf.section(section).name;
    const { symbol, frames, notes } = found;
    return { address: offset, section: name, module: undefined, symbol, frames, notes };
  }
}

/** The modules of a process, a core file or the kernel. Numbers are addresses there. */
class SessionTarget implements Target {
  readonly digits = 16;
  readonly #dwfl = new Dwfl();
  readonly #symbolizer: Symbolizer;

  constructor({ pid, core }: Addr2lineOptions) {
    this.#symbolizer = new Symbolizer(this.#dwfl);
    try {
      if (pid !== undefined) this.#dwfl.reportProcess(pid);
      else if (core !== undefined) this.#dwfl.reportCore(core);
      else this.#dwfl.reportKernel();
    } catch (error) {
      this.#dwfl.close();
      throw error;
    }
  }

  async fetch(): Promise<void> {
    for (const module of this.#dwfl.modules) if (module.error === undefined) await module.fetchDebug();
  }

  answer(asked: Asked): Answer {
    if (asked.kind === "senseless") return UNKNOWN;
    if (asked.kind === "number") return this.#at(asked.value);
    const symbol = this.#dwfl.symbolNamed(asked.name);
    if (symbol?.address === undefined) return { ...UNKNOWN, notes: [`found no symbol ${asked.name}`] };
    return this.#at(symbol.address + asked.value);
  }

  [Symbol.dispose](): void {
    this.#dwfl.close();
  }

  #at(address: bigint): Answer {
    const found = this.#symbolizer.at(address);
    return { ...found, section: undefined, module: found.module?.name };
  }
}
