/**
 * The calls that led to where a thread is: by call frame information where there is some, else by how code of the machine
 * keeps its frames [x86-64 psABI and Intel386 psABI, "The Stack Frame"; AAPCS64, "The Frame Pointer"].
 */
import { registerName } from "../../dwarf/constants/register.ts";
import { evaluateValue } from "../../dwarf/read/expression/evaluate.ts";
import type { Expression } from "../../dwarf/read/expression/expression.ts";
import type { RegisterRule } from "../../dwarf/read/frame/row.ts";
import { BinderyError } from "../../errors.ts";
import type { Registers } from "../registers.ts";
import type { FrameRules } from "./code-file.ts";
import type { CodeMap, CodePlace } from "./code-map.ts";
import type { ReadProcess } from "./jit-list.ts";
import { type StackMachine, stackOf } from "./stack-machine.ts";

/** One call that is not done yet. */
export interface Frame {
  /** What is executed next in it: where it stopped, or where the call in it returns to. */
  readonly pc: bigint;
  /** The stack pointer in the caller, as it was before the call; `undefined` of the last frame. */
  readonly cfa: bigint | undefined;
  /** What is there. */
  readonly place: CodePlace;
  /** It is what the kernel put there to call a signal's handler, which is the frame before. */
  readonly isSignalTrampoline: boolean;
}

/** Registers of a frame by DWARF number; those that are lost are missing. */
type FrameRegisters = Map<number, bigint>;

interface State {
  readonly pc: bigint;
  /** The instruction at `pc` is next, and not one behind a call. */
  readonly isExact: boolean;
  readonly registers: FrameRegisters;
}

interface Caller extends State {
  readonly cfa: bigint;
}

/** Farthest that frames lie apart where only the frame pointer says where. */
const LARGEST_FRAME = 1n << 24n;
/** `push %rbp`. */
const PUSH_RBP = 0x55;
/** `call` with a distance, and the opcode that is an indirect one with 2 in the middle of its next byte. */
const CALL_NEAR = 0xe8;
const CALL_INDIRECT = 0xff;
const INDIRECT_CALL = 0x10;
/** Bytes of the longest of these, without prefixes. */
const LONGEST_CALL = 7;

/** What is needed of the process. */
export interface BacktraceHost {
  readonly code: CodeMap;
  /** Memory without breakpoints. */
  readonly read: ReadProcess;
  /** Machine of the process: an `EM_` value. Of those that are not known there is one frame only. */
  readonly machine: number;
}

interface Host extends BacktraceHost {
  readonly stack: StackMachine;
}

/** Frames of a stopped thread, the innermost first. Ends where the callers end, or can't be found. */
export function* backtrace(process: BacktraceHost, registers: Registers): Generator<Frame> {
  const stack = stackOf(process.machine);
  if (stack === undefined) {
    const { pc } = registers;
    yield { pc, cfa: undefined, place: process.code.at(pc), isSignalTrampoline: false };
    return;
  }
  const host = { ...process, stack };
  const known = dwarfRegisters(stack, registers);
  let state: State | undefined = { pc: registers.pc, isExact: true, registers: known };
  while (state !== undefined) {
    const caller: Caller | undefined = callerOf(host, state);
    const { pc, isExact } = state;
    const isSignalTrampoline = caller?.isExact === true;
    yield { pc, cfa: caller?.cfa, place: host.code.at(pc, !isExact), isSignalTrampoline };
    state = caller;
  }
}

function dwarfRegisters({ machine, ip }: StackMachine, registers: Registers): FrameRegisters {
  const found: FrameRegisters = new Map();
  // That of the instruction pointer is the last.
  for (let number = 0; number <= ip; number++) {
    const name = registerName(machine, number);
    if (registers.names.includes(name)) found.set(number, registers.get(name));
  }
  return found;
}

/** The frame that called; `undefined` if there is none, or it can't be found. */
function callerOf(host: Host, state: State): Caller | undefined {
  const rules = host.code.frameAt(state.isExact ? state.pc : state.pc - 1n);
  const caller = rules === undefined ? withoutRules(host, state) : attempt(() => byRules(host, state, rules));
  if (caller === undefined || caller.pc === 0n) return undefined;
  // Stacks grow downwards; a frame that a signal's handler interrupted may be on another one.
  const [sp, before] = [caller.registers.get(host.stack.sp), state.registers.get(host.stack.sp)];
  const isStuck = sp === before && caller.pc === state.pc;
  const goesBack = sp !== undefined && before !== undefined && sp < before && !caller.isExact;
  return isStuck || goesBack ? undefined : caller;
}

function byRules(host: Host, { registers, isExact }: State, { fde, row }: FrameRules): Caller | undefined {
  const { read, stack } = host;
  const evaluated = (expression: Expression, values: readonly bigint[]): bigint => {
    const value = evaluateValue(expression, {
      register: (number) => known(registers.get(number)),
      memory: (address, size) => known(read(address, size)),
      stack: values,
    });
    return asAddress(stack, value.bits);
  };
  const { cfa: rule, rules } = row;
  let cfa: bigint;
  if (rule.kind === "register") cfa = known(registers.get(rule.register)) + BigInt(rule.offset);
  else if (rule.kind === "expression") cfa = evaluated(rule.expression, []);
  else return undefined;
  cfa = asAddress(stack, cfa);
  const valueBy = (number: number, one: RegisterRule): bigint | undefined => {
    switch (one.kind) {
      case "undefined":
        return undefined;
      case "same_value":
        return registers.get(number);
      case "offset":
        return word(host, cfa + BigInt(one.offset));
      case "val_offset":
        return asAddress(stack, cfa + BigInt(one.offset));
      case "register":
        return registers.get(one.register);
      case "expression":
        return word(host, evaluated(one.expression, [cfa]));
      case "val_expression":
        return evaluated(one.expression, [cfa]);
      case "constant":
        return asAddress(stack, BigInt(one.value));
    }
  };
  const caller: FrameRegisters = new Map(registers);
  caller.set(stack.sp, cfa);
  for (const [number, one] of rules) {
    const value = valueBy(number, one);
    if (value === undefined) caller.delete(number);
    else caller.set(number, value);
  }
  const { returnAddressRegister, isSignalFrame } = fde.cie;
  // Without a rule for it the address would be this frame's own again, unless it calls nothing and has it in a register.
  const isThere = rules.has(returnAddressRegister) || (isExact && stack.link === returnAddressRegister);
  const pc = isThere ? caller.get(returnAddressRegister) : undefined;
  if (pc === undefined) return undefined;
  caller.set(stack.ip, pc);
  return { pc, isExact: isSignalFrame, registers: caller, cfa };
}

