/**
 * Linkage tables of i386: at fixed addresses or by the global offset table in `%ebx`, lazy ones, those behind `-fcf-protection`
 * (`.plt.sec`), `.plt.got`, and calls past the table of `-fno-plt` [i386 psABI, "Procedure Linkage Table"; GNU ld,
 * elf32-i386.c].
 */
import { Code, type Indirect, type PltDecoder, type PltMemory } from "./decoder.ts";

const ENDBR32 = 0xfb1e_0ff3;
const PUSH_IMMEDIATE = 0x68;
const JMP = 0xe9;
const CALL = 0xe8;
/** Bytes of an entry that are looked at. */
const ENTRY = 16;

// The second byte, behind 0xff, of an instruction with an operand in memory: at an address, or at an offset from %ebx.
const JMP_ABSOLUTE = 0x25;
const JMP_EBX = 0xa3;
const CALL_ABSOLUTE = 0x15;
/** The first of eight, for an offset from each register. */
const CALL_REGISTER = 0x90;
const PUSH_ABSOLUTE = 0x35;
const PUSH_EBX = 0xb3;
/** In the order of their numbers; of `%esp` the instruction is longer. */
const REGISTERS = ["eax", "ecx", "edx", "ebx", undefined, "ebp", "esi", "edi"] as const;

export const I386_PLT: PltDecoder = {
  /** `jmp *slot`, also behind `endbr32`; or `call *slot`, as `-fno-plt` has it. */
  indirectAt(memory: PltMemory, pc: bigint): Indirect | undefined {
    const code = new Code(memory.read(pc, ENTRY) ?? memory.read(pc, 6));
    const marked = code.skipIf(ENDBR32);
    const kind = code.byte() === 0xff ? code.byte(1) : undefined;
    if (kind === undefined) return undefined;
    const called = REGISTERS[kind - CALL_REGISTER];
    const isCall = kind === CALL_ABSOLUTE || called !== undefined;
    if ((marked || !isCall) && kind !== JMP_ABSOLUTE && kind !== JMP_EBX) return undefined;
    const isAbsolute = kind === JMP_ABSOLUTE || kind === CALL_ABSOLUTE;
    const slot = operand(memory, code, isAbsolute ? undefined : (called ?? "ebx"));
    return slot === undefined ? undefined : { slot, steps: marked ? 2 : 1 };
  },

  /** `push $offset; jmp` to the head of the table, which is `push GOT[1]; jmp *GOT[2]`. */
  binderOf(memory: PltMemory, at: bigint): bigint | undefined {
    const code = new Code(memory.read(at, ENTRY) ?? memory.read(at, 10));
    code.skipIf(ENDBR32);
    if (code.byte() !== PUSH_IMMEDIATE || code.byte(5) !== JMP) return undefined;
    const offset = code.signed(6);
    code.skip(10);
    const first = new Code(memory.read(BigInt.asUintN(32, at + BigInt(code.position + offset)), ENTRY));
    const push = first.byte() === 0xff ? first.byte(1) : undefined;
    if (push !== PUSH_ABSOLUTE && push !== PUSH_EBX) return undefined;
    first.skip(6);
    const jump = first.byte() === 0xff ? first.byte(1) : undefined;
    if (jump !== JMP_ABSOLUTE && jump !== JMP_EBX) return undefined;
    const slot = operand(memory, first, jump === JMP_ABSOLUTE ? undefined : "ebx");
    return slot === undefined ? undefined : memory.word(slot);
  },

  /** Behind the call that finds the function: `ret $12`, or a jump by register [glibc, sysdeps/i386/dl-trampoline.S]. */
  exitOf(binder: Uint8Array): number | undefined {
    const call = binder.indexOf(CALL);
    if (call < 0) return undefined;
    for (let at = call + 5; at + 3 <= binder.length; at++) {
      const [first, second, third] = binder.subarray(at, at + 3);
      if (first === 0xc2 && second === 0x0c && third === 0) return at;
      // jmp *%eax to jmp *%edi
      if (first === 0xff && second !== undefined && second >= 0xe0 && second <= 0xe7) return at;
    }
    return undefined;
  },
};

/** Address of the operand behind two bytes of opcode: an address, or an offset from a register. */
function operand(memory: PltMemory, code: Code, register: string | undefined): bigint | undefined {
  if (register === undefined) return BigInt(code.unsigned(2));
  const got = memory.got(register);
  return got === undefined ? undefined : BigInt.asUintN(32, got + BigInt(code.signed(2)));
}
