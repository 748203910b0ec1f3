/** Signals as gdb numbers them, which is the same for all systems [gdb, include/gdb/signals.def]. */

/** Linux's number of each, from 1 on; 0 for those that Linux does not have [signal(7)]. */
const FIRST = [
  1, 2, 3, 4, 5, 6, 0, 8, 9, 7, 11, 31, 13, 14, 15, 23, 19, 20, 18, 17, 21, 22, 29, 24, 25, 26, 27, 28, 0, 10,
  12, 30, 29,
];
/** Real-time signals 33 to 63 are numbers 45 on; 32 and 64 have others. */
const FIRST_REAL_TIME = 45;
const OTHERS: ReadonlyMap<number, number> = new Map([
  [77, 32],
  [78, 64],
]);

/** Linux's number of a signal; 0 for one that it does not have. */
export function hostSignal(signal: number): number {
  const known = FIRST[signal - 1] ?? OTHERS.get(signal);
  if (known !== undefined) return known;
  const realTime = signal - FIRST_REAL_TIME;
  return realTime >= 0 && realTime <= 30 ? 33 + realTime : 0;
}
