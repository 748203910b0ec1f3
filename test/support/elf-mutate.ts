/** Damage done to binary files on purpose, aimed at the fields that readers trust. */
import type { Random } from "./elf-random.ts";

/** Numbers that readers stumble over. */
const INTERESTING = [
  0, 1, 2, 3, 7, 8, 0x7f, 0x80, 0xff, 0xff00, 0xfff1, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
];

/** A copy of `image` with one to eight changes inside `from` to `to`. */
export function mutate(image: Uint8Array, random: Random, from: number, to: number): Uint8Array {
  // Not slice(): that of a Buffer is a view, and damage would add up in the original.
  const copy = new Uint8Array(image);
  const end = Math.min(to, copy.length);
  const changes = 1 + random.below(8);
  for (let i = 0; i < changes; i++) {
    const at = from + random.below(Math.max(1, end - from));
    switch (random.below(6)) {
      case 0:
        copy[at] = random.below(256);
        break;
      case 1:
        copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 2:
        write(copy, at & ~1, 2, random.pick(INTERESTING), random.below(2) === 0);
        break;
      case 3:
        write(copy, at & ~3, 4, random.pick(INTERESTING), random.below(2) === 0);
        break;
      case 4: {
        const wide = random.below(2) === 0 ? 0 : random.pick(INTERESTING);
        write(copy, at & ~7, 4, random.pick(INTERESTING), true);
        write(copy, (at & ~7) + 4, 4, wide, true);
        break;
      }
      default:
        copy.copyWithin(at, from + random.below(Math.max(1, end - from)), end);
    }
  }
  // Now and then the file just ends.
  return random.below(16) === 0 ? copy.subarray(0, random.below(copy.length)) : copy;
}

function write(bytes: Uint8Array, at: number, size: number, value: number, little: boolean): void {
  for (let i = 0; i < size; i++) {
    const shift = little ? i * 8 : (size - 1 - i) * 8;
    if (at + i < bytes.length) bytes[at + i] = (value >>> shift) & 0xff;
  }
}
