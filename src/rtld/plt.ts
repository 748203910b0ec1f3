/** From an entry of a procedure linkage table to the function behind it, by the bytes of the entry. */
import { readWords } from "../dwfl/process/link-map.ts";
import { EM, machineName } from "../elf/constants/machine.ts";
import { RtldError } from "../errors.ts";
import { RD_FLG_PI_PLTBOUND, type RdPltInfo } from "./constants.ts";
import { AARCH64_PLT } from "./machine/aarch64.ts";
import type { PltDecoder, PltMemory } from "./machine/decoder.ts";
import { I386_PLT } from "./machine/i386.ts";
import { X86_64_PLT } from "./machine/x86_64.ts";
import type { ProcService } from "./proc/service.ts";
import { Registers } from "./registers.ts";

/** By `EM_` value. */
const DECODERS: ReadonlyMap<number, PltDecoder> = new Map([
  [EM.EM_X86_64, X86_64_PLT],
  [EM.EM_386, I386_PLT],
  [EM.EM_AARCH64, AARCH64_PLT],
]);

/** Bytes of the loader's binder that are searched for its end; that of glibc has some 200. */
const BINDER = 1024;

const NONE: RdPltInfo = { skipMethod: "RD_RESOLVE_NONE", nstep: 0, target: 0n, baddr: 0n, flags: 0 };

/** How to come past the entry at `pc`; `RD_RESOLVE_NONE` if none is there. */
export function resolvePlt(decoder: PltDecoder, memory: PltMemory, pc: bigint): RdPltInfo {
  const lazy = decoder.binderOf(memory, pc);
  if (lazy !== undefined) return throughBinder(decoder, memory, lazy);
  const jump = decoder.indirectAt(memory, pc);
  const target = jump === undefined ? undefined : memory.word(jump.slot);
  if (jump === undefined || target === undefined) return NONE;
  const binder = decoder.binderOf(memory, target);
  if (binder !== undefined) return throughBinder(decoder, memory, binder);
  return {
    skipMethod: "RD_RESOLVE_STEP",
    nstep: jump.steps,
    target: 0n,
    baddr: target,
    flags: RD_FLG_PI_PLTBOUND,
  };
}

/** The binder goes into the function that it found by its last instruction. */
function throughBinder(decoder: PltDecoder, memory: PltMemory, binder: bigint): RdPltInfo {
  const code = memory.read(binder, BINDER);
  const exit = code === undefined ? undefined : decoder.exitOf(code);
  if (exit === undefined) return NONE;
  const target = binder + BigInt(exit);
  return { skipMethod: "RD_RESOLVE_TARGET_STEP", nstep: 1, target, baddr: 0n, flags: 0 };
}

/**
 * As {@link resolvePlt}, in a process.
 *
 * @param lwpid the thread that is there, if one is: machines keep what tables go by in registers
 * @param gotAt address of the global offset table of the object that an address is in
 * @throws RtldError `RD_NOCAPAB` if the tables of its machine are not known
 */
export function resolvePltOf(
  process: ProcService,
  pc: bigint,
  lwpid: number | undefined,
  gotAt: (pc: bigint) => bigint | undefined,
): RdPltInfo {
  const model = process.pdmodel();
  const decoder = DECODERS.get(model.machine);
  if (decoder === undefined) {
    const known = [...DECODERS.keys()].map(machineName).join(", ");
    const what = `found linkage tables of ${machineName(model.machine)}, expected those of ${known}`;
    throw new RtldError("RD_NOCAPAB", process.name, what);
  }
  const read = (address: bigint, length: number) => process.pread(address, length);
  const thread = () => {
    const bytes = lwpid === undefined ? undefined : process.lgetregs(lwpid);
    return bytes === undefined ? undefined : Registers.of(bytes, model);
  };
  const got = (register: string) => {
    const registers = thread();
    return registers?.pc === pc ? registers.get(register) : gotAt(pc);
  };
  const word = (address: bigint) => readWords({ name: process.name, read }, address, 1, model)?.[0];
  return resolvePlt(decoder, { read, word, got }, pc);
}
