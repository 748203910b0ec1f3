/**
 * The memory of a live object: its three segments, and that what is stored in text is what runs.
 *
 * Text is stored through a mapping of our own and runs through the loader's, which is private. Where a debugger has
 * planted a breakpoint, the kernel gave that page a copy of its own, and later stores don't reach it. So stores are
 * compared with what would run, and where the two differ the code is written into the copy too, the way the debugger
 * did it. No page is writable and executable for anyone at any time.
 */
import { SHF } from "../elf/constants/section.ts";
import { DlbindError } from "../errors.ts";
import { pokeMemory, replaceByAnonymous } from "../host/memory.ts";
import { NativeRegion } from "../host/region.ts";
import { Allocation, type AllocationOwner } from "./allocation.ts";
import { GRANULE } from "./arena.ts";
import { DATA_SECTION, RODATA_SECTION, TEXT_SECTION } from "./image.ts";
import { REGION_ALIGN } from "./layout.ts";
import { LiveSegment, type SegmentKind } from "./segment.ts";
import type { LiveTables } from "./tables.ts";

/** Instruction that debuggers plant on x86-64. */
const INT3 = 0xcc;

/** What every loader aligns objects to. */
const SMALLEST_PAGE = 4096;

/** A place in a live object. */
export interface Located {
  readonly segment: LiveSegment;
  /** Offset in the segment. */
  readonly offset: number;
  /** Offset in the segment of the block around it. */
  readonly block: number;
}

/** What must happen around a block, decided by who knows the names in it. */
export interface BlockWatcher {
  /** Unbinds what is bound in the block. */
  beforeFree(segment: LiveSegment, offset: number): void;
  /** True when the block must stay free of others until debuggers were told that its names are gone. */
  mustRest(segment: LiveSegment): boolean;
  /** True while a debugger may have breakpoints in text that has a name. */
  isDebugged(): boolean;
  /** Image offset behind the last byte that a name in the block covers; 0 when none is bound. */
  coveredEnd(segment: LiveSegment, offset: number): number;
}

export class LiveMemory implements AllocationOwner {
  readonly object: string;
  readonly base: bigint;
  readonly text: LiveSegment;
  readonly rodata: LiveSegment;
  readonly data: LiveSegment;
  readonly #running: NativeRegion;
  readonly #watcher: BlockWatcher;
  /** Starts of the text whose bytes the caller may be writing. */
  readonly #lent = new Set<number>();
  /** Freed text that debuggers still have names for. */
  #resting: number[] = [];
  #deleted = false;
  /** Nothing has a name yet: nobody has been led here, and what is stored is what runs. */
  #untold = true;

  constructor(object: string, tables: LiveTables, base: bigint, watcher: BlockWatcher) {
    const { layout } = tables;
    this.object = object;
    this.base = base;
    this.#watcher = watcher;
    this.text = new LiveSegment("text", TEXT_SECTION, layout.text, tables.text);
    this.rodata = new LiveSegment("rodata", RODATA_SECTION, layout.rodata, tables.rodata);
    // A page of data is a copy of the file's, which must be there to be copied.
    const reserve = tables.reserve?.(layout.data);
    const data = new NativeRegion(base + BigInt(layout.data.offset), layout.data.size, reserve);
    this.data = new LiveSegment("data", DATA_SECTION, layout.data, data);
    this.#running = new NativeRegion(base + BigInt(layout.text.offset), layout.text.size);
  }

  get segments(): readonly LiveSegment[] {
    return [this.text, this.rodata, this.data];
  }

  get isDeleted(): boolean {
    return this.#deleted;
  }

