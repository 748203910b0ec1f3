/** Which encodings a mnemonic has: iced's opcode table, indexed by the names its formatters print. */
import {
  Code,
  CodeExt,
  DecoderOptions,
  EncodingKind,
  FormatMnemonicOptions,
  Formatter,
  FormatterSyntax,
  Instruction,
  MemorySizeExt,
  Mnemonic,
  type OpCodeInfo,
  OpCodeOperandKind,
  OpKind,
} from "iced-x86";

/** One encoding of an instruction, as plain data; iced's own objects live in wasm memory and must be freed. */
export interface Opcode {
  readonly code: Code;
  /** As the manuals print it, e.g. `MOV r64, r/m64`. */
  readonly form: string;
  readonly operands: readonly OpCodeOperandKind[];
  /** Bytes of the memory operand, 0 when it has no size of its own. */
  readonly memorySize: number;
  /** Bytes of one element where the memory operand can be broadcast, else 0. */
  readonly broadcastSize: number;
  readonly operandSize: number;
  readonly defaultSize64: boolean;
  readonly farMemory: boolean;
  /** Prefixes that mean something on it, as the text spells them. */
  readonly prefixes: ReadonlySet<string>;
  readonly mask: boolean;
  readonly maskRequired: boolean;
  readonly zeroing: boolean;
  readonly rounding: boolean;
  readonly suppressExceptions: boolean;
  /** The last operand of a legacy SSE4 blend or SHA instruction: XMM0, written by some and implied by the encoding. */
  readonly impliesXmm0: boolean;
  /** The mnemonic stands for this value of the last immediate, as `cmpltps` does for `cmpps …, 1`. */
  readonly pseudoImmediate: number | undefined;
}

/** Other spellings of condition codes; the first of each row is iced's. */
const CONDITIONS: readonly (readonly string[])[] = [
  ["b", "c", "nae"],
  ["ae", "nb", "nc"],
  ["e", "z"],
  ["ne", "nz"],
  ["be", "na"],
  ["a", "nbe"],
  ["p", "pe"],
  ["np", "po"],
  ["l", "nge"],
  ["ge", "nl"],
  ["le", "ng"],
  ["g", "nle"],
];

const CONDITIONAL = ["j", "set", "cmov", "fcmov"];

/** Spellings of the same instruction in other syntaxes, each with the name of iced's `Mnemonic`. */
const ALIASES: readonly (readonly [string, string])[] = [
  ["fwait", "wait"],
  ["retn", "ret"],
  ["xlat", "xlatb"],
  ["xlatb", "xlat"],
  ["movabs", "mov"],
  ["loopz", "loope"],
  ["loopnz", "loopne"],
  ["icebp", "int1"],
  ["ud2a", "ud2"],
];

/** String instructions whose size stands at the operands: `movs dword ptr es:[rdi], dword ptr gs:[rsi]`. */
export const STRING_STEMS: readonly string[] = ["movs", "cmps", "scas", "lods", "stos", "ins", "outs"];

/** Mnemonics whose last immediate chooses a predicate or a half, so that it has names of its own. */
const PSEUDO = /^(v?cmp(ps|pd|ss|sd|ph|sh)|vpcmpu?[bwdq]|vpcomu?[bwdq]|v?pclmulqdq)$/;

interface Candidate {
  readonly code: Code;
  readonly pseudoImmediate: number | undefined;
}

let index: ReadonlyMap<string, readonly Candidate[]> | undefined;
const opcodes = new Map<Code, Opcode>();

/**
 * The encodings in 64-bit mode that go by a name, in iced's order.
 *
 * @param name lower case, e.g. `mov`, `jz`, `vcmpltps`
 * @returns undefined for a name no instruction has
 */
export function opcodesNamed(name: string): readonly Opcode[] | undefined {
  index ??= buildIndex();
  return index.get(name)?.map(({ code, pseudoImmediate }) => ({ ...opcode(code), pseudoImmediate }));
}

/** All names that instructions go by. */
export function mnemonics(): readonly string[] {
  index ??= buildIndex();
  return [...index.keys()];
}

function buildIndex(): Map<string, Candidate[]> {
  const names = new Map<string, Candidate[]>();
  const formatter = new Formatter(FormatterSyntax.Masm);
  const add = (name: string, code: Code, pseudoImmediate?: number): void => {
    const list = names.get(name) ?? [];
    if (!list.some((known) => known.code === code)) {
      list.push({ code, pseudoImmediate });
    }
    names.set(name, list);
  };
  for (const value of Object.values(Code)) {
    if (typeof value !== "number") {
      continue;
    }
    const mnemonic = usableMnemonic(value);
    if (mnemonic === undefined) {
      continue;
    }
    // `loop` counts in rcx; the form that counts in ecx goes by `loopd` only, lest the one stand in for the other.
    if (!/^Loop\w*_ECX$/.test(Code[value])) {
      add(mnemonic, value);
    }
    const predicated = PSEUDO.test(mnemonic);
    const printed = predicated ? undefined : printedMnemonic(formatter, value);
    if (printed !== undefined) {
      add(printed, value);
    }
    if (predicated) {
      for (let immediate = 0; immediate < 32; immediate++) {
        const pseudo = printedMnemonic(formatter, value, immediate);
        if (pseudo !== undefined && pseudo !== mnemonic) {
          add(pseudo, value, immediate);
        }
      }
    }
  }
  formatter.free();
  addAliases(names);
  return names;
}

