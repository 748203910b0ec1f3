/** Punycode [RFC 3492] as Rust's v0 mangling uses it for identifiers outside of ASCII. */
import { NOT_MANGLED } from "./parser.ts";

const BASE = 36;
const T_MIN = 1;
const T_MAX = 26;
const SKEW = 38;
const DAMP = 700;
const INITIAL_BIAS = 72;
const INITIAL_N = 128;

/**
 * @param ascii the plain characters
 * @param deltas where the others go, as punycode encodes it
 */
export function decodePunycode(ascii: string, deltas: string): string {
  const output = [...ascii];
  let n = INITIAL_N;
  let bias = INITIAL_BIAS;
  let i = 0;
  let at = 0;
  while (at < deltas.length) {
    const before = i;
    let weight = 1;
    for (let k = BASE; ; k += BASE) {
      const digit = digitOf(deltas.charAt(at));
      at += 1;
      i += digit * weight;
      const threshold = Math.min(Math.max(k - bias, T_MIN), T_MAX);
      if (digit < threshold) {
        break;
      }
      weight *= BASE - threshold;
    }
    const length = output.length + 1;
    bias = adapt(i - before, length, before === 0);
    n += Math.floor(i / length);
    i %= length;
    if (!Number.isSafeInteger(n) || n > 0x10ffff) {
      throw NOT_MANGLED;
    }
    output.splice(i, 0, String.fromCodePoint(n));
    i += 1;
  }
  return output.join("");
}

function digitOf(character: string): number {
  const value = /^[a-z]$/.test(character)
    ? character.charCodeAt(0) - 97
    : /^[0-9]$/.test(character)
      ? Number(character) + 26
      : undefined;
  if (value === undefined) {
    throw NOT_MANGLED;
  }
  return value;
}

function adapt(delta: number, length: number, first: boolean): number {
  let rest = Math.floor(delta / (first ? DAMP : 2));
  rest += Math.floor(rest / length);
  let k = 0;
  while (rest > Math.floor(((BASE - T_MIN) * T_MAX) / 2)) {
    rest = Math.floor(rest / (BASE - T_MIN));
    k += BASE;
  }
  return k + Math.floor(((BASE - T_MIN + 1) * rest) / (rest + SKEW));
}
