/** Files of the machine that a stub runs on [GDB manual, "Host I/O Packets"]. */
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unescaped } from "./packet.ts";

/** What is asked for files. */
export interface FileHost {
  readonly pid: number;
  /** Most bytes of a packet. */
  readonly packetSize: number;
  /** Asks the stub. @throws RemoteError if no answer comes */
  ask(question: string): string;
}

/** Bytes of a packet beside data that is read. */
const HEAD = 64;
/** Largest file that is fetched. */
const LARGEST = 2 ** 31;

/** What a request for a file gives. */
interface Answer {
  readonly result: number;
  readonly data: Uint8Array;
}

/** Of a file, what tells it from others: places in `struct stat` as the protocol has it, in big-endian order. */
interface Identity {
  readonly inode: number;
  readonly size: number;
  readonly time: number;
}

/**
 * Copies of files, fetched when they are first asked for, and gone when this is closed. What is the same file here, because the
 * stub runs here, is not copied.
 */
export class RemoteFileStore {
  readonly #host: FileHost;
  /** Path here by path there; `undefined` for what can't be fetched. */
  readonly #paths = new Map<string, string | undefined>();
  #directory: string | undefined;
  /** Whether the stub serves files; not known before the first. */
  #isServed: boolean | undefined;
  readonly #onExit = () => this.close();

  constructor(host: FileHost) {
    this.#host = host;
  }

  /** Whether the stub serves files. @throws RemoteError if it does not answer */
  get isServed(): boolean {
    // The process's own view of the file system, where the stub knows it.
    this.#isServed ??= this.#host.ask(`vFile:setfs:${this.#host.pid.toString(16)}`) !== "";
    return this.#isServed;
  }

  /** Path here of a file; `undefined` if it can't be had. @throws RemoteError if the stub does not answer */
  path(path: string): string | undefined {
    if (!this.#paths.has(path)) this.#paths.set(path, this.#find(path));
    return this.#paths.get(path);
  }

  /** What is in a file at the moment; `undefined` if it can't be had. @throws RemoteError if the stub does not answer */
  text(path: string): string | undefined {
    const pieces: Uint8Array[] = [];
    const isWhole = this.#opened(path, (file) => this.#pieces(file, (piece) => pieces.push(piece)));
    return isWhole === true ? Buffer.concat(pieces).toString() : undefined;
  }

  /** Removes the copies. Twice is harmless. */
  close(): void {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
    this.#directory = undefined;
    this.#paths.clear();
    process.off("exit", this.#onExit);
  }

  #find(path: string): string | undefined {
    return this.#opened(path, (file) => {
      const there = identityIn(this.#ask(`vFile:fstat:${file}`)?.data);
      return there !== undefined && isSame(there, path) ? path : this.#fetch(file);
    });
  }

  /** Does something with the stub's number of an open file; `undefined` if it can't be opened. */
  #opened<T>(path: string, action: (file: string) => T): T | undefined {
    const opened = this.#ask(`vFile:open:${Buffer.from(path).toString("hex")},0,0`);
    if (opened === undefined || opened.result < 0) return undefined;
    const file = opened.result.toString(16);
    try {
      return action(file);
    } finally {
      this.#ask(`vFile:close:${file}`);
    }
  }

  #fetch(file: string): string | undefined {
    if (this.#directory === undefined) {
      this.#directory = mkdtempSync(join(tmpdir(), "bindery-remote-"));
      process.once("exit", this.#onExit);
    }
    const path = join(this.#directory, String(this.#paths.size));
    const copy = openSync(path, "wx");
    try {
      return this.#pieces(file, (piece) => writeSync(copy, piece)) ? path : undefined;
    } finally {
      closeSync(copy);
    }
  }

  /** Reads a file to its end. @returns whether that came */
  #pieces(file: string, take: (piece: Uint8Array) => void): boolean {
    const count = (this.#host.packetSize - HEAD).toString(16);
    for (let offset = 0; offset < LARGEST; ) {
      const piece = this.#ask(`vFile:pread:${file},${count},${offset.toString(16)}`);
      if (piece === undefined || piece.result < 0 || piece.result !== piece.data.length) return false;
      if (piece.result === 0) return true;
      take(piece.data);
      offset += piece.result;
    }
    return false;
  }

  /** @returns `undefined` where the stub does not know the request */
  #ask(question: string): Answer | undefined {
    const answer = this.#host.ask(question);
    const [, result = "", data = ""] = /^F(-?[0-9a-f]+)(?:,[0-9a-f]+)?(?:;([\s\S]*))?$/i.exec(answer) ?? [];
    return result === "" ? undefined : { result: Number.parseInt(result, 16), data: unescaped(data) };
  }
}

function identityIn(stat: Uint8Array | undefined): Identity | undefined {
  if (stat === undefined || stat.length < 64) return undefined;
  const view = new DataView(stat.buffer, stat.byteOffset);
  // dev, ino, mode, nlink, uid, gid, rdev; size, blksize and blocks in 64 bits; atime, mtime, ctime.
  return { inode: view.getUint32(4), size: Number(view.getBigUint64(28)), time: view.getUint32(56) };
}

function isSame({ inode, size, time }: Identity, path: string): boolean {
  const here = statSync(path, { bigint: true, throwIfNoEntry: false });
  return (
    here !== undefined &&
    BigInt.asUintN(32, here.ino) === BigInt(inode) &&
    here.size === BigInt(size) &&
    BigInt.asUintN(32, here.mtimeMs / 1000n) === BigInt(time)
  );
}
