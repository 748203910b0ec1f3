/** Instructions of the machines that `bindery rdb` debugs: of x86 in words, of others as what they are made of. */
import { disassemble } from "../../asm/index.ts";
import { EM } from "../../elf/constants/machine.ts";
import type { DataModel } from "../../rtld/index.ts";

/** Longest instruction of x86_64. */
export const LONGEST_INSTRUCTION = 15;

/** One instruction. */
export interface Instruction {
  readonly text: string;
  /** Bytes; 0 where none can be read. */
  readonly length: number;
}

/**
 * The first of some instructions.
 *
 * @param bytes as many as can be read, up to {@link LONGEST_INSTRUCTION}
 */
export function decodeInstruction(
  bytes: Uint8Array,
  address: bigint,
  { machine, is64, little }: DataModel,
  symbolize: (address: bigint) => string | undefined,
): Instruction {
  const nothing = { text: "no memory that can be read", length: 0 };
  if (machine === EM.EM_X86_64 || machine === EM.EM_386) {
    const [line] = disassemble(bytes, address, { symbolize, bits: is64 ? 64 : 32 });
    return line === undefined ? nothing : { text: line.text, length: line.bytes.length };
  }
  const length = lengthOf(machine, bytes);
  if (length > bytes.length) return nothing;
  const own = bytes.slice(0, length);
  const digits = Buffer.from(isLittleCode(machine, little) ? own.reverse() : own).toString("hex");
  return { text: `.inst 0x${digits}`, length };
}

/** Code of AArch64 is little-endian whatever its data is. */
function isLittleCode(machine: number, little: boolean): boolean {
  return little || machine === EM.EM_AARCH64;
}

/** By what machines say with the first bits of an instruction, where they have short and long ones. */
function lengthOf(machine: number, [first = 0]: Uint8Array): number {
  if (machine === EM.EM_S390) return first < 0x40 ? 2 : first < 0xc0 ? 4 : 6;
  if (machine === EM.EM_RISCV) return (first & 3) === 3 ? 4 : 2;
  return 4;
}
