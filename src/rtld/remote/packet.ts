/**
 * Packets of gdb's remote protocol: `$payload#checksum`, each of whose bytes is a character of one byte here [GDB manual,
 * "Remote Protocol", Overview].
 */

/** A packet, or a notification, which is not answered. */
export interface Packet {
  readonly kind: "packet" | "notification";
  readonly payload: string;
  /** Whether it is as it was sent, by its checksum. */
  readonly isWhole: boolean;
}

/** What comes from a stub: besides packets, that one of ours arrived there, or arrived damaged. */
export type Frame = Packet | { readonly kind: "ack" | "nak" };

const PACKET = 0x24;
const NOTIFICATION = 0x25;
const END = 0x23;
const ACK = 0x2b;
const NAK = 0x2d;
const RUN = 0x2a;
const ESCAPE = 0x7d;
/** What is added to a count of repetitions, so that it can be printed. */
const RUN_BASE = 29;
/** Most bytes that a packet may have, sent and expanded; no stub has more than some 16 KiB. */
const LONGEST = 2 ** 22;

/** A payload as it is sent. Binary data in it is escaped already. */
export function framed(payload: string): Buffer {
  const bytes = Buffer.from(payload, "latin1");
  const sum = checksum(bytes).toString(16).padStart(2, "0");
  return Buffer.concat([Buffer.from("$"), bytes, Buffer.from(`#${sum}`)]);
}

function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum += byte;
  return sum & 0xff;
}

/** Binary data as it is in a packet that is sent: what has a meaning there is escaped. */
export function escaped(bytes: Uint8Array): string {
  const out: number[] = [];
  for (const byte of bytes) {
    if (byte === PACKET || byte === END || byte === ESCAPE || byte === RUN) out.push(ESCAPE, byte ^ 0x20);
    else out.push(byte);
  }
  return Buffer.from(out).toString("latin1");
}

/** Binary data out of a payload. */
export function unescaped(text: string): Uint8Array {
  const bytes = Buffer.from(text, "latin1");
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    bytes[length++] = byte === ESCAPE && at + 1 < bytes.length ? (bytes[++at] ?? 0) ^ 0x20 : byte;
  }
  return Uint8Array.from(bytes.subarray(0, length));
}

/** Two digits a byte; `undefined` if the text is something else. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || /[^0-9a-f]/i.test(text)) return undefined;
  return Uint8Array.from(Buffer.from(text, "hex"));
}

/** Two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

/** Undoes run-length encoding; `undefined` if it makes no sense, or too much of it. */
function expanded(raw: Uint8Array): string | undefined {
  const text = Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString("latin1");
  if (!raw.includes(RUN)) return text;
  let length = 0;
  const pieces: string[] = [];
  let from = 0;
  for (let at = raw.indexOf(RUN); at >= 0; at = raw.indexOf(RUN, from)) {
    const count = (raw[at + 1] ?? 0) - RUN_BASE;
    pieces.push(text.slice(from, at));
    // The byte before may itself be the last of a run.
    const before = pieces.at(-1)?.at(-1) ?? pieces.at(-2)?.at(-1);
    length += at - from + count;
    if (before === undefined || count < 0 || length > LONGEST) return undefined;
    pieces.push(before.repeat(count));
    from = at + 2;
  }
  return pieces.join("") + text.slice(from);
}

/** Finds packets in what comes in pieces. What is between them is passed over. */
export class PacketReader {
  #pending: Buffer = Buffer.alloc(0);

  /** Takes a piece in. */
  push(piece: Uint8Array): void {
    this.#pending = this.#pending.length === 0 ? Buffer.from(piece) : Buffer.concat([this.#pending, piece]);
  }

  /** Forgets what came and was not taken. */
  clear(): void {
    this.#pending = Buffer.alloc(0);
  }

  /** The next that is there. */
  next(): Frame | undefined {
    for (let at = 0; at < this.#pending.length; at++) {
      const byte = this.#pending[at];
      if (byte === ACK || byte === NAK) {
        this.#drop(at + 1);
        return { kind: byte === ACK ? "ack" : "nak" };
      }
      if (byte === PACKET || byte === NOTIFICATION) {
        this.#drop(at);
        return this.#packet(byte === PACKET ? "packet" : "notification");
      }
    }
    this.clear();
    return undefined;
  }

  #packet(kind: Packet["kind"]): Frame | undefined {
    const end = this.#pending.indexOf(END);
    const again = this.#pending.indexOf(PACKET, 1);
    // No packet has the byte that another one begins with: the end of this one was lost.
    if (again > 0 && (end < 0 || again < end)) return this.#damaged(kind, again);
    if (end < 0 ? this.#pending.length > LONGEST : end > LONGEST) {
      return this.#damaged(kind, this.#pending.length);
    }
    if (end < 0 || end + 2 >= this.#pending.length) return undefined;
    const body = this.#pending.subarray(1, end);
    const digits = this.#pending.toString("latin1", end + 1, end + 3);
    const payload = expanded(body);
    const isWhole = /^[0-9a-f]{2}$/i.test(digits) && Number.parseInt(digits, 16) === checksum(body);
    this.#drop(end + 3);
    return { kind, payload: payload ?? "", isWhole: isWhole && payload !== undefined };
  }

  #damaged(kind: Packet["kind"], length: number): Frame {
    this.#drop(length);
    return { kind, payload: "", isWhole: false };
  }

  #drop(length: number): void {
    this.#pending = this.#pending.subarray(length);
  }
}
