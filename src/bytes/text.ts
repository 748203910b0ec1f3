/** Names in binary tables: NUL-terminated UTF-8, most of them short and ASCII. */

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();
/** Up to this many bytes a loop over characters beats the decoder's set-up cost. */
const SHORT = 48;

/** Index of the first NUL at or after `from`, or -1. */
export function findNul(bytes: Uint8Array, from: number): number {
  return bytes.indexOf(0, from);
}

/** Bytes `start` to `end` (exclusive) as text. Bytes that are not UTF-8 come out as U+FFFD. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > SHORT) return decoder.decode(bytes.subarray(start, end));
  let text = "";
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte >= 0x80) return decoder.decode(bytes.subarray(start, end));
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Text as UTF-8, without a terminator. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}
