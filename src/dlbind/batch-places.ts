/** Where the symbols of a batch lie in a live object. */
import { STB, STT } from "../elf/constants/symbol.ts";
import { DlbindError } from "../errors.ts";
import type { SymbolBatch } from "./batch.ts";
import type { LiveMemory } from "./memory.ts";
import type { LiveSegment } from "./segment.ts";

/** A block that names of a batch lie in. */
interface Block {
  readonly segment: LiveSegment;
  readonly offset: number;
  readonly first: number;
  readonly end: number;
}

/** Of a linked program there is one block of each kind. */
const KNOWN = 4;

const TYPES = new Set<number>([STT.STT_NOTYPE, STT.STT_OBJECT, STT.STT_FUNC, STT.STT_GNU_IFUNC]);
const BINDINGS = new Set<number>([STB.STB_LOCAL, STB.STB_GLOBAL, STB.STB_WEAK]);

/** Where each symbol of a batch lies. */
export interface BatchPlaces {
  /** Section index of its segment. */
  readonly sections: Uint8Array;
  /** Offset in its segment of the block around it. */
  readonly blocks: Int32Array;
}

/**
 * Checks a batch, and finds where all of it lies.
 * @throws DlbindError DLBIND_BAD_ARGUMENT, DLBIND_OUTSIDE, DLBIND_NOT_ALLOCATED for the first that is wrong
 */
export function placeBatch(object: string, batch: SymbolBatch, memory: LiveMemory): BatchPlaces {
  const { length, strings, names, values, sizes, infos } = batch;
  const fail = (code: DlbindError["code"], index: number, what: string): never => {
    throw new DlbindError(code, object, `bind: symbol ${index} of ${length}: ${what}`);
  };
  if (strings.length === 0 || strings[strings.length - 1] !== 0) {
    throw new DlbindError("DLBIND_BAD_ARGUMENT", object, "bind: names: expected a NUL at the end");
  }
  const sections = new Uint8Array(length);
  const blocks = new Int32Array(length);
  /** Blocks that were found last. */
  const known: Block[] = [];
  const blockAt = (value: number): Block => {
    for (const block of known) if (value >= block.first && value < block.end) return block;
    const { segment, block } = memory.locate(memory.base + BigInt(value));
    const first = segment.span.offset + block;
    const found = { segment, offset: block, first, end: first + segment.roomAt(block) };
    if (known.unshift(found) > KNOWN) known.pop();
    return found;
  };
  for (let i = 0; i < length; i++) {
    const name = names[i] ?? -1;
    if (!(name >= 0 && name < strings.length) || strings[name] === 0) {
      fail("DLBIND_BAD_ARGUMENT", i, `name at ${name}: expected one of at least a byte`);
    }
    const info = infos[i] ?? 0;
    if (!TYPES.has(info & 0xf) || !BINDINGS.has(info >> 4)) {
      fail("DLBIND_BAD_ARGUMENT", i, `st_info 0x${info.toString(16)}: expected another type or binding`);
    }
    const value = values[i] ?? 0;
    const block = blockAt(value);
    const size = sizes[i] ?? 0;
    if (size < 0 || value + size > block.end) {
      fail("DLBIND_OUTSIDE", i, `size ${size}: expected at most ${block.end - value} bytes from there`);
    }
    sections[i] = block.segment.section;
    blocks[i] = block.offset;
  }
  return { sections, blocks };
}
