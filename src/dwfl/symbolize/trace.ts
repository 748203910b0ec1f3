/** What a line of a kernel's or program's backtrace refers to. Only text is looked at here. */

/** A place of code that a line names. */
export type TraceReference = {
  /** The part of the line that names it. */
  readonly text: string;
  /**
   * It is where a call returns to: the call is before it. True of what is on a stack; of what was executed (`RIP:`, `pc :`,
   * frame `#0`, `WARNING: … at`) and of the start of a function not.
   */
  readonly isReturn: boolean;
} & (
  | {
      /** `func+0x12/0x80 [xfs]` */
      readonly kind: "kernel";
      readonly symbol: string;
      readonly offset: bigint;
      /** Of the function. */
      readonly size: bigint;
      readonly module: string | undefined;
    }
  /** `[<ffffffff81234567>]` */
  | { readonly kind: "address"; readonly address: bigint }
  | {
      /** `./prog(func+0x12) [0x5581…]`, and `./prog(+0x1139) [0x5581…]` without a symbol */
      readonly kind: "program";
      readonly file: string;
      readonly symbol: string | undefined;
      readonly offset: bigint | undefined;
      /** Where it was in the process. */
      readonly address: bigint;
    }
  | {
      /** `#1 0x7f3c… raise (libc.so.6 + 0x3c5d2)`: from where the file is mapped */
      readonly kind: "mapped";
      readonly file: string;
      readonly offset: bigint;
    }
  | {
      /** `#1 0x7f3c… in raise () from /lib/libc.so.6`: without an offset */
      readonly kind: "function";
      readonly file: string;
      readonly symbol: string;
      /** Where it was in the process. */
      readonly address: bigint;
    }
);

const HEX = "(?:0x)?([0-9a-fA-F]{1,16})";
/** Since Linux 5.15 the module may be followed by its build id: `[xfs 0123…]`. */
const KERNEL =
  /([A-Za-z_$][\w$.]*)\+0x([0-9a-f]{1,16})\/0x([0-9a-f]{1,16})(?:\s+\[([\w-]+)(?:\s+[0-9a-f]+)?\])?/g;
const BARE = /\[<([0-9a-f]{8,16})>\]/g;
/** What is executed, not returned to: of x86, arm, arm64 and riscv, powerpc; and the place of a WARN. */
const EXECUTED = /(?:\b[RE]?IP\s*:|\bpc :|\bPC is at|\bepc :|\bNIP\b|\bWARNING:.* at )/;
/** glibc writes `./prog(func+0x12) [0x5581…]`, and from its own code `./prog[0x401136]` for what is where it says. */
const PROGRAM = new RegExp(
  `(?:^|\\s)([^\\s()[\\]]+)(?:\\(([^()+\\s]*)(?:\\+${HEX})?\\)\\s*|(?<=/[^\\s]*))\\[${HEX}\\]`,
);
const FRAME = /^\s*#(\d+)\s/;
const MAPPED = new RegExp(`\\(([^\\s()]+) \\+ ${HEX}\\)\\s*$`);
const FUNCTION = new RegExp(`^\\s*#\\d+\\s+${HEX}\\s+in\\s+([^\\s(]+)\\s*\\(.*\\)\\s+from\\s+(\\S+)\\s*$`);

/** Longer lines are no backtrace, and patterns take long for them. */
const LONGEST = 4096;

/** All places that a line names, in order; empty for one that names none. */
export function traceReferences(line: string): TraceReference[] {
  if (line.length > LONGEST) return [];
  const kernel = [...kernelReferences(line)];
  if (kernel.length > 0) return kernel;
  const own = programReference(line) ?? frameReference(line);
  if (own !== undefined) return [own];
  const isReturn = !EXECUTED.test(line);
  return [...line.matchAll(BARE)].map(([text, address = ""]) => ({
    kind: "address",
    text,
    isReturn,
    address: BigInt(`0x${address}`),
  }));
}

function* kernelReferences(line: string): IterableIterator<TraceReference> {
  const isExecuted = EXECUTED.test(line);
  for (const [text, symbol = "", from = "", length = "", module] of line.matchAll(KERNEL)) {
    const offset = BigInt(`0x${from}`);
    const size = BigInt(`0x${length}`);
    yield { kind: "kernel", text, isReturn: !isExecuted && offset > 0n, symbol, offset, size, module };
  }
}

/** A line of `backtrace_symbols` [backtrace(3)]. */
function programReference(line: string): TraceReference | undefined {
  const [text, file, symbol, offset, address] = PROGRAM.exec(line) ?? [];
  if (text === undefined || file === undefined || address === undefined) return undefined;
  return {
    kind: "program",
    text: text.trim(),
    isReturn: true,
    file,
    symbol: symbol === "" ? undefined : symbol,
    offset: offset === undefined ? undefined : BigInt(`0x${offset}`),
    address: BigInt(`0x${address}`),
  };
}

/** A line of gdb's `backtrace`, or of what `coredumpctl` shows. */
function frameReference(line: string): TraceReference | undefined {
  const number = FRAME.exec(line)?.[1];
  if (number === undefined) return undefined;
  const isReturn = number !== "0";
  const [mapped, file, offset] = MAPPED.exec(line) ?? [];
  if (mapped !== undefined && file !== undefined && offset !== undefined) {
    return { kind: "mapped", text: mapped.trim(), isReturn, file, offset: BigInt(`0x${offset}`) };
  }
  const [text, address, symbol, library] = FUNCTION.exec(line) ?? [];
  if (text === undefined || address === undefined || symbol === undefined || library === undefined) {
    return undefined;
  }
  return {
    kind: "function",
    text: text.trim(),
    isReturn,
    file: library,
    symbol,
    address: BigInt(`0x${address}`),
  };
}
