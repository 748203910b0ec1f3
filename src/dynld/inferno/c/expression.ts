/** Integer constant expressions of C: lengths of arrays, values of enumerators, widths of bit-fields. */
import { syntaxError, type TokenReader } from "./tokens.ts";

/** What an expression may refer to. */
export interface ConstantScope {
  /** Value of an enumerator. */
  readonly constant: (name: string) => bigint | undefined;
  /** Reads a type name if one follows, and gives its size; `undefined` without taking anything if none does. */
  readonly sizeOfType: () => bigint | undefined;
}

/** Deeper brackets than this are no program's. */
const MAX_DEPTH = 200;

/** Binary operators by how tightly they bind. */
const OPERATORS: Readonly<Record<string, readonly [number, (a: bigint, b: bigint) => bigint]>> = {
  "||": [1, (a, b) => truth(a !== 0n || b !== 0n)],
  "&&": [2, (a, b) => truth(a !== 0n && b !== 0n)],
  "|": [3, (a, b) => a | b],
  "^": [4, (a, b) => a ^ b],
  "&": [5, (a, b) => a & b],
  "==": [6, (a, b) => truth(a === b)],
  "!=": [6, (a, b) => truth(a !== b)],
  "<": [7, (a, b) => truth(a < b)],
  ">": [7, (a, b) => truth(a > b)],
  "<=": [7, (a, b) => truth(a <= b)],
  ">=": [7, (a, b) => truth(a >= b)],
  "<<": [8, (a, b) => a << BigInt.asUintN(6, b)],
  ">>": [8, (a, b) => a >> BigInt.asUintN(6, b)],
  "+": [9, (a, b) => a + b],
  "-": [9, (a, b) => a - b],
  "*": [10, (a, b) => a * b],
  "/": [10, (a, b) => a / b],
  "%": [10, (a, b) => a % b],
};

function truth(value: boolean): bigint {
  return value ? 1n : 0n;
}

/** Reads an expression and works it out in 64 bits. @throws DynldError `DYNLD_BAD_TYPE` */
export function constantExpression(tokens: TokenReader, scope: ConstantScope, depth = 0): bigint {
  const condition = binary(tokens, scope, 1, depth);
  if (!tokens.accept("?")) return condition;
  const yes = constantExpression(tokens, scope, depth + 1);
  tokens.expect(":");
  const no = constantExpression(tokens, scope, depth + 1);
  return condition === 0n ? no : yes;
}

function binary(tokens: TokenReader, scope: ConstantScope, least: number, depth: number): bigint {
  let left = unary(tokens, scope, depth);
  for (;;) {
    const { kind, text, line } = tokens.peek();
    const [level, apply] = (kind === "mark" ? OPERATORS[text] : undefined) ?? [0, undefined];
    if (apply === undefined || level < least) return left;
    tokens.take();
    const right = binary(tokens, scope, level + 1, depth + 1);
    if ((text === "/" || text === "%") && right === 0n) throw syntaxError(line, "found a division by 0");
    left = BigInt.asIntN(64, apply(left, right));
  }
}

function unary(tokens: TokenReader, scope: ConstantScope, depth: number): bigint {
  if (depth > MAX_DEPTH) throw tokens.unexpected("an expression of fewer brackets");
  const token = tokens.peek();
  if (tokens.accept("-")) return -unary(tokens, scope, depth + 1);
  if (tokens.accept("+")) return unary(tokens, scope, depth + 1);
  if (tokens.accept("~")) return ~unary(tokens, scope, depth + 1);
  if (tokens.accept("!")) return truth(unary(tokens, scope, depth + 1) === 0n);
  if (tokens.accept("sizeof")) {
    tokens.expect("(");
    const size = scope.sizeOfType();
    if (size === undefined) throw tokens.unexpected("a type");
    tokens.expect(")");
    return size;
  }
  if (tokens.accept("(")) {
    if (scope.sizeOfType() !== undefined) {
      // A cast to a type, which is an integer's if the expression is to be a constant.
      tokens.expect(")");
      return unary(tokens, scope, depth + 1);
    }
    const inner = constantExpression(tokens, scope, depth + 1);
    tokens.expect(")");
    return inner;
  }
  const value = atom(token.kind, token.text, scope);
  if (value === undefined) throw tokens.unexpected("an integer constant");
  tokens.take();
  return value;
}

function atom(kind: string, text: string, scope: ConstantScope): bigint | undefined {
  if (kind === "name") return scope.constant(text);
  if (kind === "character") return characterValue(text);
  const [, digits] = /^(0[xX][0-9a-fA-F]{1,16}|\d{1,20})[uUlL]*$/.exec(text) ?? [];
  if (kind !== "number" || digits === undefined) return undefined;
  const octal = /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
  return /^0\d/.test(octal) ? undefined : BigInt(octal);
}

const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, b: 8, f: 12, v: 11, a: 7 };

function characterValue(text: string): bigint {
  const inner = text.replace(/^L?'/, "").slice(0, -1);
  const [, octal, hex, escaped] = /^\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|([\s\S]))$/.exec(inner) ?? [];
  if (octal !== undefined) return BigInt(`0o${octal}`);
  if (hex !== undefined) return BigInt(`0x${hex}`);
  if (escaped !== undefined) return BigInt(ESCAPES[escaped] ?? escaped.codePointAt(0) ?? 0);
  return BigInt(inner.codePointAt(0) ?? 0);
}
