/** How `bindery rdb` shows places, memory, registers and maps. */
import { basename } from "node:path";
import { PF } from "../../elf/constants/segment.ts";
import { demangle } from "../../elf/demangle/index.ts";
import type { CodePlace, Debugger, Frame, LoadObject, Registers } from "../../rtld/index.ts";
import { RD_FLG_MEM_OBJECT } from "../../rtld/index.ts";
import { printable } from "../message.ts";
import { decodeInstruction, type Instruction, LONGEST_INSTRUCTION } from "./instruction.ts";
import { CommandError } from "./parse.ts";

/** Words and bytes in a row, and bytes of a word. */
const WORDS_A_ROW = 4;
const BYTES_A_ROW = 8;
const WORD = 4;
/** Most bytes of a string that are shown. */
const LONGEST_STRING = 4096;

/** `0x1f`. */
export const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** Eight digits at least. */
const hex8 = (value: bigint): string => `0x${value.toString(16).padStart(8, "0")}`;

/** What is at addresses, in words. */
export class Names {
  readonly #debugger: Debugger;

  constructor(target: Debugger) {
    this.#debugger = target;
  }

  /** `libc.so.6:puts+0x10`; where no symbol is known, the address. */
  of(address: bigint): string {
    return this.ofPlace(this.#debugger.code.at(address));
  }

  /** As {@link of}. */
  ofPlace({ address, file, symbol }: CodePlace): string {
    const object = this.#debugger.linker.objectAt(address);
    const where = object === undefined ? file : basename(object.name);
    const name = symbol === undefined ? hex(address) : symbolText(symbol);
    return printable(where === undefined ? name : `${where}:${name}`);
  }

  /** ` at guide.c:5`, or nothing. */
  line(address: bigint): string {
    const [frame] = this.#debugger.code.at(address).frames;
    return frame === undefined ? "" : lineText(frame);
  }

  /** A symbol and what follows it, without its file; `undefined` where none is known. */
  symbol(address: bigint): string | undefined {
    const { symbol } = this.#debugger.code.at(address);
    return symbol === undefined ? undefined : printable(symbolText(symbol));
  }
}

function symbolText({ name, offset }: { readonly name: string; readonly offset: bigint }): string {
  const plain = demangle(name);
  return offset === 0n ? plain : `${plain}+${hex(offset)}`;
}

function lineText({ file, line }: { readonly file: string | undefined; readonly line: number }): string {
  return file === undefined || line === 0 ? "" : ` at ${printable(file)}:${line}`;
}

/** The instruction at an address, and where it is. */
export function instructionAt(target: Debugger, names: Names, address: bigint): Instruction {
  const bytes = readUpTo(target, address, LONGEST_INSTRUCTION);
  const { text, length } = decodeInstruction(bytes, address, target.model, (at) => names.symbol(at));
  return { text: `${names.of(address).padEnd(30)}: ${text}`, length };
}

/** Frames as lines, those of inlined calls with the address of what they were inlined into. */
export function* frameLines(frames: Iterable<Frame>, names: Names): Generator<string> {
  for (const { pc, place, isSignalTrampoline } of frames) {
    const [innermost, ...others] = place.frames;
    if (isSignalTrampoline) {
      yield ` ${hex8(pc)}:<signal handler called>`;
      continue;
    }
    if (innermost?.inlined !== true) {
      yield ` ${hex8(pc)}:${names.ofPlace(place)}${innermost === undefined ? "" : lineText(innermost)}`;
      continue;
    }
    for (const frame of [innermost, ...others]) {
      const name = frame.inlined ? `${frame.name ?? "??"} (inlined)` : names.ofPlace(place);
      yield ` ${hex8(pc)}:${name}${lineText(frame)}`;
    }
  }
}

/** Memory, as one of the formats of `print` shows it. What can't be read ends it with an error. */
export function* memoryLines(
  target: Debugger,
  address: bigint,
  count: number,
  format: "X" | "b" | "s",
): Generator<string> {
  if (format === "s") {
    const bytes = readUpTo(target, address, LONGEST_STRING);
    const end = bytes.indexOf(0);
    if (bytes.length === 0) throw unreadable(address);
    yield ` ${printable(Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString())}`;
    return;
  }
  const { little } = target.model;
  const [size, row] = format === "b" ? [1, BYTES_A_ROW] : [WORD, WORDS_A_ROW];
  for (let done = 0; done < count; done += row) {
    const start = address + BigInt(done * size);
    const wanted = Math.min(row, count - done);
    const bytes = readUpTo(target, start, wanted * size);
    const whole = Math.floor(bytes.length / size);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    let line = `  ${hex8(start)}: `;
    for (let i = 0; i < whole; i++) {
      const value = format === "b" ? view.getUint8(i) : view.getUint32(WORD * i, little);
      const digits = value.toString(16).padStart(2 * size, "0");
      line += format === "b" ? `  ${digits}` : `  0x${digits}`;
    }
    if (whole > 0) yield line;
    if (whole < wanted) throw unreadable(start + BigInt(whole * size));
  }
}

function unreadable(address: bigint): CommandError {
  return new CommandError(`no memory that can be read at ${hex(address)}`);
}

/** As many of some bytes as are mapped. */
function readUpTo(target: Debugger, address: bigint, length: number): Uint8Array {
  const all = target.target.read(address, length);
  if (all !== undefined) return all;
  let [low, high] = [0, length];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (target.target.read(address, middle) === undefined) high = middle;
    else low = middle;
  }
  return low === 0 ? new Uint8Array(0) : (target.target.read(address, low) ?? new Uint8Array(0));
}

