/** Undoes frames of x86_64 code of one library, by the call frame information and symbols of its file, quickly. */
import { readU64 } from "../bytes/endian.ts";
import { DW_REG_X86_64 } from "../dwarf/constants/register.ts";
import { Dwarf } from "../dwarf/dwarf.ts";
import { FrameHeaderTable } from "../dwarf/read/frame/header.ts";
import { frameRowAt } from "../dwarf/read/frame/row.ts";
import { FrameSection } from "../dwarf/read/frame/section.ts";
import type { MemoryReader } from "../dwfl/process/memory-image.ts";
import { BinderyError } from "../errors.ts";
import { type OpenedElf, openElf } from "../host/file.ts";

const { rsp: RSP, rip: RIP } = DW_REG_X86_64;
/** Registers that code saves: the general ones, and the return address. */
const COUNT = RIP + 1;

/** Registers of a frame, by DWARF number, none of them known yet. */
export function frameRegisters(): BigUint64Array {
  return new BigUint64Array(COUNT);
}

/** A range of code. */
export interface CodeSpan {
  readonly start: bigint;
  readonly end: bigint;
}

/** How a frame is undone at one place, as compilers have it nearly everywhere. */
interface Step {
  /** The canonical frame address is this register and offset. */
  readonly register: number;
  readonly offset: bigint;
  /** Registers that are in memory, by their distance from that address. */
  readonly saved: readonly (readonly [register: number, offset: bigint])[];
}

/** What is read of a library's file; what was asked for once is kept. */
export class CallFrames {
  readonly #opened: OpenedElf;
  readonly #bias: bigint;
  readonly #section: FrameSection | undefined;
  readonly #header: FrameHeaderTable | undefined;
  readonly #steps = new Map<bigint, Step | undefined>();

  /** Of the file; `undefined` if it has none. */
  get buildId(): string | undefined {
    return this.#opened.elf.buildId();
  }

  /**
   * @param bias what is added to the file's addresses
   * @throws HostError if the file can't be read, ElfError or DwarfError if it is malformed
   */
  constructor(path: string, bias: bigint) {
    this.#opened = openElf(path);
    this.#bias = bias;
    const { elf } = this.#opened;
    this.#section = FrameSection.all(Dwarf.open(elf)).find((one) => one.isEh);
    this.#header = FrameHeaderTable.read(elf);
  }

  /** Where a function is that the library exports. */
  spanOf(name: string): CodeSpan | undefined {
    const { elf } = this.#opened;
    const symbols = elf.dynsym();
    const { gnu, sysv } = elf.hashTables();
    const index = gnu?.lookup(name) ?? sysv?.lookup(name);
    if (symbols === undefined || index === undefined) return undefined;
    const start = symbols.value(index) + this.#bias;
    return { start, end: start + symbols.size(index) };
  }

  /**
   * Changes registers to those in the caller.
   *
   * @param pc address of an instruction of the frame: the next one, or the call that it is in
   * @param frame registers by DWARF number; of those that calls may change, anything
   * @param memory the stack
   * @returns false if they can't be known
   */
  undo(pc: bigint, frame: BigUint64Array, memory: MemoryReader): boolean {
    const step = this.#stepAt(pc);
    if (step === undefined) return false;
    const address = (frame[step.register] ?? 0n) + step.offset;
    for (const [register, offset] of step.saved) {
      const bytes = memory.read(address + offset, 8);
      if (bytes === undefined) return false;
      frame[register] = readU64(bytes, 0, true);
    }
    frame[RSP] = address;
    return true;
  }

  /** Closes the file. */
  close(): void {
    this.#opened.close();
  }

  #stepAt(pc: bigint): Step | undefined {
    if (!this.#steps.has(pc)) this.#steps.set(pc, this.#readStep(pc - this.#bias));
    return this.#steps.get(pc);
  }

  #readStep(address: bigint): Step | undefined {
    try {
      const place = this.#header?.find(address);
      if (this.#section === undefined || place === undefined) return undefined;
      const fde = this.#section.fdeAt(Number(place - this.#section.reader.section.elfSection.addr));
      const { pointers, isSignalFrame } = fde.cie;
      pointers.locate(fde.startAt);
      const start = (BigInt(pointers.high) << 32n) | BigInt(pointers.low);
      const row = frameRowAt(fde, Number(address - start));
      if (isSignalFrame || row?.cfa.kind !== "register") return undefined;
      const { register, offset } = row.cfa;
      // What is in no memory is the same in the caller, if it matters at all.
      const saved = [...row.rules].flatMap(([number, rule]) =>
        rule.kind === "offset" && number < COUNT ? [[number, BigInt(rule.offset)] as const] : [],
      );
      const isWhole = register < COUNT && saved.some(([number]) => number === RIP);
      return isWhole ? { register, offset: BigInt(offset), saved } : undefined;
    } catch (error) {
      if (error instanceof BinderyError) return undefined;
      throw error;
    }
  }
}
