/**
 * What perf(1) reads: the map file, and the jitdump file. [Linux tools/perf/Documentation/jit-interface.txt and
 * jitdump-specification.txt]
 *
 * Both belong to the process, not to an object: all live objects append to the same two files. They stay when the
 * process ends, since perf reads them afterwards.
 */
import { appendFileSync, closeSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EM } from "../../elf/constants/machine.ts";
import { STT } from "../../elf/constants/symbol.ts";
import { mapExecutable, unmap } from "../../host/memory.ts";
import type { PerfOutput } from "../options.ts";
import type { LiveTables } from "../tables.ts";

/** Where perf looks for the map; the directory is fixed in perf. */
function mapPath(): string {
  return `/tmp/perf-${process.pid}.map`;
}

/** Where the jitdump file is written; perf finds it by the mapping that the process makes of it. */
export function jitdumpPath(): string {
  return join(tmpdir(), `jit-${process.pid}.dump`);
}

/** A function as perf has to know it. */
interface Code {
  readonly name: string;
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

export class PerfFeed {
  readonly #tables: LiveTables;
  readonly #base: bigint;
  readonly #outputs: readonly PerfOutput[];
  #fresh: number[] = [];

  constructor(tables: LiveTables, base: bigint, outputs: readonly PerfOutput[]) {
    this.#tables = tables;
    this.#base = base;
    this.#outputs = outputs;
    if (outputs.includes("map")) removeStaleMap();
    // perf learns of the file when it is mapped, so that must be before the first sample of interest.
    if (outputs.includes("jitdump")) Jitdump.open();
  }

  /** Notes a symbol to be written. */
  add(slot: number): void {
    this.#fresh.push(slot);
  }

  /** Writes what was noted and is still there. */
  publish(): void {
    const { symbols } = this.#tables;
    const slots = new Set(this.#fresh);
    this.#fresh = [];
    const code: Code[] = [];
    for (const slot of slots) {
      if ((symbols.infoOf(slot) & 0xf) === STT.STT_FUNC && symbols.sizeOf(slot) > 0)
        code.push(this.#code(slot));
    }
    if (code.length === 0) return;
    if (this.#outputs.includes("map")) appendFileSync(mapPath(), code.map(mapLine).join(""));
    if (this.#outputs.includes("jitdump")) Jitdump.open().append(code);
  }

  #code(slot: number): Code {
    const { symbols, text, layout } = this.#tables;
    const value = symbols.valueOf(slot);
    const offset = value - layout.text.offset;
    return {
      name: symbols.nameOf(slot),
      address: this.#base + BigInt(value),
      bytes: text.u8.subarray(offset, offset + symbols.sizeOf(slot)),
    };
  }
}

/** Removes the map of an earlier process that had our number. V8 may have begun one for this process. */
function removeStaleMap(): void {
  const found = statSync(mapPath(), { throwIfNoEntry: false });
  if (found !== undefined && found.mtimeMs < performance.timeOrigin) rmSync(mapPath());
}

function mapLine({ name, address, bytes }: Code): string {
  return `${address.toString(16)} ${bytes.length.toString(16)} ${name}\n`;
}

const MAGIC = 0x4a69_5444;
const VERSION = 1;
const FILE_HEADER_SIZE = 40;
const JIT_CODE_LOAD = 0;
const JIT_CODE_CLOSE = 3;
const RECORD_HEADER_SIZE = 16;
const LOAD_SIZE = 56;
const PAGE = 4096;

class Jitdump {
  readonly #fd: number;
  #index = 0n;

  static #shared: Jitdump | undefined;

  /** The process's file, begun at the first call and ended with the process. */
  static open(): Jitdump {
    Jitdump.#shared ??= new Jitdump();
    return Jitdump.#shared;
  }

  private constructor() {
    this.#fd = openSync(jitdumpPath(), "w+", 0o644);
    const header = new DataView(new ArrayBuffer(FILE_HEADER_SIZE));
    header.setUint32(0, MAGIC, true);
    header.setUint32(4, VERSION, true);
    header.setUint32(8, FILE_HEADER_SIZE, true);
    header.setUint32(12, EM.EM_X86_64, true);
    header.setUint32(20, process.pid, true);
    header.setBigUint64(24, process.hrtime.bigint(), true);
    writeSync(this.#fd, header);
    const mapping = mapExecutable(this.#fd, PAGE);
    process.once("exit", () => {
      const close = new DataView(new ArrayBuffer(RECORD_HEADER_SIZE));
      recordHeader(close, JIT_CODE_CLOSE, RECORD_HEADER_SIZE);
      writeSync(this.#fd, close);
      unmap(mapping, PAGE);
      closeSync(this.#fd);
    });
  }

  append(code: readonly Code[]): void {
    for (const { name, address, bytes } of code) {
      const text = new TextEncoder().encode(`${name}\0`);
      const size = LOAD_SIZE + text.length + bytes.length;
      const record = new Uint8Array(size);
      const view = new DataView(record.buffer);
      recordHeader(view, JIT_CODE_LOAD, size);
      view.setUint32(16, process.pid, true);
      view.setUint32(20, process.pid, true);
      view.setBigUint64(24, address, true);
      view.setBigUint64(32, address, true);
      view.setBigUint64(40, BigInt(bytes.length), true);
      view.setBigUint64(48, this.#index++, true);
      record.set(text, LOAD_SIZE);
      record.set(bytes, LOAD_SIZE + text.length);
      writeSync(this.#fd, record);
    }
  }
}

function recordHeader(view: DataView, id: number, size: number): void {
  view.setUint32(0, id, true);
  view.setUint32(4, size, true);
  view.setBigUint64(8, process.hrtime.bigint(), true);
}
