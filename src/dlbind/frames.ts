/**
 * The live `.eh_frame` and `.eh_frame_hdr`: call-frame information of functions, added and removed while other threads
 * may be unwinding. [LSB 5.0, 10.6; libgcc unwind-dw2-fde-dip.c]
 *
 * The loader hands out the address of `.eh_frame_hdr` for good, and an unwinder searches its table without a lock. So
 * at every instant the table is sorted (equal neighbours allowed) and every entry leads to a whole record:
 *
 * - a function above all others is appended: the entry first, then the count;
 * - a removed function's entry stays, leading to a record that covers nothing, until a function comes to lie there; where
 *   another record covers the place, as for a function of several names, it becomes a second entry of that one;
 * - otherwise the entries above move up by one, from the top down, and the new entry is one 8-byte store.
 *
 * A thread that is in the middle of its search during such a move may miss one frame of this object; the first two
 * cases, which are all that a steady JIT compiler meets, have no such moment.
 */
import { DW_EH_PE_datarel, DW_EH_PE_pcrel, DW_EH_PE_sdata4, DW_EH_PE_udata4 } from "../dwarf/constants.ts";
import { type CommonInformation, encodeCie, encodeFde } from "../dwarf/write/frame.ts";
import type { NativeRegion } from "../host/region.ts";
import { EH_FRAME_HDR_HEADER, type Layout } from "./layout.ts";

/** Records are padded to this, so that few sizes exist and a freed record serves for another one. */
const RECORD_ALIGN = 16;
/** Bytes from the start of an FDE to its initial location and to its range, both 8 bytes long. */
const FDE_START = 8;
const FDE_RANGE = 16;
/** Bytes before the header in its region: with them the entries behind it are 8-aligned there, as stores need it. */
export const EH_FRAME_HDR_LEAD = 4;
const TABLE_START = EH_FRAME_HDR_LEAD + EH_FRAME_HDR_HEADER;
/** Words in that region: the number of entries, and the first entry. */
const COUNT = 3;
const TABLE = TABLE_START / 4;

export class LiveFrames {
  readonly #header: NativeRegion;
  readonly #records: NativeRegion;
  readonly #capacity: number;
  /** From the header to `.eh_frame`: what turns an offset there into a table value. */
  readonly #recordsFromHeader: number;
  readonly #imageFromHeader: number;
  readonly #cies = new Map<string, number>();
  readonly #free = new Map<number, number[]>();
  #end = 0;
  #count = 0;
  /** Record that covers nothing. */
  #nothing = 0;

  /** @param header the table's region, from {@link EH_FRAME_HDR_LEAD} bytes before it on */
  constructor(layout: Layout, header: NativeRegion, records: NativeRegion) {
    this.#header = header;
    this.#records = records;
    this.#capacity = layout.capacities.frames;
    this.#recordsFromHeader = layout.ehFrame.offset - layout.ehFrameHdr.offset;
    this.#imageFromHeader = -layout.ehFrameHdr.offset;
    header.ensure(TABLE_START);
    const encodings = [DW_EH_PE_pcrel | DW_EH_PE_sdata4, DW_EH_PE_udata4, DW_EH_PE_datarel | DW_EH_PE_sdata4];
    header.u8.set([1, ...encodings], EH_FRAME_HDR_LEAD);
    // Relative to its own place, 4 bytes into the header.
    header.i32[EH_FRAME_HDR_LEAD / 4 + 1] = this.#recordsFromHeader - 4;
  }

  /** Bytes of `.eh_frame` in use. */
  get end(): number {
    return this.#end;
  }

