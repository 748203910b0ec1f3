/** Bytes as lines of sixteen, with their addresses and what they are as text. */

const WIDTH = 16;

/** Lines of `bytes`, the first of which is at `address`. */
export function* dumpLines(bytes: Uint8Array, address: bigint): Generator<string, void, undefined> {
  for (let at = 0; at < bytes.length; at += WIDTH) {
    const row = bytes.subarray(at, at + WIDTH);
    const hex = Buffer.from(row).toString("hex");
    const groups = hex.match(/.{1,8}/g) ?? [];
    const text = Array.from(row, (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".",
    ).join("");
    const where = (address + BigInt(at)).toString(16).padStart(8, "0");
    yield `  ${where}  ${groups.join(" ").padEnd(35)}  ${text}`;
  }
}
