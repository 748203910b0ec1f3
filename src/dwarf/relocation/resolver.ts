/** Who says where sections and symbols are, and what follows for the final value of a symbol. */
import { SHF, SHN } from "../../elf/constants/section.ts";
import { STT } from "../../elf/constants/symbol.ts";
import type { ElfFile } from "../../elf/file.ts";
import type { ElfSymbol } from "../../elf/symbol.ts";

/** Who knows where sections and undefined symbols are. `undefined` from any of them: not known. */
export interface Resolver {
  /** Final address of a loaded section of the file. Asked at the first need of that section. */
  sectionAddress(elf: ElfFile, index: number): bigint | undefined;
  /** Final address of a symbol that the file does not define: an undefined or common one. */
  symbolAddress(elf: ElfFile, symbol: ElfSymbol): bigint | undefined;
  /**
   * Offset of a thread-local symbol in its module's block of variables. Without an answer it is the symbol's value where
   * the file has one thread-local section, and not known where it has more.
   */
  threadOffset?(elf: ElfFile, symbol: ElfSymbol): bigint | undefined;
}

/** Where a section begins: one that is not loaded has no address of its own, and counts from 0. */
export function sectionStart(elf: ElfFile, index: number, resolver: Resolver): bigint | undefined {
  return (elf.section(index).flags & SHF.SHF_ALLOC) === 0 ? 0n : resolver.sectionAddress(elf, index);
}

/** Final value of a symbol; `undefined` when the resolver does not know it. */
export function symbolValue(
  elf: ElfFile,
  symbol: ElfSymbol,
  threadLocal: boolean,
  resolver: Resolver,
): bigint | undefined {
  const { special, sectionIndex, value } = symbol;
  if (special && sectionIndex === SHN.SHN_ABS) return value;
  // A thread-local symbol has no address, whatever the type of the relocation says: clang writes R_RISCV_64 for them.
  if (threadLocal || symbol.type === STT.STT_TLS)
    return resolver.threadOffset?.(elf, symbol) ?? onlyThreadOffset(elf, symbol);
  if (special || sectionIndex === SHN.SHN_UNDEF) return resolver.symbolAddress(elf, symbol);
  const start = sectionStart(elf, sectionIndex, resolver);
  return start === undefined ? undefined : start + value;
}

function onlyThreadOffset(elf: ElfFile, symbol: ElfSymbol): bigint | undefined {
  if (symbol.special || symbol.sectionIndex === SHN.SHN_UNDEF) return undefined;
  const count = elf.sections.reduce((sum, one) => sum + ((one.flags & SHF.SHF_TLS) === 0 ? 0 : 1), 0);
  return count === 1 ? symbol.value : undefined;
}
