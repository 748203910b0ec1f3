/**
 * Linkage tables of x86_64: lazy ones, those behind `-fcf-protection` (`.plt.sec`), those of `-z now` and `.plt.got`, with and
 * without `bnd`, and calls past the table of `-fno-plt` [x86-64 psABI, "Procedure Linkage Table"; GNU ld, elfxx-x86.c].
 */
import { Code, type Indirect, type PltDecoder, type PltMemory } from "./decoder.ts";

const ENDBR64 = 0xfa1e_0ff3;
const BND = 0xf2;
const PUSH_IMMEDIATE = 0x68;
const JMP = 0xe9;
/** Bytes of an entry that are looked at. */
const ENTRY = 16;

export const X86_64_PLT: PltDecoder = {
  /** `jmp *slot(%rip)`, also behind `endbr64` and with `bnd`; or `call *slot(%rip)`, as `-fno-plt` has it. */
  indirectAt({ read }: PltMemory, pc: bigint): Indirect | undefined {
    const code = new Code(read(pc, ENTRY) ?? read(pc, 6));
    const marked = code.skipIf(ENDBR64);
    skipBnd(code);
    const kind = code.byte(1);
    if (code.byte() !== 0xff || (kind !== 0x25 && (marked || kind !== 0x15))) return undefined;
    const offset = code.signed(2);
    code.skip(6);
    return { slot: pc + BigInt(code.position + offset), steps: marked ? 2 : 1 };
  },

  /** `push $index; jmp` to the head of the table, which is `push GOT[1]; jmp *GOT[2]`. */
  binderOf({ read, word }: PltMemory, at: bigint): bigint | undefined {
    const code = new Code(read(at, ENTRY));
    code.skipIf(ENDBR64);
    if (code.byte() !== PUSH_IMMEDIATE) return undefined;
    code.skip(5);
    skipBnd(code);
    if (code.byte() !== JMP) return undefined;
    const offset = code.signed(1);
    code.skip(5);
    const head = at + BigInt(code.position + offset);
    const first = new Code(read(head, ENTRY));
    if (first.byte() !== 0xff || first.byte(1) !== 0x35) return undefined;
    first.skip(6);
    skipBnd(first);
    if (first.byte() !== 0xff || first.byte(1) !== 0x25) return undefined;
    const slot = first.signed(2);
    first.skip(6);
    return word(head + BigInt(first.position + slot));
  },

  /** Its `jmp *%r11`, with `bnd` or without [glibc, sysdeps/x86_64/dl-trampoline.h]. */
  exitOf(binder: Uint8Array): number | undefined {
    for (let at = 0; at + 3 <= binder.length; at++) {
      if (binder[at] === 0x41 && binder[at + 1] === 0xff && binder[at + 2] === 0xe3) {
        return binder[at - 1] === BND ? at - 1 : at;
      }
    }
    return undefined;
  },
};

function skipBnd(code: Code): void {
  if (code.byte() === BND) code.skip(1);
}
