/** What `/proc/PID/status` says of signals [proc(5)]. */

/** Whether a signal is on its way to a process, or to its first thread. @param status the text; `undefined` if there is none */
export function isPending(status: string | undefined, signal: number): boolean {
  return [...(status ?? "").matchAll(/^(?:SigPnd|ShdPnd):\s*([0-9a-f]+)$/gm)].some(
    ([, set]) => (BigInt(`0x${set}`) & (1n << BigInt(signal - 1))) !== 0n,
  );
}