  /**
   * Lets text run from memory without a file behind it, into which all that is stored is copied. To be called while
   * nothing is stored. perf looks into its map of generated code only for such memory; the kernel's uprobes need a file.
   */
  takeTextOffFile(): void {
    this.tell();
    replaceByAnonymous(this.#running.address, this.#running.capacity);
  }

  /** @throws DlbindError DLBIND_BAD_ARGUMENT, DLBIND_UNSUPPORTED (write and execute), DLBIND_NO_SPACE */
  alloc(size: number, flags: number, align: number): Allocation {
    this.checkLive();
    const segment = this.#segmentFor(flags);
    this.#checkSize(segment.kind, size);
    if (!Number.isInteger(align) || align < 1 || (align & (align - 1)) !== 0 || align > REGION_ALIGN) {
      this.#fail("DLBIND_BAD_ARGUMENT", `align ${align}: expected a power of two up to ${REGION_ALIGN}`);
    }
    if (align > SMALLEST_PAGE && this.base % BigInt(align) !== 0n) {
      this.#fail(
        "DLBIND_UNSUPPORTED",
        `align ${align}: this C library's loader aligns objects to pages only`,
      );
    }
    const offset = segment.take(size, align);
    if (offset < 0) this.#failSpace(segment, size);
    return new Allocation(this, segment, offset, size);
  }

