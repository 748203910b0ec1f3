/**
 * The live `.eh_frame` and `.eh_frame_hdr`: call-frame information of functions, added and removed while other threads
 * may be unwinding. [LSB 5.0, 10.6; libgcc unwind-dw2-fde-dip.c]
 *
 * The loader hands out the address of `.eh_frame_hdr` for good, and an unwinder searches its table without a lock; libgcc
 * aborts the process when entries move under its search. So no entry ever moves: there is one for each granule of text up
 * to the highest function, at its place from the start, and only the record that it leads to changes, in one store. Where
 * no function is, that is a record that covers nothing.
 */
import { DW_EH_PE } from "../dwarf/constants/frame.ts";
import { type CommonInformation, encodeCie, encodeFde } from "../dwarf/write/frame.ts";
import type { NativeRegion } from "../host/region.ts";
import { GRANULE } from "./arena.ts";
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
  readonly #textFromHeader: number;
  readonly #textStart: number;
  /** By granule: records that lie under the one it leads to, where functions overlap or one has several names. */
  readonly #under = new Map<number, number[]>();
  readonly #cies = new Map<string, number>();
  readonly #free = new Map<number, number[]>();
  #end = 0;
  /** Functions that have a record. */
  #functions = 0;
  /** Entries of the table: granules. */
  #count = 0;
  /** Record that covers nothing. */
  #nothing = 0;

  /** @param header the table's region, from {@link EH_FRAME_HDR_LEAD} bytes before it on */
  constructor(layout: Layout, header: NativeRegion, records: NativeRegion) {
    this.#header = header;
    this.#records = records;
    this.#capacity = layout.capacities.frames;
    this.#recordsFromHeader = layout.ehFrame.offset - layout.ehFrameHdr.offset;
    this.#textFromHeader = layout.text.offset - layout.ehFrameHdr.offset;
    this.#textStart = layout.text.offset;
    header.ensure(TABLE_START);
    const encodings = [
      DW_EH_PE.DW_EH_PE_pcrel | DW_EH_PE.DW_EH_PE_sdata4,
      DW_EH_PE.DW_EH_PE_udata4,
      DW_EH_PE.DW_EH_PE_datarel | DW_EH_PE.DW_EH_PE_sdata4,
    ];
    header.u8.set([1, ...encodings], EH_FRAME_HDR_LEAD);
    // Relative to its own place, 4 bytes into the header.
    header.i32[EH_FRAME_HDR_LEAD / 4 + 1] = this.#recordsFromHeader - 4;
  }

  /** Bytes of `.eh_frame` in use. */
  get end(): number {
    return this.#end;
  }

  /**
   * Fills the table of an object that holds nothing else, once: functions as they are, of any size, and records that lie
   * anywhere in the image.
   * @param starts offsets of functions in the image, ascending
   * @param records offsets of their records in the image
   * @returns false when there is no room, with nothing changed
   */
  fill(starts: ArrayLike<number>, records: ArrayLike<number>): boolean {
    if (this.#count > 0 || starts.length > this.#capacity) return false;
    const count = starts.length;
    this.#header.ensure(TABLE_START + 8 * count);
    const entries = this.#header.i32;
    for (let i = 0; i < count; i++) {
      entries[TABLE + 2 * i] = (starts[i] ?? 0) - this.#textStart + this.#textFromHeader;
      entries[TABLE + 2 * i + 1] = (records[i] ?? 0) - this.#textStart + this.#textFromHeader;
    }
    this.#count = count;
    this.#functions = this.#capacity;
    Atomics.store(entries, COUNT, count);
    return true;
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
   * True when a function at `value` would share a granule with another that it does not overlap: an entry of the table leads
   * to one record only.
   */
  isCrowded(value: number, start: bigint, length: number): boolean {
    const { first, end } = this.#granules(value, length);
    return [first, end - 1].some((granule) => {
      if (granule >= this.#count || length === 0) return false;
      const targets = [this.#targetAt(granule), ...(this.#under.get(granule) ?? [])];
      return targets.some(
        (target) => target !== this.#nothingTarget && !this.#overlaps(target, start, length),
      );
    });
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
    if (this.#functions >= this.#capacity) return -1;
    const cieOffset = this.#cieFor(cie);
    if (cieOffset < 0) return -1;
    const { first, end } = this.#granules(value, length);
    this.#growTable(end);
    const record = encodeFde({ start, length, instructions, ...(lsda === undefined ? {} : { lsda }) }, 0);
    const offset = this.#place(record, cieOffset);
    if (offset < 0) return -1;
    this.#functions++;
    for (let granule = first; granule < end; granule++)
      this.#claim(granule, offset + this.#recordsFromHeader);
    return offset;
  }

  /** Removes the information whose record is at `offset`, for the function at `value`. */
  remove(offset: number, value: number): void {
    const { first, end } = this.#granules(value, this.#records.i32[(offset + FDE_RANGE) >> 2] ?? 0);
    for (let granule = first; granule < end; granule++)
      this.#disclaim(granule, offset + this.#recordsFromHeader);
    this.#functions--;
    const size = this.recordAt(offset).length;
    this.#blank(offset);
    const list = this.#free.get(size);
    if (list === undefined) this.#free.set(size, [offset]);
    else list.push(offset);
  }

  get #nothingTarget(): number {
    return this.#nothing + this.#recordsFromHeader;
  }

  #granules(value: number, length: number): { first: number; end: number } {
    const start = value - this.#textStart;
    const first = Math.floor(start / GRANULE);
    return { first, end: length === 0 ? first : Math.ceil((start + length) / GRANULE) };
  }

  #overlaps(target: number, start: bigint, length: number): boolean {
    const words = this.#records.i32;
    const record = target - this.#recordsFromHeader;
    // Addresses in one object differ by less than 2 GiB, so the lower halves tell.
    const distance = ((words[(record + FDE_START) >> 2] ?? 0) - Number(start & 0xffff_ffffn)) | 0;
    return distance < length && distance + (words[(record + FDE_RANGE) >> 2] ?? 0) > 0;
  }

  /** Entries of new granules stand before the count says so. */
  #growTable(granules: number): void {
    if (granules <= this.#count) return;
    this.#header.ensure(TABLE_START + 8 * granules);
    const entries = this.#header.i32;
    for (let granule = this.#count; granule < granules; granule++) {
      entries[TABLE + 2 * granule] = this.#textFromHeader + GRANULE * granule;
      entries[TABLE + 2 * granule + 1] = this.#nothingTarget;
    }
    this.#count = granules;
    Atomics.store(entries, COUNT, granules);
  }

  /** The newest record of a granule answers for it. */
  #claim(granule: number, target: number): void {
    const old = this.#targetAt(granule);
    if (old !== this.#nothingTarget) this.#under.set(granule, [...(this.#under.get(granule) ?? []), old]);
    Atomics.store(this.#header.i32, TABLE + 2 * granule + 1, target);
  }

  #disclaim(granule: number, target: number): void {
    const under = this.#under.get(granule) ?? [];
    if (this.#targetAt(granule) === target) {
      Atomics.store(this.#header.i32, TABLE + 2 * granule + 1, under.pop() ?? this.#nothingTarget);
    } else {
      under.splice(under.indexOf(target), 1);
    }
    if (under.length === 0) this.#under.delete(granule);
  }

  #targetAt(granule: number): number {
    return this.#header.i32[TABLE + 2 * granule + 1] ?? 0;
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
}
