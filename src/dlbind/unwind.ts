/**
 * Call-frame rules of x86-64 code, for functions that carry them. [AMD64 psABI 3.2.2 and 3.7; DWARF5 6.4]
 */
import { DW_REG_X86_64 } from "../dwarf/constants/register.ts";
import { type CommonInformation, FrameInstructions } from "../dwarf/write/frame.ts";

const WORD = 8;
const FACTORS = { codeAlignment: 1, dataAlignment: -WORD };

/** At a function's first byte: the frame address is `rsp + 8`, and the return address lies below it. */
export const FRAME_CIE: CommonInformation = {
  ...FACTORS,
  returnAddressRegister: DW_REG_X86_64.rip,
  initialInstructions: new FrameInstructions(FACTORS)
    .defCfa(DW_REG_X86_64.rsp, WORD)
    .offset(DW_REG_X86_64.rip, -WORD)
    .finish(),
};

/** Starts a sequence of call-frame instructions that stands under {@link FRAME_CIE}. */
export function frameInstructions(): FrameInstructions {
  return new FrameInstructions(FACTORS);
}

const ENDBR64 = [0xf3, 0x0f, 0x1e, 0xfa];
const PUSH_RBP = [0x55];
const MOV_RBP_RSP = [
  [0x48, 0x89, 0xe5],
  [0x48, 0x8b, 0xec],
];
const LEAVE = 0xc9;
const POP_RBP = 0x5d;
const RET = 0xc3;

/**
 * The rule for code with a frame pointer: read off its first instructions, and off its last two if they end the frame.
 * @returns `undefined` when the code does not begin with `push rbp; mov rbp, rsp`, an `endbr64` before it allowed
 */
export function framePointerInstructions(code: Uint8Array): Uint8Array | undefined {
  const push = startsWith(code, 0, ENDBR64) ? ENDBR64.length : 0;
  const move = push + PUSH_RBP.length;
  if (!startsWith(code, push, PUSH_RBP) || !MOV_RBP_RSP.some((bytes) => startsWith(code, move, bytes)))
    return undefined;
  const body = move + 3;
  const rules = frameInstructions()
    .advance(move)
    .defCfa(DW_REG_X86_64.rsp, 2 * WORD)
    .offset(DW_REG_X86_64.rbp, -2 * WORD)
    .advance(body - move)
    .defCfaRegister(DW_REG_X86_64.rbp);
  const last = code.length - 1;
  const beforeLast = code[last - 1];
  if (code[last] === RET && last > body && (beforeLast === LEAVE || beforeLast === POP_RBP)) {
    rules
      .advance(last - body)
      .defCfa(DW_REG_X86_64.rsp, WORD)
      .restore(DW_REG_X86_64.rbp);
  }
  return rules.finish();
}

function startsWith(code: Uint8Array, at: number, bytes: readonly number[]): boolean {
  return bytes.every((byte, index) => code[at + index] === byte);
}
