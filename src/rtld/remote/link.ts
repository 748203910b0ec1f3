/** The connection to a stub: questions whose answers are waited for, and what comes by itself while a program runs. */
import { closeSync } from "node:fs";
import { BinderyError, RemoteError } from "../../errors.ts";
import { readableWatch } from "../../host/readable.ts";
import { receive, sendAll } from "../../host/socket.ts";
import type { StubConnection } from "./address.ts";
import { framed, type Packet, PacketReader, unescaped } from "./packet.ts";

/** Bytes that are received at once. */
const PIECE = 65536;
/** How often a packet that came damaged is asked for again. */
const TRIES = 4;
/** Milliseconds without anything after which no copy of a repeated packet is on its way. */
const QUIET = 20;
/** Pieces that are taken at once of what nobody asked for. */
const BURST = 64;
/** Most bytes of an object that a stub has. */
const LARGEST_OBJECT = 2 ** 24;

/** Takes what comes while the program runs. */
export interface PacketListener {
  packet(payload: string): void;
  /** The connection broke; nothing comes any more. */
  broken(error: RemoteError): void;
}

/**
 * A connection, which the caller closes. Without acknowledgements, which are needed on lines that lose something, a packet that
 * comes damaged ends the connection: what else is wrong is not known then.
 */
export class RemoteLink {
  readonly name: string;
  /** Milliseconds that an answer may take. */
  readonly timeout: number;
  readonly #reader = new PacketReader();
  readonly #piece = new Uint8Array(PIECE);
  #descriptor: number | undefined;
  readonly #closed: (() => void) | undefined;
  #hasAcks = true;
  #listener: PacketListener | undefined;
  /** The last packet, to be sent again where it did not arrive. */
  #sent: Uint8Array = new Uint8Array(0);
  /** What came is being told; that nothing comes any more is told after that. */
  #isLooking = false;
  /** Why it can't be used any more. */
  #broken: RemoteError | undefined;

  /**
   * @param name how messages call the stub
   * @param connection which is the link's from now on
   */
  constructor(name: string, { descriptor, closed }: StubConnection, timeout: number) {
    this.name = name;
    this.timeout = timeout;
    this.#descriptor = descriptor;
    this.#closed = closed;
  }

  /** Whether it was closed, or broke. */
  get isClosed(): boolean {
    return this.#descriptor === undefined;
  }

  /** From now on packets are not acknowledged, as was agreed. */
  endAcks(): void {
    this.#hasAcks = false;
  }

  /** Takes what comes by itself, from now on. */
  listen(listener: PacketListener): void {
    this.#listener = listener;
  }

  /**
   * Asks something, and waits for the answer.
   *
   * @throws RemoteError if none comes, or it comes damaged
   */
  ask(question: string): string {
    this.send(question);
    return this.#await(question, true);
  }

  /** As {@link ask}. @throws RemoteError also if the stub does not know what was asked, or answers with an error */
  demand(question: string, what: string): string {
    const answer = this.ask(question);
    if (answer === "") throw this.error("RSP_UNSUPPORTED", `found no support for ${what}`);
    const [, number, text] = /^E(?:([0-9a-f]{2})|\.(.*))$/i.exec(answer) ?? [];
    const why = text ?? number;
    if (why !== undefined) throw this.error("RSP_REFUSED", `${what}: found error ${why}`);
    return answer;
  }

