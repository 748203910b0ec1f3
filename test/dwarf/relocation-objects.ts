/** Relocatable files that the tests write themselves: a debug section, what it counts from, and records on it. */

import { ET } from "../../src/elf/constants/header.ts";
import { EM } from "../../src/elf/constants/machine.ts";
import { SHF, SHN, SHT } from "../../src/elf/constants/section.ts";
import { STB, STT } from "../../src/elf/constants/symbol.ts";
import { ElfFile } from "../../src/elf/file.ts";
import type { RelocationDescription, SymbolDescription } from "../../src/elf/write/description.ts";
import { writeElf } from "../../src/elf/write/write.ts";

/** `.text` and `.init.text` both begin at 0, as they do in kernel modules. */
const SYMBOLS: readonly SymbolDescription[] = [
  { name: "early", section: ".text", value: 0x10, type: STT.STT_FUNC },
  { name: "late", section: ".text", value: 0x1234, type: STT.STT_FUNC },
  { name: "init", section: ".init.text", value: 0x10, type: STT.STT_FUNC },
  { name: "text", section: ".debug_str", value: 0x20, binding: STB.STB_LOCAL },
  { name: "fixed", reserved: SHN.SHN_ABS, value: 0x7000 },
  { name: "shared", reserved: SHN.SHN_COMMON, value: 8, size: 8 },
  { name: "printk" },
];

export interface Options {
  readonly machine?: number;
  readonly is64?: boolean;
  readonly little?: boolean;
  readonly type?: number;
  /** Contents of `.debug_info`; 64 zeros by default. */
  readonly bytes?: Uint8Array;
  readonly kind?: "REL" | "RELA";
  /** Sections between, so that the index of the last does not fit `st_shndx`. */
  readonly padding?: number;
}

/** The image of a file with a relocation section for each list of records. */
export function relocatableImage(
  lists: readonly (readonly RelocationDescription[])[],
  { machine = EM.EM_X86_64, type = ET.ET_REL, kind = "RELA", padding = 0, ...rest }: Options = {},
): Uint8Array {
  const { is64 = true, little = true, bytes = new Uint8Array(64) } = rest;
  const data = { type: SHT.SHT_PROGBITS, bytes: new Uint8Array(64) };
  const code = { ...data, flags: SHF.SHF_ALLOC | SHF.SHF_EXECINSTR };
  return writeElf({
    machine,
    type,
    is64,
    little,
    sections: [
      { name: ".debug_info", type: SHT.SHT_PROGBITS, bytes },
      { name: ".debug_str", ...data },
      ...Array.from({ length: padding }, () => ({ name: ".pad", ...data, bytes: new Uint8Array(0) })),
      { name: ".text", ...code },
      { name: ".init.text", ...code },
      ...lists.map((relocations) => ({
        name: `.${kind.toLowerCase()}.debug_info`,
        type: SHT[`SHT_${kind}`],
        target: ".debug_info",
        relocations,
      })),
      { name: ".symtab", type: SHT.SHT_SYMTAB, symbols: SYMBOLS },
    ],
  });
}

export function relocatable(...given: Parameters<typeof relocatableImage>): ElfFile {
  return ElfFile.open(relocatableImage(...given), { name: "made.o" });
}
