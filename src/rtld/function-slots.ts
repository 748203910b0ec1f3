/** Words of an object that the run-time linker puts addresses of functions into, by its dynamic relocations. */
import { STT } from "../elf/constants/symbol.ts";
import type { ElfFile } from "../elf/file.ts";

/** The same number on x86_64 and i386 [psABI, "Relocation"]. */
const GLOB_DAT = 6;
const JUMP_SLOT = 7;
/** What an import may be, whose definition is not known yet. */
const FUNCTIONS: ReadonlySet<number> = new Set([STT.STT_NOTYPE, STT.STT_FUNC, STT.STT_GNU_IFUNC]);

/** One word, and the function that it is for. */
export interface FunctionSlot {
  /** Address of the word. */
  readonly at: bigint;
  readonly name: string;
  /** Number by which the object's linkage table asks for it; `undefined` if it is never bound late. */
  readonly index: number | undefined;
}

/** All of them. @param bias what is added to the file's addresses @throws ElfError if the file is malformed */
export function functionSlots(elf: ElfFile, bias: bigint): readonly FunctionSlot[] {
  const symbols = elf.dynsym();
  if (symbols === undefined) return [];
  const found: FunctionSlot[] = [];
  for (const table of elf.dynamicRelocations()) {
    for (let i = 0; i < table.length; i++) {
      const type = table.type(i);
      const isLate = type === JUMP_SLOT;
      const symbol = table.symbol(i);
      if ((!isLate && type !== GLOB_DAT) || symbol === 0 || !FUNCTIONS.has(symbols.type(symbol))) continue;
      found.push({ at: table.address(i) + bias, name: symbols.name(symbol), index: isLate ? i : undefined });
    }
  }
  return found;
}