  /** Sends without waiting for an answer; one that is on its way for something else is passed over. */
  send(payload: string): void {
    for (let count = 0; count < BURST && this.#receive(0); count++) this.#reader.clear();
    this.#reader.clear();
    this.#sent = framed(payload);
    this.#write(this.#sent);
  }

  /** Sends a byte that is no packet: an interrupt. */
  sendByte(byte: number): void {
    this.#write(Uint8Array.of(byte));
  }

  /**
   * Waits for what comes by itself, and tells the listener.
   *
   * @throws RemoteError if nothing comes in time
   */
  awaitEvent(what: string): void {
    this.#listener?.packet(this.#await(what, false));
  }

  /**
   * An object of the process, as `qXfer` has it [GDB manual, "qXfer read"].
   *
   * @throws RemoteError if the stub does not have it
   */
  object(name: string, annex: string, packetSize: number): Uint8Array {
    const pieces: Uint8Array[] = [];
    const length = Math.max(packetSize - 16, 64).toString(16);
    for (let offset = 0; ; ) {
      const question = `qXfer:${name}:read:${annex}:${offset.toString(16)},${length}`;
      const answer = this.demand(question, `object ${name}`);
      const bytes = unescaped(answer.slice(1));
      const isLast = answer[0] === "l";
      if ((!isLast && (answer[0] !== "m" || bytes.length === 0)) || offset > LARGEST_OBJECT) {
        throw this.error("RSP_BAD_REPLY", `object ${name} at ${offset}: ${found(answer)}`);
      }
      pieces.push(bytes);
      offset += bytes.length;
      if (isLast) return Uint8Array.from(Buffer.concat(pieces));
    }
  }

  /** Watches for what comes by itself while the program runs; the listener is told, as {@link listen} has it. */
  watch(): void {
    if (this.#descriptor !== undefined) readableWatch.watch(this.#descriptor, () => this.#look());
  }

  /** Ends {@link watch}. */
  unwatch(): void {
    if (this.#descriptor !== undefined) readableWatch.forget(this.#descriptor);
  }

  /** What was found wrong, to be thrown. */
  error(code: RemoteError["code"], what: string): RemoteError {
    return new RemoteError(code, this.name, what);
  }

  /** Closes the connection. Twice is harmless. */
  close(): void {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) return;
    this.unwatch();
    this.#descriptor = undefined;
    closeSync(descriptor);
    this.#closed?.();
  }

  #open(): number {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#descriptor !== undefined) return this.#descriptor;
    throw this.error("RSP_CLOSED", "found the connection closed, expected it open");
  }

  #write(bytes: Uint8Array): void {
    try {
      sendAll(this.#open(), bytes, this.timeout);
    } catch (cause) {
      throw this.#break(cause);
    }
  }

  /** @returns whether something came */
  #receive(timeout: number): boolean {
    const descriptor = this.#open();
    let count: number | undefined;
    try {
      count = receive(descriptor, this.#piece, timeout);
    } catch (cause) {
      throw this.#break(cause);
    }
    if (count === 0) throw this.#break(this.error("RSP_CLOSED", "found the connection closed by the stub"));
    if (count !== undefined) this.#reader.push(this.#piece.subarray(0, count));
    return count !== undefined;
  }

  /** Ends the connection: after this nobody knows which answer belongs to what. */
  #break(cause: unknown): unknown {
    if (!(cause instanceof BinderyError)) return cause;
    if (this.#broken !== undefined) return this.#broken;
    this.#broken =
      cause instanceof RemoteError ? cause : new RemoteError("RSP_CLOSED", this.name, cause.message);
    this.close();
    if (!this.#isLooking) this.#listener?.broken(this.#broken);
    return this.#broken;
  }

  /** @param isAnswer to the packet sent last, which may be asked for again */
  #await(question: string, isAnswer: boolean): string {
    const deadline = performance.now() + this.timeout;
    for (let tries = 1; ; ) {
      const frame = this.#reader.next();
      if (frame === undefined) {
        const left = deadline - performance.now();
        const canAsk = isAnswer && this.#hasAcks;
        // On a line that loses something, an answer may be lost as a whole.
        if (left > 0 && this.#receive(Math.max(canAsk ? Math.min(left, this.timeout / TRIES) : left, 1)))
          continue;
        if (left <= 0 || !canAsk) {
          const what = `${named(question)}: found no answer in ${this.timeout} ms`;
          throw this.#break(this.error("RSP_TIMEOUT", what));
        }
        if (++tries <= TRIES) this.#write(Buffer.from("-"));
      } else if (frame.kind === "nak") {
        if (++tries <= TRIES) this.#write(this.#sent);
      } else if (frame.kind === "packet" && this.#accept(frame, question, tries++)) {
        // Copies of what was asked for again are passed over.
        if (tries > 2) {
          for (let count = 0; count < BURST && this.#receive(QUIET); count++) this.#reader.clear();
        }
        return frame.payload;
      }
    }
  }

  /** @returns whether a packet came as it was sent; otherwise it will come again */
  #accept(frame: Packet, question: string, tries: number): boolean {
    if (frame.isWhole) {
      if (this.#hasAcks && !this.isClosed) this.#write(Buffer.from("+"));
      return true;
    }
    if (!this.#hasAcks || tries >= TRIES) {
      throw this.#break(
        this.error("RSP_DAMAGED", `${named(question)}: found a packet with a wrong checksum`),
      );
    }
    this.#reader.clear();
    this.#write(Buffer.from("-"));
    return false;
  }

  #look(): void {
    // What came before the end of the connection is told first.
    this.#isLooking = true;
    try {
      this.#takeIn();
      for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
        if (frame.kind === "nak") this.#write(this.#sent);
        if (frame.kind === "packet" && this.#accept(frame, "event", 1)) this.#listener?.packet(frame.payload);
      }
    } catch (cause) {
      if (!(cause instanceof RemoteError)) throw cause;
    } finally {
      this.#isLooking = false;
    }
    if (this.#broken !== undefined) this.#listener?.broken(this.#broken);
  }

  #takeIn(): void {
    try {
      let count = 0;
      while (count < BURST && this.#receive(0)) count++;
      // What is left has its turn after others of this process.
      if (count === BURST) setImmediate(() => this.isClosed || this.#look());
    } catch (cause) {
      if (!(cause instanceof RemoteError)) throw cause;
    }
  }
}

/** A question as messages have it: not longer than a line. */
function named(question: string): string {
  const text = question.replace(/[^\x20-\x7e]/g, "?");
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

/** What came instead of what was expected. */
export function found(answer: string): string {
  return `found the answer "${named(answer)}"`;
}
