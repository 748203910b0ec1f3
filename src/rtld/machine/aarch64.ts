/**
 * Linkage tables of aarch64, also with branch targets marked (`bti`) and addresses authenticated (`autia1716`), and calls past
 * the table of `-fno-plt` [sysvabi64, "Procedure Linkage Table"; GNU ld, elfnn-aarch64.c; lld, Arch/AArch64.cpp].
 */
import { Code, type Indirect, type PltDecoder, type PltMemory } from "./decoder.ts";

const BTI_C = 0xd503_245f;
const AUTIA1716 = 0xd503_219f;
/** `stp x16, x30, [sp, #-16]!`, with which the head of the table begins. */
const STP_X16_X30 = 0xa9bf_7bf0;
const BR_X16 = 0xd61f_0200;
const BR_X17 = 0xd61f_0220;
/** Bytes of an entry that are looked at: its six instructions at most, or those of the head. */
const ENTRY = 24;

const isAdrp = (word: number) => (word & 0x9f00_0000) >>> 0 === 0x9000_0000;
/** `ldr xN, [xM, #offset]` */
const isLoad = (word: number) => (word & 0xffc0_0000) >>> 0 === 0xf940_0000;
/** `add xN, xM, #offset` */
const isAdd = (word: number) => (word & 0xffc0_0000) >>> 0 === 0x9100_0000;
/** `br xN` or `blr xN` */
const isBranch = (word: number) => (word & 0xffdf_fc1f) >>> 0 === 0xd61f_0000;
const low = (word: number) => word & 31;
const next = (word: number) => (word >>> 5) & 31;

export const AARCH64_PLT: PltDecoder = {
  /** `adrp; ldr; add; br`, or `adrp; ldr; blr` as `-fno-plt` has it; where that is told from a later one of them, too. */
  indirectAt({ read }: PltMemory, pc: bigint): Indirect | undefined {
    const found = loadAndBranch(read(pc, ENTRY) ?? read(pc, 12), pc);
    if (found !== undefined) return found;
    // Of a call past the table, the address may be loaded already.
    for (const before of [1, 2]) {
      const start = pc - BigInt(4 * before);
      const begun = loadAndBranch(read(start, 12), start);
      if (begun?.steps === 3) return { slot: begun.slot, steps: 3 - before };
    }
    return undefined;
  },

  /** The slot leads to the head of the table, which saves two registers and goes where GOT[2] says. */
  binderOf({ read, word }: PltMemory, at: bigint): bigint | undefined {
    const code = new Code(read(at, ENTRY));
    code.skipIf(BTI_C);
    if (!code.skipIf(STP_X16_X30)) return undefined;
    const slot = loadedAddress(code, at);
    return slot === undefined ? undefined : word(slot);
  },

  /** Its `br x16` [glibc, sysdeps/aarch64/dl-trampoline.S]. */
  exitOf(binder: Uint8Array): number | undefined {
    const code = new Code(binder);
    for (; code.position + 4 <= binder.length; code.skip(4)) {
      if (code.unsigned() === BR_X16 || code.unsigned() === BR_X17) return code.position;
    }
    return undefined;
  },
};

function loadAndBranch(bytes: Uint8Array | undefined, pc: bigint): Indirect | undefined {
  const code = new Code(bytes);
  code.skipIf(BTI_C);
  const slot = loadedAddress(code, pc);
  if (slot === undefined) return undefined;
  const target = low(code.unsigned(-4));
  if (isAdd(code.unsigned())) code.skip(4);
  code.skipIf(AUTIA1716);
  const branch = code.unsigned();
  if (!isBranch(branch) || next(branch) !== target) return undefined;
  return { slot, steps: code.position / 4 + 1 };
}

/** Address that `adrp xN; ldr xM, [xN, #offset]` loads from. */
function loadedAddress(code: Code, start: bigint): bigint | undefined {
  const [page, load] = [code.unsigned(), code.unsigned(4)];
  if (!isAdrp(page) || !isLoad(load) || next(load) !== low(page)) return undefined;
  const at = start + BigInt(code.position);
  const pages = (((page >>> 5) & 0x7_ffff) << 2) | ((page >>> 29) & 3);
  code.skip(8);
  const base = (at & ~0xfffn) + (BigInt.asIntN(21, BigInt(pages)) << 12n);
  return BigInt.asUintN(64, base + BigInt(((load >>> 10) & 0xfff) * 8));
}
