/**
 * Entries of procedure linkage tables of x86_64, told by their bytes: lazy ones, those behind `-fcf-protection` (`.plt.sec`),
 * those of `-z now` and `.plt.got`, with and without `bnd`, and calls past the table of `-fno-plt` [x86-64 psABI, "Procedure
 * Linkage Table"; GNU ld, elfxx-x86.c].
 */
import { RD_FLG_PI_PLTBOUND, type RdPltInfo } from "./constants.ts";

/** All of `length` bytes of a process's memory, without breakpoints. */
export type ReadMemory = (address: bigint, length: number) => Uint8Array | undefined;

/** An instruction that goes where a word in memory says. */
interface Indirect {
  /** Address of that word. */
  readonly slot: bigint;
  /** Instructions up to and with it. */
  readonly steps: number;
}

const ENDBR64 = 0xfa1e_0ff3;
const BND = 0xf2;
const PUSH_IMMEDIATE = 0x68;
const JMP = 0xe9;
/** Bytes of an entry that are looked at. */
const ENTRY = 16;
/** Bytes of the loader's binder that are searched for its end; that of glibc has some 200. */
const BINDER = 1024;

const NONE: RdPltInfo = { skipMethod: "RD_RESOLVE_NONE", nstep: 0, target: 0n, baddr: 0n, flags: 0 };

/** How to come past the entry at `pc`; `RD_RESOLVE_NONE` if none is there. */
export function resolvePlt(read: ReadMemory, pc: bigint): RdPltInfo {
  const lazy = binderOfLazyEntry(read, pc);
  if (lazy !== undefined) return throughBinder(read, lazy);
  const jump = indirectAt(read, pc);
  const target = jump === undefined ? undefined : word(read, jump.slot);
  if (jump === undefined || target === undefined) return NONE;
  const binder = binderOfLazyEntry(read, target);
  if (binder !== undefined) return throughBinder(read, binder);
  return {
    skipMethod: "RD_RESOLVE_STEP",
    nstep: jump.steps,
    target: 0n,
    baddr: target,
    flags: RD_FLG_PI_PLTBOUND,
  };
}

/** The binder jumps to the function that it found by its last instruction. */
function throughBinder(read: ReadMemory, binder: bigint): RdPltInfo {
  const exit = binderExit(read, binder);
  if (exit === undefined) return NONE;
  return { skipMethod: "RD_RESOLVE_TARGET_STEP", nstep: 1, target: exit, baddr: 0n, flags: 0 };
}

/**
 * Address of the binder that an entry which is not bound leads to: `push $index; jmp` to the head of the table, which is
 * `push GOT[1]; jmp *GOT[2]`.
 */
function binderOfLazyEntry(read: ReadMemory, at: bigint): bigint | undefined {
  const code = new Code(read(at, ENTRY));
  code.skipEndbr();
  if (code.byte() !== PUSH_IMMEDIATE) return undefined;
  code.skip(5);
  code.skipBnd();
  if (code.byte() !== JMP) return undefined;
  const offset = code.signed(1);
  code.skip(5);
  const head = at + BigInt(code.position + offset);
  const first = new Code(read(head, ENTRY));
  if (first.byte() !== 0xff || first.byte(1) !== 0x35) return undefined;
  first.skip(6);
  first.skipBnd();
  if (first.byte() !== 0xff || first.byte(1) !== 0x25) return undefined;
  const slot = first.signed(2);
  first.skip(6);
  return word(read, head + BigInt(first.position + slot));
}

/** `jmp *slot(%rip)`, also behind `endbr64` and with `bnd`; or `call *slot(%rip)`, as `-fno-plt` has it. */
function indirectAt(read: ReadMemory, pc: bigint): Indirect | undefined {
  const code = new Code(read(pc, ENTRY) ?? read(pc, 6));
  const marked = code.skipEndbr();
  code.skipBnd();
  const kind = code.byte(1);
  if (code.byte() !== 0xff || (kind !== 0x25 && (marked || kind !== 0x15))) return undefined;
  const offset = code.signed(2);
  code.skip(6);
  return { slot: pc + BigInt(code.position + offset), steps: marked ? 2 : 1 };
}

/** Where the binder leaves: its `jmp *%r11`, with `bnd` or without. */
function binderExit(read: ReadMemory, binder: bigint): bigint | undefined {
  const code = read(binder, BINDER);
  for (let at = 0; code !== undefined && at + 3 <= code.length; at++) {
    if (code[at] === 0x41 && code[at + 1] === 0xff && code[at + 2] === 0xe3) {
      return binder + BigInt(code[at - 1] === BND ? at - 1 : at);
    }
  }
  return undefined;
}

function word(read: ReadMemory, address: bigint): bigint | undefined {
  const bytes = read(address, 8);
  return bytes === undefined ? undefined : new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
}

/** Some instructions, of which those that can't be read are nothing. */
class Code {
  readonly #view: DataView;
  position = 0;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  byte(ahead = 0): number | undefined {
    const at = this.position + ahead;
    return at < this.#view.byteLength ? this.#view.getUint8(at) : undefined;
  }

  /** Signed 32 bits; 0 past the end. */
  signed(ahead: number): number {
    const at = this.position + ahead;
    return at + 4 <= this.#view.byteLength ? this.#view.getInt32(at, true) : 0;
  }

  skip(length: number): void {
    this.position += length;
  }

  /** @returns whether there was one */
  skipEndbr(): boolean {
    const found = this.signed(0) >>> 0 === ENDBR64;
    if (found) this.position += 4;
    return found;
  }

  skipBnd(): void {
    if (this.byte() === BND) this.position += 1;
  }
}
