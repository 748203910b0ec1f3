/**
 * The calls that led to where a thread is: by call frame information where there is some, else by how x86_64 code keeps its
 * frames [x86-64 psABI, "The Stack Frame"].
 */
import { DW_REG_X86_64 } from "../../dwarf/constants/register.ts";
import { evaluateValue } from "../../dwarf/read/expression/evaluate.ts";
import type { Expression } from "../../dwarf/read/expression/expression.ts";
import type { RegisterRule } from "../../dwarf/read/frame/row.ts";
import { BinderyError } from "../../errors.ts";
import type { Registers } from "../registers.ts";
import type { FrameRules } from "./code-file.ts";
import type { CodeMap, CodePlace } from "./code-map.ts";
import type { ReadProcess } from "./jit-list.ts";

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

const { rbp: RBP, rsp: RSP, rip: RIP } = DW_REG_X86_64;
/** A call's return address. */
const WORD = 8n;
/** Farthest that frames lie apart where only the frame pointer says where. */
const LARGEST_FRAME = 1n << 24n;
/** `push %rbp`, and the two ways to write `mov %rsp,%rbp`. */
const PUSH_RBP = 0x55;
const MOVES = ["48,89,e5", "48,8b,ec"];
const ENDBR64 = "f3,f,1e,fa";
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
}

/** Frames of a stopped thread, the innermost first. Ends where the callers end, or can't be found. */
export function* backtrace(host: BacktraceHost, registers: Registers): Generator<Frame> {
  let state: State | undefined = { pc: registers.pc, isExact: true, registers: dwarfRegisters(registers) };
  while (state !== undefined) {
    const caller: Caller | undefined = callerOf(host, state);
    const { pc, isExact } = state;
    const isSignalTrampoline = caller?.isExact === true;
    yield { pc, cfa: caller?.cfa, place: host.code.at(pc, !isExact), isSignalTrampoline };
    state = caller;
  }
}

function dwarfRegisters(registers: Registers): FrameRegisters {
  const found: FrameRegisters = new Map();
  for (const [name, number] of Object.entries(DW_REG_X86_64)) {
    found.set(number, registers.get(name as keyof typeof DW_REG_X86_64));
  }
  return found;
}

/** The frame that called; `undefined` if there is none, or it can't be found. */
function callerOf(host: BacktraceHost, state: State): Caller | undefined {
  const rules = host.code.frameAt(state.isExact ? state.pc : state.pc - 1n);
  const caller = rules === undefined ? withoutRules(host, state) : attempt(() => byRules(host, state, rules));
  if (caller === undefined || caller.pc === 0n) return undefined;
  // Stacks grow downwards; a frame that a signal's handler interrupted may be on another one.
  const [sp, before] = [caller.registers.get(RSP), state.registers.get(RSP)];
  const isStuck = sp === before && caller.pc === state.pc;
  const goesBack = sp !== undefined && before !== undefined && sp < before && !caller.isExact;
  return isStuck || goesBack ? undefined : caller;
}

function byRules(
  { read }: BacktraceHost,
  { registers }: State,
  { fde, row }: FrameRules,
): Caller | undefined {
  const evaluated = (expression: Expression, stack: readonly bigint[]): bigint => {
    const value = evaluateValue(expression, {
      register: (number) => known(registers.get(number)),
      memory: (address, size) => known(read(address, size)),
      stack,
    });
    return BigInt.asUintN(64, value.bits);
  };
  const { cfa: rule, rules } = row;
  let cfa: bigint;
  if (rule.kind === "register") cfa = known(registers.get(rule.register)) + BigInt(rule.offset);
  else if (rule.kind === "expression") cfa = evaluated(rule.expression, []);
  else return undefined;
  cfa = BigInt.asUintN(64, cfa);
  const valueBy = (number: number, one: RegisterRule): bigint | undefined => {
    switch (one.kind) {
      case "undefined":
        return undefined;
      case "same_value":
        return registers.get(number);
      case "offset":
        return word(read, cfa + BigInt(one.offset));
      case "val_offset":
        return BigInt.asUintN(64, cfa + BigInt(one.offset));
      case "register":
        return registers.get(one.register);
      case "expression":
        return word(read, evaluated(one.expression, [cfa]));
      case "val_expression":
        return evaluated(one.expression, [cfa]);
      case "constant":
        return BigInt.asUintN(64, BigInt(one.value));
    }
  };
  const caller: FrameRegisters = new Map(registers);
  caller.set(RSP, cfa);
  for (const [number, one] of rules) {
    const value = valueBy(number, one);
    if (value === undefined) caller.delete(number);
    else caller.set(number, value);
  }
  const { returnAddressRegister, isSignalFrame } = fde.cie;
  // Without a rule for it the address would be this frame's own again.
  const pc = rules.has(returnAddressRegister) ? caller.get(returnAddressRegister) : undefined;
  if (pc === undefined) return undefined;
  caller.set(RIP, pc);
  return { pc, isExact: isSignalFrame, registers: caller, cfa };
}

/** Where nothing says how: generated code, mostly, and assembly; it has a frame pointer or no frame at all. */
function withoutRules(host: BacktraceHost, { pc, isExact, registers }: State): Caller | undefined {
  const sp = registers.get(RSP);
  if (sp === undefined) return undefined;
  const depth = depthOfFrame(host, isExact ? pc : pc - 1n);
  const frameless = depth === undefined ? undefined : returning(host.read, registers, sp + depth);
  // A function that called another one may have put more on the stack than is known.
  if (frameless !== undefined && (isExact || isBehindCall(host.read, frameless.pc))) return frameless;
  const frame = registers.get(RBP);
  if (frame === undefined || frame < sp || frame - sp > LARGEST_FRAME) return undefined;
  const before = word(host.read, frame);
  const caller = returning(host.read, registers, frame + WORD);
  if (before === undefined || caller === undefined) return undefined;
  caller.registers.set(RBP, before);
  return caller;
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
function returning(read: ReadProcess, registers: FrameRegisters, at: bigint): Caller | undefined {
  const pc = word(read, at);
  if (pc === undefined) return undefined;
  const cfa = at + WORD;
  const caller: FrameRegisters = new Map(registers);
  caller.set(RSP, cfa).set(RIP, pc);
  return { pc, isExact: false, registers: caller, cfa };
}

/**
 * Bytes from the stack pointer to the return address, in a function of which only the beginning is known; `undefined` where
 * its frame pointer is set up already, or it has no name. What is not mapped was called by mistake, and has done nothing.
 */
function depthOfFrame({ code, read }: BacktraceHost, pc: bigint): bigint | undefined {
  if (read(pc, 1) === undefined) return 0n;
  const offset = code.at(pc).symbol?.offset;
  if (offset === undefined) return undefined;
  const start = pc - offset;
  const bytes = read(start, 8) ?? read(start, 1) ?? new Uint8Array(0);
  const hexadecimal = [...bytes].map((byte) => byte.toString(16));
  const marked = hexadecimal.slice(0, 4).join() === ENDBR64 ? 4 : 0;
  if (bytes[marked] !== PUSH_RBP) return 0n;
  const done = Number(offset) - marked;
  if (done <= 0) return 0n;
  const moves = MOVES.includes(hexadecimal.slice(marked + 1, marked + 4).join());
  return done === 1 || !moves ? WORD : undefined;
}

function word(read: ReadProcess, address: bigint): bigint | undefined {
  const bytes = read(BigInt.asUintN(64, address), 8);
  return bytes === undefined ? undefined : new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
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
