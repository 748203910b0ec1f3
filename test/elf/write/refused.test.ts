import { describe, expect, it } from "vitest";
import { EM } from "../../../src/elf/constants/machine.ts";
import { ET, PF, PT, SHF, SHT } from "../../../src/elf/index.ts";
import type { ElfDescription, SectionDescription } from "../../../src/elf/write/description.ts";
import { writeElf } from "../../../src/elf/write/write.ts";

const EXIT_42 = Uint8Array.of(0xbf, 42, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05);
const text = (bytes: Uint8Array): SectionDescription => ({
  name: ".text",
  type: SHT.SHT_PROGBITS,
  flags: SHF.SHF_ALLOC | SHF.SHF_EXECINSTR,
  addralign: 16,
  bytes,
});

describe("a wrong description is refused, with a place", () => {
  const refused = (sections: SectionDescription[], rest: Partial<ElfDescription> = {}) => {
    try {
      writeElf({ machine: EM.EM_X86_64, type: ET.ET_REL, sections, ...rest });
    } catch (error) {
      return error instanceof Error ? error.message : "";
    }
    return "accepted";
  };
  const symtab = (symbols: readonly { name: string; section?: number | string; value?: bigint }[]) => ({
    name: ".symtab",
    type: SHT.SHT_SYMTAB,
    symbols,
  });

  it.each<[string, string]>([
    [
      refused([symtab([{ name: "x", section: ".gone" }])]),
      '.symtab: symbol x: found no section called ".gone"',
    ],
    [refused([symtab([{ name: "x", section: 9 }])]), ".symtab: symbol x: found section 9, expected 0 to 1"],
    [
      refused([text(EXIT_42), text(EXIT_42), symtab([{ name: "x", section: ".text" }])]),
      '.symtab: symbol x: found several sections called ".text", expected one, or a number',
    ],
    [
      refused([symtab([{ name: "a\0b" }])]),
      'string table: found a NUL in the name "a\\u0000b", expected none',
    ],
    [
      refused([symtab([{ name: "x", value: 1n << 32n }])], { is64: false }),
      ".symtab: found 4294967296, expected a value of 32 bits",
    ],
    [
      refused([{ ...text(EXIT_42), addralign: 3 }]),
      ".text: alignment: found 3, expected 0 or a power of two",
    ],
    [
      refused([
        { name: ".rela.text", type: SHT.SHT_RELA, relocations: [{ offset: 0, type: 1, symbol: "f" }] },
      ]),
      ".rela.text: symbol: found f, expected a section of symbols to have it",
    ],
    [
      refused([
        text(EXIT_42),
        { name: ".group", type: SHT.SHT_GROUP, signature: "f", members: [1] },
        symtab([{ name: "f" }]),
      ]),
      ".group: member: found section 1, expected one behind the group itself, section 2",
    ],
    [
      refused([
        symtab([{ name: "f" }]),
        { name: ".rel.text", type: SHT.SHT_REL, relocations: [{ offset: 0, type: 1, symbol: 1, addend: 4 }] },
      ]),
      ".rel.text: found an addend in a SHT_REL table, expected it in the place that the record is for",
    ],
    [
      refused([text(EXIT_42), { ...text(EXIT_42), name: ".b", addr: 0x1000 }], {
        segments: [{ type: PT.PT_LOAD, flags: PF.PF_R, sections: [1, 2], vaddr: 0x2000 }],
      }),
      ".b: address: found 0x1000, expected at least 0x200c, where what comes before it in the segment ends",
    ],
  ])("%s", (found, expected) => {
    expect(found).toBe(expected);
  });
});