/** Where nothing says how: generated code, mostly, and assembly; it has a frame pointer or no frame at all. */
function withoutRules(host: Host, { pc, isExact, registers }: State): Caller | undefined {
  const { fp, sp: pointer, word: size } = host.stack;
  const sp = registers.get(pointer);
  if (sp === undefined) return undefined;
  const linked = isExact ? byLink(host, pc, registers, sp) : undefined;
  if (linked !== undefined) return linked;
  const depth = depthOfFrame(host, isExact ? pc : pc - 1n);
  const frameless = depth === undefined ? undefined : returning(host, registers, sp + depth);
  // A function that called another one may have put more on the stack than is known.
  if (frameless !== undefined && (isExact || isBehindCall(host.read, frameless.pc))) return frameless;
  const frame = registers.get(fp);
  if (frame === undefined || frame < sp || frame - sp > LARGEST_FRAME) return undefined;
  const before = word(host, frame);
  const caller = returning(host, registers, frame + BigInt(size));
  if (before === undefined || caller === undefined) return undefined;
  caller.registers.set(fp, before);
  return caller;
}

/** Of a machine whose calls leave the return address in a register, at a function's first instruction, or where none is. */
function byLink(
  { stack, code, read }: Host,
  pc: bigint,
  registers: FrameRegisters,
  sp: bigint,
): Caller | undefined {
  const link = stack.link === undefined ? undefined : registers.get(stack.link);
  if (link === undefined || (code.at(pc).symbol?.offset !== 0n && read(pc, 1) !== undefined))
    return undefined;
  return { pc: link, isExact: false, registers: new Map(registers).set(stack.ip, link), cfa: sp };
}

/** Whether the instruction before an address is a call, so that it may be a return address [Intel SDM, vol. 2, "CALL"]. */
function isBehindCall(read: ReadProcess, address: bigint): boolean {
  const bytes = read(address - BigInt(LONGEST_CALL), LONGEST_CALL);
  if (bytes === undefined) return false;
  if (bytes[LONGEST_CALL - 5] === CALL_NEAR) return true;
  // Indirect ones: with a register, and with 0, 1 or 4 bytes of distance, behind a SIB byte or not.
  return [2, 3, 4, 6, 7].some(
    (length) =>
      bytes[LONGEST_CALL - length] === CALL_INDIRECT &&
      ((bytes[LONGEST_CALL - length + 1] ?? 0) & 0x38) === INDIRECT_CALL,
  );
}

/** The caller of a frame whose return address is at `at`. */
function returning(host: Host, registers: FrameRegisters, at: bigint): Caller | undefined {
  const pc = word(host, at);
  if (pc === undefined) return undefined;
  const cfa = at + BigInt(host.stack.word);
  const caller: FrameRegisters = new Map(registers);
  caller.set(host.stack.sp, cfa).set(host.stack.ip, pc);
  return { pc, isExact: false, registers: caller, cfa };
}

/**
 * Bytes from the stack pointer to the return address, in a function of which only the beginning is known; `undefined` where
 * its frame pointer is set up already, or it has no name. What is not mapped was called by mistake, and has done nothing.
 */
function depthOfFrame({ code, read, stack }: Host, pc: bigint): bigint | undefined {
  if (stack.link !== undefined) return undefined;
  if (read(pc, 1) === undefined) return 0n;
  const offset = code.at(pc).symbol?.offset;
  if (offset === undefined) return undefined;
  const start = pc - offset;
  const bytes = read(start, 8) ?? read(start, 1) ?? new Uint8Array(0);
  const hexadecimal = [...bytes].map((byte) => byte.toString(16));
  const marked = hexadecimal.slice(0, 4).join() === stack.endbr ? 4 : 0;
  if (bytes[marked] !== PUSH_RBP) return 0n;
  const done = Number(offset) - marked;
  if (done <= 0) return 0n;
  const rest = `${hexadecimal.slice(marked + 1).join()},`;
  const moves = stack.moves.some((one) => rest.startsWith(`${one},`));
  return done === 1 || !moves ? BigInt(stack.word) : undefined;
}

function word({ read, stack }: Host, address: bigint): bigint | undefined {
  const bytes = read(asAddress(stack, address), stack.word);
  if (bytes === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return stack.word === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true));
}

function asAddress({ word: size }: StackMachine, value: bigint): bigint {
  return BigInt.asUintN(8 * size, value);
}

/** What rules ask for and is lost. */
class Lost extends Error {}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Lost();
  return value;
}

/** Rules that can't be followed end a backtrace. */
function attempt<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof BinderyError || error instanceof Lost) return undefined;
    throw error;
  }
}