function addAliases(names: Map<string, Candidate[]>): void {
  const alias = (name: string, known: string): void => {
    const list = names.get(known);
    if (list !== undefined && !names.has(name)) {
      names.set(name, list);
    }
  };
  for (const [first, ...others] of CONDITIONS) {
    for (const stem of CONDITIONAL) {
      for (const other of others) {
        alias(`${stem}${other}`, `${stem}${first}`);
      }
    }
  }
  for (const [name, known] of ALIASES) {
    alias(name, known);
  }
  for (const stem of STRING_STEMS) {
    const sizes = ["b", "w", "d", "q"].flatMap((suffix) => names.get(`${stem}${suffix}`) ?? []);
    names.set(stem, sizes);
  }
}

/** The mnemonic of a code that means something to the processors of today, else undefined. */
function usableMnemonic(code: Code): string | undefined {
  const info = CodeExt.opCode(code);
  const usual = info.decoderOption === DecoderOptions.None || info.decoderOption === DecoderOptions.MPX;
  const usable =
    info.isInstruction && info.mode64 && usual && info.encoding !== EncodingKind.MVEX && !info.isReservedNop;
  const mnemonic = usable ? Mnemonic[info.mnemonic].toLowerCase() : undefined;
  info.free();
  return mnemonic;
}

/** The mnemonic as the formatter prints it, which depends on the predicate in the last immediate. */
function printedMnemonic(formatter: Formatter, code: Code, immediate?: number): string | undefined {
  const { operands } = opcode(code);
  const instruction = new Instruction();
  instruction.code = code;
  const last = operands.lastIndexOf(OpCodeOperandKind.imm8);
  if (immediate !== undefined && last >= 0) {
    instruction.setOpKind(last, OpKind.Immediate8);
    instruction.immediate8 = immediate;
  }
  const text = formatter.formatMnemonicOptions(instruction, FormatMnemonicOptions.NoPrefixes);
  instruction.free();
  return /^[a-z0-9_]+$/.test(text) ? text : undefined;
}

function prefixesOf(info: OpCodeInfo): Set<string> {
  const returns = info.mnemonic === Mnemonic.Ret;
  return new Set([
    ...(info.canUseLockPrefix ? ["lock"] : []),
    // `rep ret` was the advice for AMD's K8 and is still found in libraries.
    ...(info.canUseRepPrefix || returns ? ["rep", "repe", "repz"] : []),
    ...(info.canUseRepnePrefix ? ["repne", "repnz"] : []),
    ...(info.canUseBndPrefix ? ["bnd"] : []),
    ...(info.canUseNotrackPrefix ? ["notrack"] : []),
    ...(info.canUseXacquirePrefix ? ["xacquire"] : []),
    ...(info.canUseXreleasePrefix ? ["xrelease"] : []),
    ...(info.canUseHintTakenPrefix ? ["ht", "hnt", "hint-taken", "hint-not-taken"] : []),
  ]);
}

function opcode(code: Code): Opcode {
  const known = opcodes.get(code);
  if (known !== undefined) {
    return known;
  }
  const info = CodeExt.opCode(code);
  const operands = Array.from({ length: info.opCount }, (_, n) => info.opKind(n));
  const made: Opcode = {
    code,
    form: info.instructionString,
    operands,
    // Assemblers disagree on what to call the ten bytes of a descriptor table's register.
    memorySize: /^[LS][gi]dt_/.test(Code[code]) ? 0 : MemorySizeExt.size(info.memorySize),
    broadcastSize: info.canBroadcast ? MemorySizeExt.elementSize(info.broadcastMemorySize) : 0,
    operandSize: info.operandSize,
    defaultSize64: info.defaultOpSize64 || info.forceOpSize64,
    farMemory: /^(Call|Jmp)_m16(16|32|64)$/.test(Code[code]),
    prefixes: prefixesOf(info),
    mask: info.canUseOpMaskRegister,
    maskRequired: info.requireOpMaskRegister,
    zeroing: info.canUseZeroingMasking,
    rounding: info.canUseRoundingControl,
    suppressExceptions: info.canSuppressAllExceptions,
    impliesXmm0: info.instructionString.endsWith("<XMM0>"),
    pseudoImmediate: undefined,
  };
  info.free();
  opcodes.set(code, made);
  return made;
}
