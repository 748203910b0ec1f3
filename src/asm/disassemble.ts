/** Disassembly in the syntax that the assembler of this folder reads back. */
import {
  Code,
  Decoder,
  DecoderOptions,
  FlowControl,
  Formatter,
  FormatterSyntax,
  type Instruction,
  MemorySizeOptions,
} from "iced-x86";

/** How to show the instructions. */
export interface DisassembleOptions {
  /** Names an address, e.g. `add` or `add+0x10`; undefined when it has no name. */
  readonly symbolize?: (address: bigint) => string | undefined;
  /** 32 for code of i386; 64 if not said. */
  readonly bits?: 32 | 64;
}

/** One instruction. */
export interface DisassembledLine {
  readonly address: bigint;
  /** A view of the input. */
  readonly bytes: Uint8Array;
  /** Intel syntax with sizes spelled out; `(bad)` for bytes that are no instruction. */
  readonly text: string;
  /** Address that a direct branch goes to or a rip-relative operand points at. */
  readonly target: bigint | undefined;
}

/**
 * Decodes x86-64 machine code, or that of i386.
 *
 * Targets with a name are shown as gdb does: `call 0x401126 <add>` and
 * `mov rax, qword ptr [rip+0x2ee2] # 0x404010 <counter>`. Bytes that are no instruction make a `(bad)` line and
 * decoding goes on behind them, so this never throws.
 *
 * @param bytes the code
 * @param address where its first byte is
 */
export function disassemble(
  bytes: Uint8Array,
  address: bigint,
  options: DisassembleOptions = {},
): DisassembledLine[] {
  const decoder = new Decoder(options.bits ?? 64, bytes, DecoderOptions.None);
  const formatter = makeFormatter();
  const lines: DisassembledLine[] = [];
  try {
    decoder.ip = address;
    while (decoder.canDecode) {
      const start = decoder.position;
      const instruction = decoder.decode();
      try {
        if (instruction.isInvalid) {
          // As objdump does: the byte is bad, the next one may begin an instruction.
          decoder.position = start + 1;
          decoder.ip = address + BigInt(start + 1);
        }
        const target = targetOf(instruction);
        const text = instruction.isInvalid
          ? "(bad)"
          : withTarget(format(formatter, instruction), instruction, target, options);
        const view = bytes.subarray(start, decoder.position);
        lines.push({ address: address + BigInt(start), bytes: view, text, target });
      } finally {
        instruction.free();
      }
    }
  } finally {
    formatter.free();
    decoder.free();
  }
  return lines;
}

function makeFormatter(): Formatter {
  const formatter = new Formatter(FormatterSyntax.Masm);
  formatter.hexPrefix = "0x";
  formatter.hexSuffix = "";
  formatter.uppercaseHex = false;
  formatter.addLeadingZeroToHexNumbers = false;
  formatter.branchLeadingZeros = false;
  formatter.showBranchSize = false;
  formatter.ripRelativeAddresses = true;
  formatter.spaceAfterOperandSeparator = true;
  formatter.memorySizeOptions = MemorySizeOptions.Always;
  return formatter;
}

/** MASM writes the one-byte breakpoint as `int 3`, which is another instruction of two bytes. */
function format(formatter: Formatter, instruction: Instruction): string {
  return instruction.code === Code.Int3 ? "int3" : formatter.format(instruction);
}

function targetOf(instruction: Instruction): bigint | undefined {
  if (instruction.isIpRelMemoryOperand) {
    return instruction.ipRelMemoryAddress;
  }
  switch (instruction.flowControl) {
    case FlowControl.Call:
    case FlowControl.ConditionalBranch:
    case FlowControl.UnconditionalBranch:
    case FlowControl.XbeginXabortXend:
      return instruction.nearBranchTarget === 0n ? undefined : instruction.nearBranchTarget;
    default:
      return undefined;
  }
}

function withTarget(
  text: string,
  instruction: Instruction,
  target: bigint | undefined,
  options: DisassembleOptions,
): string {
  if (target === undefined) {
    return text;
  }
  const name = options.symbolize?.(target);
  const remark = name === undefined ? "" : ` <${name}>`;
  return instruction.isIpRelMemoryOperand
    ? `${text} # 0x${target.toString(16)}${remark}`
    : `${text}${remark}`;
}