  /** Bytes of a record, its length field included. */
  recordAt(offset: number): Uint8Array {
    const length = 4 + (this.#records.i32[offset >> 2] ?? 0);
    return this.#records.u8.subarray(offset, offset + length);
  }

  /** Offset of the CIE that the FDE at `offset` stands under. */
  cieOf(offset: number): number {
    return offset + 4 - (this.#records.i32[(offset >> 2) + 1] ?? 0);
  }

  /**
   * Adds a function's information.
   * @param value offset of the function in the image
   * @param start its address
   * @returns the offset of its record, to be kept for {@link remove}; -1 when the space is full, with nothing changed
   */
  add(
    value: number,
    start: bigint,
    length: number,
    cie: CommonInformation,
    instructions: Uint8Array,
    lsda: bigint | undefined,
  ): number {
    const cieOffset = this.#cieFor(cie);
    if (cieOffset < 0) return -1;
    if (this.#count >= this.#capacity && !this.#compact()) return -1;
    const size = encodeFde({ start, length, instructions, ...(lsda === undefined ? {} : { lsda }) }, 0);
    const offset = this.#place(size, cieOffset);
    if (offset < 0) return -1;
    this.#enter(value + this.#imageFromHeader, length, offset + this.#recordsFromHeader);
    return offset;
  }

  /** Removes the information whose record is at `offset`, for the function at `value`. */
  remove(offset: number, value: number): void {
    const location = value + this.#imageFromHeader;
    const target = offset + this.#recordsFromHeader;
    for (let i = this.#firstAtOrAbove(location); i < this.#count && this.#locationAt(i) === location; i++) {
      if (this.#targetAt(i) === target) this.#bequeath(i);
    }
    this.#trim();
    const size = this.recordAt(offset).length;
    this.#blank(offset);
    const list = this.#free.get(size);
    if (list === undefined) this.#free.set(size, [offset]);
    else list.push(offset);
  }

  /** Takes an entry from its record. An unwinder takes the last entry at or below a place: it must lead to who is left. */
  #bequeath(index: number): void {
    const location = this.#locationAt(index);
    this.#store(index, location, this.#nothing + this.#recordsFromHeader);
    let heir = index - 1;
    while (heir >= 0 && this.#isDead(heir)) heir--;
    if (heir < 0) return;
    const target = this.#targetAt(heir);
    const range = this.#records.i32[(target - this.#recordsFromHeader + FDE_RANGE) >> 2] ?? 0;
    if (this.#locationAt(heir) + range <= location) return;
    for (let i = heir + 1; i <= index; i++) this.#store(i, this.#locationAt(heir), target);
  }

  #cieFor(cie: CommonInformation): number {
    const key = `${cie.personality ?? ""}:${cie.codeAlignment}:${cie.dataAlignment}:${cie.returnAddressRegister}:${cie.initialInstructions.join()}`;
    let offset = this.#cies.get(key);
    if (offset === undefined) {
      offset = this.#append(encodeCie(cie));
      if (offset < 0) return -1;
      if (this.#cies.size === 0 && !this.#makeNothing(offset)) return -1;
      this.#cies.set(key, offset);
    }
    return offset;
  }

  #makeNothing(cieOffset: number): boolean {
    const record = encodeFde({ start: 0n, length: 0, instructions: new Uint8Array() }, 0);
    this.#nothing = this.#place(record, cieOffset);
    return this.#nothing >= 0;
  }

  /** Stores an FDE in a freed place of its size or at the end, under a CIE; -1 when there is no room. */
  #place(record: Uint8Array, cieOffset: number): number {
    const padded = (record.length + RECORD_ALIGN - 1) & -RECORD_ALIGN;
    const reused = this.#free.get(padded)?.pop();
    const offset = reused ?? this.#end;
    const view = new DataView(record.buffer, record.byteOffset);
    view.setUint32(4, offset + 4 - cieOffset, true);
    if (reused === undefined) return this.#append(record);
    // The length and the CIE stay; the range comes last, so that the record covers nothing until it is whole.
    const { u8 } = this.#records;
    u8.fill(0, offset + 4 + 4, offset + padded);
    u8.set(record.subarray(4, FDE_RANGE), offset + 4);
    u8.set(record.subarray(FDE_RANGE + 8), offset + FDE_RANGE + 8);
    Atomics.store(this.#records.i32, (offset + FDE_RANGE) >> 2, view.getInt32(FDE_RANGE, true));
    return offset;
  }

  /** Appends a record, padded; its length word comes last, since a length of 0 ends the section for a reader. */
  #append(record: Uint8Array): number {
    const padded = (record.length + RECORD_ALIGN - 1) & -RECORD_ALIGN;
    const offset = this.#end;
    if (offset + padded + 4 > this.#records.capacity) return -1;
    this.#records.ensure(offset + padded + 4);
    this.#records.u8.set(record.subarray(4), offset + 4);
    this.#end += padded;
    Atomics.store(this.#records.i32, offset >> 2, padded - 4);
    return offset;
  }

  #blank(offset: number): void {
    const words = this.#records.i32;
    Atomics.store(words, (offset + FDE_RANGE) >> 2, 0);
    words[(offset + FDE_START) >> 2] = 0;
    words[((offset + FDE_START) >> 2) + 1] = 0;
  }

  /** Index of the first entry whose location is not below `location`. */
  #firstAtOrAbove(location: number): number {
    const entries = this.#header.i32;
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((entries[TABLE + 2 * middle] ?? 0) < location) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #enter(location: number, length: number, target: number): void {
    const at = this.#firstAtOrAbove(location);
    // Entries of functions that lay here before would answer for this one: each becomes its entry.
    let taken = at;
    while (taken < this.#count && this.#isDead(taken) && this.#locationAt(taken) < location + length) {
      this.#store(taken++, location, target);
    }
    if (taken > at) return;
    if (at > 0 && at < this.#count && this.#isDead(at - 1)) {
      this.#store(at - 1, location, target);
      return;
    }
    for (let i = at; i < this.#count && this.#locationAt(i) === location; i++) {
      if (!this.#isRepeated(i)) continue;
      this.#store(i, location, target);
      return;
    }
    this.#header.ensure(TABLE_START + 8 * (this.#count + 1));
    const grown = this.#header.i32;
    if (at < this.#count) {
      // memmove goes from the top down here; until the count is stored, the copy of the last entry is not looked at.
      grown.copyWithin(TABLE + 2 * this.#count, TABLE + 2 * (this.#count - 1), TABLE + 2 * this.#count);
      Atomics.store(grown, COUNT, ++this.#count);
      grown.copyWithin(TABLE + 2 * (at + 1), TABLE + 2 * at, TABLE + 2 * (this.#count - 1));
      this.#store(at, location, target);
      return;
    }
    grown[TABLE + 2 * at] = location;
    grown[TABLE + 2 * at + 1] = target;
    Atomics.store(grown, COUNT, ++this.#count);
  }

  #store(index: number, location: number, target: number): void {
    const pair = (BigInt(target) << 32n) | BigInt.asUintN(32, BigInt(location));
    const at = TABLE_START + 8 * index;
    const words = this.#header.u8;
    Atomics.store(new BigInt64Array(words.buffer, words.byteOffset + at, 1), 0, pair);
  }

  #locationAt(index: number): number {
    return this.#header.i32[TABLE + 2 * index] ?? 0;
  }

  #targetAt(index: number): number {
    return this.#header.i32[TABLE + 2 * index + 1] ?? 0;
  }

  #isDead(index: number): boolean {
    return this.#targetAt(index) === this.#nothing + this.#recordsFromHeader;
  }

  /** True when the next entry says the same. */
  #isRepeated(index: number): boolean {
    return (
      index + 1 < this.#count &&
      this.#locationAt(index) === this.#locationAt(index + 1) &&
      this.#targetAt(index) === this.#targetAt(index + 1)
    );
  }

  /** Dead entries at the top are simply no longer counted. */
  #trim(): void {
    let count = this.#count;
    while (count > 0 && this.#isDead(count - 1)) count--;
    if (count === this.#count) return;
    this.#count = count;
    Atomics.store(this.#header.i32, COUNT, count);
  }

  /** Closes the gaps that dead and repeated entries are, from the top down. False when there was none. */
  #compact(): boolean {
    const entries = this.#header.i32;
    const isGap = (index: number): boolean => this.#isDead(index) || this.#isRepeated(index);
    const before = this.#count;
    for (let end = this.#count; end > 0; ) {
      let start = end;
      while (start > 0 && isGap(start - 1)) start--;
      if (start < end) {
        entries.copyWithin(TABLE + 2 * start, TABLE + 2 * end, TABLE + 2 * this.#count);
        this.#count -= end - start;
        Atomics.store(entries, COUNT, this.#count);
      }
      end = start - 1;
    }
    return this.#count < before;
  }
}
