/**
 * A reader of `PT_GNU_EH_FRAME` that shares nothing with the product, and searches the table the way libgcc does.
 * [LSB 5.0, 10.6; libgcc unwind-dw2-fde-dip.c]
 */
const PT_GNU_EH_FRAME = 0x6474_e550;

/** A frame description entry: what it covers, as addresses. */
export interface Fde {
  readonly start: bigint;
  readonly length: number;
}

export class EhFrameTable {
  readonly #file: DataView;
  readonly #header: number;
  readonly count: number;

  /** @throws when the table is not one that an unwinder accepts */
  constructor(file: Uint8Array) {
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    this.#file = view;
    this.#header = programHeader(view);
    const encodings = [0, 1, 2, 3].map((at) => view.getUint8(this.#header + at));
    if (encodings.join() !== [1, 0x1b, 0x03, 0x3b].join())
      throw new Error(`.eh_frame_hdr: ${encodings.join()}`);
    this.count = view.getUint32(this.#header + 8, true);
    for (let i = 1; i < this.count; i++) {
      if (this.#location(i) < this.#location(i - 1))
        throw new Error(`.eh_frame_hdr: entry ${i} is not sorted`);
    }
    for (let i = 0; i < this.count; i++) this.#fdeOf(i);
  }

  /** File offset of `.eh_frame`, by the header's own pointer. */
  get frames(): number {
    return this.#header + 4 + this.#file.getInt32(this.#header + 4, true);
  }

  /** The FDE that an unwinder finds for a place in the image; `undefined` when that one does not cover it. */
  find(place: number, base: bigint): Fde | undefined {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#location(middle) <= place) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return undefined;
    const fde = this.#fdeOf(low - 1);
    const address = base + BigInt(place);
    return fde.start <= address && address < fde.start + BigInt(fde.length) ? fde : undefined;
  }

  /** Records of `.eh_frame` up to its terminator, as bytes. */
  records(): Uint8Array {
    let end = this.frames;
    for (let length = -1; length !== 0; end += length + 4) length = this.#file.getUint32(end, true);
    return new Uint8Array(this.#file.buffer, this.#file.byteOffset + this.frames, end - this.frames);
  }

  #location(index: number): number {
    return this.#header + this.#file.getInt32(this.#header + 12 + 8 * index, true);
  }

  #fdeOf(index: number): Fde {
    const at = this.#header + this.#file.getInt32(this.#header + 16 + 8 * index, true);
    const length = this.#file.getUint32(at, true);
    if (length < 20) throw new Error(`.eh_frame: entry ${index} leads to a record of ${length} bytes`);
    const cie = at + 4 - this.#file.getUint32(at + 4, true);
    if (this.#file.getUint32(cie + 4, true) !== 0)
      throw new Error(`.eh_frame: FDE at ${at} has no CIE at ${cie}`);
    return {
      start: this.#file.getBigUint64(at + 8, true),
      length: Number(this.#file.getBigUint64(at + 16, true)),
    };
  }
}

function programHeader(view: DataView): number {
  const at = Number(view.getBigUint64(32, true));
  for (let i = 0; i < view.getUint16(56, true); i++) {
    if (view.getUint32(at + 56 * i, true) === PT_GNU_EH_FRAME)
      return Number(view.getBigUint64(at + 56 * i + 8, true));
  }
  throw new Error("no PT_GNU_EH_FRAME");
}