/** Two registers a line, with the symbols that they lead to. */
export function* registerLines(registers: Registers, names: Names): Generator<string> {
  yield "registers:";
  const all = registers.names;
  const digits = (2 * registers.bytes.length) / all.length;
  const text = (name: string | undefined): string => {
    if (name === undefined) return "";
    const value = registers.get(name);
    return `${name.padStart(8)}: 0x${value.toString(16).padStart(digits, "0")} ${(names.symbol(value) ?? "").padEnd(16)}`;
  };
  for (let i = 0; i < all.length; i += 2) yield `${text(all[i])} ${text(all[i + 1])}`.trimEnd();
}

/** Loaded objects. */
export function* linkMapLines(objects: readonly LoadObject[]): Generator<string> {
  yield "Link Maps";
  yield "---------";
  for (const one of objects) {
    const id = one.lmIdent === 0 ? "BASE" : hex(BigInt(one.lmIdent));
    const name = one.refName === "" ? one.name : `${one.name}(${one.refName})`;
    yield `link-map: id: ${id} name: ${printable(name)}`;
    yield `       base: ${hex8(one.base)}   padd_base: ${hex8(one.padStart)}`;
    yield `  data_base: ${hex8(one.dataBase)}`;
    yield `        end: ${hex8(one.end)}    padd_end: ${hex8(one.padEnd)}`;
    const flags = (one.flags & RD_FLG_MEM_OBJECT) === 0 ? "" : " MEMOBJECT";
    yield `    dynamic: ${hex8(one.dynamic)}       flags: ${hex8(BigInt(one.flags))}:[${flags} ]`;
  }
}

/** Bits of an address in its page. */
const PAGE_OFFSET = 0xfffn;
const MAPPING = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+ *(.*)$/;

/** What is mapped. */
interface Mapped {
  readonly from: bigint;
  readonly to: bigint;
  readonly permissions: string;
  readonly path: string;
}

function* mappedBy(maps: string): Generator<Mapped> {
  for (const line of maps.split("\n")) {
    const [, start, end, permissions = "", path = ""] = MAPPING.exec(line) ?? [];
    if (start === undefined) continue;
    yield { from: BigInt(`0x${start}`), to: BigInt(`0x${end}`), permissions, path };
  }
}

/** What the run-time linker mapped, by the headers of what it loaded. */
function* segmentsOf(objects: readonly LoadObject[]): Generator<Mapped> {
  for (const { name, segments } of objects) {
    for (const { start, end, flags } of segments) {
      const may = (flag: number, letter: string) => ((flags & flag) === 0 ? "-" : letter);
      const permissions = `${may(PF.PF_R, "r")}${may(PF.PF_W, "w")}${may(PF.PF_X, "x")}p`;
      yield { from: start & ~PAGE_OFFSET, to: (end + PAGE_OFFSET) & ~PAGE_OFFSET, permissions, path: name };
    }
  }
}

/**
 * What is mapped.
 *
 * @param maps the lines of `/proc/PID/maps`; without them, segments of what is loaded are shown
 */
export function* mappingLines(maps: string | undefined, target: Debugger): Generator<string> {
  yield "";
  yield "Mappings";
  yield "--------";
  yield "addr               size       prot ident name";
  const all = maps === undefined ? segmentsOf(target.linker.objects) : mappedBy(maps);
  for (const { from, to, permissions, path } of all) {
    const object = target.linker.objectAt(from);
    const ident = object === undefined ? "" : `0x${object.lmIdent.toString(16).padStart(2, "0")}`;
    const size = hex(to - from).padStart(10);
    const where = `${ident.padEnd(5)} ${printable(object === undefined ? path : object.name)}`;
    yield `${hex(from).padStart(18)} ${size} ${permissions} ${where}`.trimEnd();
  }
  yield "";
}

/** Names of signals that stop programs or end them [signal(7), x86]. */
const SIGNALS =
  "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS".split(
    " ",
  );

/** `SIGSEGV (11)`. */
export function signalText(signal: number): string {
  const name = SIGNALS[signal - 1];
  return name === undefined ? `signal ${signal}` : `SIG${name} (${signal})`;
}
