/**
 * Functions that the C library has in its static part, libc_nonshared.a on glibc: they tell the shared part which object
 * calls, so that no table can offer them. A module that uses one gets it made. [glibc stdlib/atexit.c,
 * stdlib/at_quick_exit.c, nptl/pthread_atfork.c; System V ABI for C++, 3.3.6.3]
 */
import { ET } from "../../elf/constants/header.ts";
import { EM } from "../../elf/constants/machine.ts";
import { SHF, SHN, SHT } from "../../elf/constants/section.ts";
import { STB, STT, STV } from "../../elf/constants/symbol.ts";
import { R_X86_64 } from "../../elf/machine/x86_64.ts";
import { writeElf } from "../../elf/write/write.ts";
import type { ImportSource } from "./imports.ts";
import { type LinkInput, openInputs } from "./input.ts";

/** A function that adds the module's handle to its arguments, and goes on to another. */
interface StaticPart {
  readonly name: string;
  readonly target: string;
  /** `lea handle(%rip), register`, whose last four bytes are the distance, and what else is set. */
  readonly code: readonly number[];
}

const ENDBR64 = [0xf3, 0x0f, 0x1e, 0xfa];
const JMP = 0xe9;
/** Where `lea` has its distance. */
const HANDLE_AT = ENDBR64.length + 3;

const STATIC_PARTS: readonly StaticPart[] = [
  // lea rdx, handle; xor esi, esi
  { name: "atexit", target: "__cxa_atexit", code: [0x48, 0x8d, 0x15, 0, 0, 0, 0, 0x31, 0xf6] },
  // lea rsi, handle
  { name: "at_quick_exit", target: "__cxa_at_quick_exit", code: [0x48, 0x8d, 0x35, 0, 0, 0, 0] },
  // lea rcx, handle
  { name: "pthread_atfork", target: "__register_atfork", code: [0x48, 0x8d, 0x0d, 0, 0, 0, 0] },
];

/** What has to come along with these inputs: objects of x86-64 for what they leave undefined and the program can't offer. */
export function staticParts(inputs: readonly LinkInput[], imports: ImportSource): LinkInput[] {
  if (inputs[0]?.elf.header.machine !== EM.EM_X86_64) return [];
  const wanted = undefinedNames(inputs);
  return STATIC_PARTS.filter(
    ({ name, target }) =>
      wanted.has(name) && imports.find(name) === undefined && imports.find(target) !== undefined,
  ).flatMap((part) => openInputs([{ name: `${part.name} of the C library`, bytes: objectOf(part) }]));
}

/** Global names that an input leaves undefined and none defines. */
function undefinedNames(inputs: readonly LinkInput[]): Set<string> {
  const wanted = new Set<string>();
  for (const { symtab, firstGlobal } of inputs) {
    for (let i = firstGlobal; i < (symtab?.length ?? 0); i++) {
      if (symtab?.sectionIndex(i) === SHN.SHN_UNDEF) wanted.add(symtab.name(i));
    }
  }
  if (!STATIC_PARTS.some(({ name }) => wanted.has(name))) return new Set();
  for (const { symtab, firstGlobal } of inputs) {
    for (let i = firstGlobal; i < (symtab?.length ?? 0); i++) {
      if (symtab?.sectionIndex(i) !== SHN.SHN_UNDEF) wanted.delete(symtab?.name(i) ?? "");
    }
  }
  return wanted;
}

function objectOf({ name, target, code }: StaticPart): Uint8Array {
  const bytes = new Uint8Array([...ENDBR64, ...code, JMP, 0, 0, 0, 0]);
  return writeElf({
    type: ET.ET_REL,
    machine: EM.EM_X86_64,
    sections: [
      {
        name: ".text",
        type: SHT.SHT_PROGBITS,
        flags: SHF.SHF_ALLOC | SHF.SHF_EXECINSTR,
        bytes,
        addralign: 16,
      },
      {
        name: ".symtab",
        type: SHT.SHT_SYMTAB,
        symbols: [
          {
            name,
            section: ".text",
            type: STT.STT_FUNC,
            binding: STB.STB_GLOBAL,
            visibility: STV.STV_HIDDEN,
            size: bytes.length,
          },
          { name: "__dso_handle", visibility: STV.STV_HIDDEN },
          { name: target },
        ],
      },
      {
        name: ".rela.text",
        type: SHT.SHT_RELA,
        target: ".text",
        link: ".symtab",
        relocations: [
          { offset: HANDLE_AT, type: R_X86_64.R_X86_64_PC32, symbol: "__dso_handle", addend: -4 },
          { offset: bytes.length - 4, type: R_X86_64.R_X86_64_PLT32, symbol: target, addend: -4 },
        ],
      },
    ],
  });
}