  /** Where an address lies. @throws DlbindError DLBIND_OUTSIDE or DLBIND_NOT_ALLOCATED */
  locate(address: bigint): Located {
    this.checkLive();
    const distance = address - this.base;
    for (const segment of this.segments) {
      const { span } = segment;
      if (distance < BigInt(span.offset) || distance >= BigInt(span.offset + span.size)) continue;
      const offset = Number(distance) - span.offset;
      const block = segment.blockHolding(offset);
      if (block < 0 || segment.serialAt(block) === 0)
        this.#fail(
          "DLBIND_NOT_ALLOCATED",
          `address 0x${address.toString(16)} in ${segment.kind}: not allocated`,
        );
      return { segment, offset, block };
    }
    return this.#fail("DLBIND_OUTSIDE", `address 0x${address.toString(16)}: outside the object`);
  }

  /** True when the allocation was made here. */
  owns(allocation: Allocation): boolean {
    return this.segments.includes(allocation.segment);
  }

  checkLive(): void {
    if (this.#deleted) this.#fail("DLBIND_DELETED", "the object was deleted");
  }

  check(segment: LiveSegment, offset: number, serial: number): void {
    this.checkLive();
    if (segment.serialAt(offset) !== serial) {
      this.#fail("DLBIND_FREED", `allocation at ${segment.kind}+0x${offset.toString(16)}: freed already`);
    }
  }

  lend(allocation: Allocation): void {
    if (allocation.segment === this.text) this.#lent.add(allocation.offset);
  }

  store(allocation: Allocation, bytes: Uint8Array, at: number): void {
    const { segment, offset, size } = allocation;
    if (!Number.isInteger(at) || at < 0 || at + bytes.length > size) {
      this.#fail(
        "DLBIND_OUTSIDE",
        `write of ${bytes.length} bytes at ${at}: outside the ${size} bytes allocated`,
      );
    }
    segment.memory.u8.set(bytes, offset + at);
    this.settle(segment, offset + at, bytes.length);
  }

  /** Makes `[offset, offset + size)` of text run as it is stored. */
  settle(segment: LiveSegment, offset: number, size: number): void {
    if (segment === this.text) this.#settle(offset, size, false);
  }

  /** Settles all text that the caller may have written to since the last time. */
  settleLent(): void {
    for (const offset of this.#lent) this.settleBlock(this.text, offset);
    this.#lent.clear();
  }

  /** From here on others may write to the pages that run. */
  tell(): void {
    this.#untold = false;
  }

  /** As {@link tell}, when all code is in place: what was lent is not written to any more. */
  tellAll(): void {
    if (this.#untold) this.#lent.clear();
    this.tell();
  }

  /**
   * Settles a whole block if the caller may have written to it. Where it has a name already and a debugger is there, a
   * breakpoint instruction that runs but is not stored is the debugger's, and stays.
   */
  settleBlock(segment: LiveSegment, block: number): void {
    if (segment !== this.text || !this.#lent.has(block)) return;
    const keepBreakpoints = segment.nameAt(block) !== 0 && this.#watcher.isDebugged();
    this.#settle(block, segment.roomAt(block), keepBreakpoints);
  }

  resize(allocation: Allocation, size: number): number {
    const { segment, offset } = allocation;
    this.#checkSize(segment.kind, size);
    const covered = this.#watcher.coveredEnd(segment, offset);
    if (covered > segment.span.offset + offset + size) {
      this.#fail("DLBIND_BAD_ARGUMENT", `resize to ${size} bytes: a name that is bound there covers more`);
    }
    if (segment.resize(offset, size)) return offset;
    if (covered > 0) {
      this.#fail(
        "DLBIND_NO_SPACE",
        `resize to ${size} bytes: it would have to move, and names are bound in it`,
      );
    }
    const moved = segment.take(size, GRANULE);
    if (moved < 0) this.#failSpace(segment, size);
    segment.memory.u8.copyWithin(moved, offset, offset + Math.min(size, allocation.size));
    this.settle(segment, moved, Math.min(size, allocation.size));
    this.free(segment, offset);
    return moved;
  }

  free(segment: LiveSegment, offset: number): void {
    this.checkLive();
    this.#watcher.beforeFree(segment, offset);
    if (segment === this.text) this.#lent.delete(offset);
    if (this.#watcher.mustRest(segment)) {
      segment.retire(offset);
      this.#resting.push(offset);
    } else {
      segment.give(offset);
    }
  }

  /** The block that begins at an address. @throws DlbindError when none does */
  allocationAt(address: bigint): Allocation {
    const { segment, offset, block } = this.locate(address);
    if (block !== offset || segment.serialAt(block) === 0) {
      this.#fail("DLBIND_NOT_ALLOCATED", `address 0x${address.toString(16)}: no allocation begins there`);
    }
    return new Allocation(this, segment, offset, segment.roomAt(offset));
  }

  /** Lets freed text be used again; called once debuggers know. */
  releaseResting(): void {
    for (const offset of this.#resting) this.text.give(offset);
    this.#resting = [];
  }

  /** Ends all views. */
  close(): void {
    this.#deleted = true;
    this.data.memory.close();
    this.#running.close();
  }

  #settle(offset: number, size: number, keepBreakpoints: boolean): void {
    if (this.#untold) return;
    const end = offset + size;
    this.#running.ensure(end);
    const stored = this.text.memory.u8;
    const running = this.#running.u8;
    if (sameBytes(stored, running, offset, end)) return;
    const isKept = (at: number): boolean => keepBreakpoints && running[at] === INT3;
    for (let from = offset; from < end; ) {
      if (stored[from] === running[from] || isKept(from)) {
        from++;
        continue;
      }
      // In one go up to what must stay: code has bytes in between that happen to agree.
      let to = from + 1;
      while (to < end && !isKept(to)) to++;
      const next = to;
      while (stored[to - 1] === running[to - 1]) to--;
      pokeMemory(this.base + BigInt(this.text.span.offset + from), stored.subarray(from, to));
      from = next;
    }
  }

  #segmentFor(flags: number): LiveSegment {
    const write = (flags & SHF.SHF_WRITE) !== 0;
    const execute = (flags & SHF.SHF_EXECINSTR) !== 0;
    if ((flags & ~(SHF.SHF_ALLOC | SHF.SHF_WRITE | SHF.SHF_EXECINSTR)) !== 0) {
      this.#fail(
        "DLBIND_BAD_ARGUMENT",
        `flags 0x${flags.toString(16)}: expected SHF_ALLOC, SHF_WRITE or SHF_EXECINSTR`,
      );
    }
    if (write && execute) {
      this.#fail(
        "DLBIND_UNSUPPORTED",
        "SHF_WRITE with SHF_EXECINSTR: no memory is both writable and executable",
      );
    }
    if (execute) return this.text;
    return write ? this.data : this.rodata;
  }

  #checkSize(kind: SegmentKind, size: number): void {
    if (!Number.isSafeInteger(size) || size < 1) {
      this.#fail("DLBIND_BAD_ARGUMENT", `size ${size} in ${kind}: expected a whole number above 0`);
    }
  }

  #failSpace(segment: LiveSegment, size: number): never {
    const { kind, usedBytes, span } = segment;
    return this.#fail(
      "DLBIND_NO_SPACE",
      `${kind}: no room for ${size} bytes, ${usedBytes} of ${span.size} are taken; the capacity is set at creation`,
    );
  }

  #fail(code: DlbindError["code"], what: string): never {
    throw new DlbindError(code, this.object, what);
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array, from: number, to: number): boolean {
  return Buffer.compare(a.subarray(from, to), b.subarray(from, to)) === 0;
}
