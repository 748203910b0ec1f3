/** XXH64 with seed 0 [xxHash specification 0.1.1], which ends Zstandard frames. On pairs of 32-bit halves. */
import { readI32 } from "./endian.ts";

/** 64 bits as two signed halves; arithmetic wraps. */
interface Word {
  low: number;
  high: number;
}

const word = (high: number, low: number): Word => ({ low: low | 0, high: high | 0 });

const P1 = word(0x9e3779b1, 0x85ebca87);
const P2 = word(0xc2b2ae3d, 0x27d4eb4f);
const P3 = word(0x165667b1, 0x9e3779f9);
const P4 = word(0x85ebca77, 0xc2b2ae63);
const P5 = word(0x27d4eb2f, 0x165667c5);

function add(to: Word, low: number, high: number): void {
  const sum = (to.low >>> 0) + (low >>> 0);
  to.high = (to.high + high + (sum > 0xffffffff ? 1 : 0)) | 0;
  to.low = sum | 0;
}

function multiply(to: Word, by: Word): void {
  const { low, high } = to;
  const a0 = low & 0xffff;
  const a1 = low >>> 16;
  const b0 = by.low & 0xffff;
  const b1 = by.low >>> 16;
  const cross = ((a0 * b0) >>> 16) + ((a1 * b0) & 0xffff) + a0 * b1;
  const carry = Math.floor(cross / 0x10000) + ((a1 * b0) >>> 16) + a1 * b1;
  to.high = (carry + Math.imul(high, by.low) + Math.imul(low, by.high)) | 0;
  to.low = Math.imul(low, by.low);
}

function rotate(to: Word, by: number): void {
  const { low, high } = to;
  to.low = (low << by) | (high >>> (32 - by));
  to.high = (high << by) | (low >>> (32 - by));
}

function xorShift(to: Word, by: number): void {
  const { low, high } = to;
  if (by < 32) {
    to.low = low ^ ((low >>> by) | (high << (32 - by)));
    to.high = high ^ (high >>> by);
  } else to.low = low ^ (high >>> (by - 32));
}

const scratch: Word = { low: 0, high: 0 };

function round(lane: Word, low: number, high: number): void {
  scratch.low = low;
  scratch.high = high;
  multiply(scratch, P2);
  add(lane, scratch.low, scratch.high);
  rotate(lane, 31);
  multiply(lane, P1);
}

/** The low 32 bits of the XXH64 of `bytes`, unsigned: what a frame stores. */
export function xxh64Low(bytes: Uint8Array): number {
  let at = 0;
  const hash = { ...P5 };
  if (bytes.length >= 32) {
    const a = { ...P1 };
    add(a, P2.low, P2.high);
    const b = { ...P2 };
    const c = word(0, 0);
    const d = word(~P1.high, ~P1.low);
    add(d, 1, 0);
    for (; at + 32 <= bytes.length; at += 32) {
      round(a, readI32(bytes, at, true), readI32(bytes, at + 4, true));
      round(b, readI32(bytes, at + 8, true), readI32(bytes, at + 12, true));
      round(c, readI32(bytes, at + 16, true), readI32(bytes, at + 20, true));
      round(d, readI32(bytes, at + 24, true), readI32(bytes, at + 28, true));
    }
    Object.assign(hash, word(0, 0));
    for (const [lane, by] of [
      [a, 1],
      [b, 7],
      [c, 12],
      [d, 18],
    ] as const) {
      const turned = { ...lane };
      rotate(turned, by);
      add(hash, turned.low, turned.high);
    }
    for (const lane of [a, b, c, d]) {
      const mixed = word(0, 0);
      round(mixed, lane.low, lane.high);
      mix(hash, mixed, 0, P1, P4);
    }
  }
  add(hash, bytes.length, 0);
  for (; at + 8 <= bytes.length; at += 8) {
    const input = word(0, 0);
    round(input, readI32(bytes, at, true), readI32(bytes, at + 4, true));
    mix(hash, input, 27, P1, P4);
  }
  if (at + 4 <= bytes.length) {
    const input = word(0, readI32(bytes, at, true));
    multiply(input, P1);
    mix(hash, input, 23, P2, P3);
    at += 4;
  }
  for (; at < bytes.length; at++) {
    const input = word(0, bytes[at] ?? 0);
    multiply(input, P5);
    mix(hash, input, 11, P1, word(0, 0));
  }
  xorShift(hash, 33);
  multiply(hash, P2);
  xorShift(hash, 29);
  multiply(hash, P3);
  xorShift(hash, 32);
  return hash.low >>> 0;
}

/** `hash = rotate(hash ^ input, by) * factor + term`; by 0 does not rotate. */
function mix(hash: Word, input: Word, by: number, factor: Word, term: Word): void {
  hash.low ^= input.low;
  hash.high ^= input.high;
  if (by !== 0) rotate(hash, by);
  multiply(hash, factor);
  add(hash, term.low, term.high);
}
