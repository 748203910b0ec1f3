/**
 * Instructions that can be carried out by changing registers [Intel SDM, vol. 2]: where one of them has a breakpoint, it
 * need not be taken away to go on, and no other thread need be stopped. What loaders have where debuggers wait is among them.
 */
import type { Registers } from "../registers.ts";

/** What is needed of the thread's process. */
export interface EmulationHost {
  /** Bytes of memory without breakpoints. */
  read(address: bigint, length: number): Uint8Array | undefined;
  /** Whether the thread's returns are checked, so that they can't be made by changing registers. */
  hasShadowStack(): boolean;
}

/** `endbr64` and, in 32-bit code, `endbr32`, which do nothing where branches are not checked, as in all programs so far. */
const ENDBR64 = [0xf3, 0x0f, 0x1e, 0xfa];
const ENDBR32 = [0xf3, 0x0f, 0x1e, 0xfb];
const NOP = 0x90;
const RET = 0xc3;
/** `jmp *%r11`, with `bnd` or without: how glibc's binder leaves. */
const JUMPS = [
  [0x41, 0xff, 0xe3],
  [0xf2, 0x41, 0xff, 0xe3],
];
/** The code segment in which Linux runs 32-bit programs. */
const USER32_CS = 0x23n;

/**
 * Carries out the next instruction in `registers`, if it is one of those.
 *
 * @param first its first byte
 * @returns whether it was
 */
export function emulate(registers: Registers, first: number, host: EmulationHost): boolean {
  const { pc, sp } = registers;
  if (first === NOP) {
    registers.pc = pc + 1n;
    return true;
  }
  const is32 = registers.get("cs") === USER32_CS;
  const marker = is32 ? ENDBR32 : ENDBR64;
  if (first === marker[0]) {
    const code = host.read(pc, marker.length);
    if (code === undefined || marker.some((byte, i) => code[i] !== byte)) return false;
    registers.pc = pc + BigInt(marker.length);
    return true;
  }
  const jump = is32 ? undefined : JUMPS.find((one) => one[0] === first);
  if (jump !== undefined) {
    const code = host.read(pc, jump.length);
    if (code === undefined || jump.some((byte, i) => code[i] !== byte)) return false;
    registers.pc = registers.get("r11");
    return true;
  }
  if (first !== RET || host.hasShadowStack()) return false;
  const top = host.read(sp, is32 ? 4 : 8);
  if (top === undefined) return false;
  const view = new DataView(top.buffer, top.byteOffset);
  registers.pc = is32 ? BigInt(view.getUint32(0, true)) : view.getBigUint64(0, true);
  registers.sp = sp + BigInt(top.length);
  return true;
}
