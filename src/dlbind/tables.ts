/**
 * The part of a live object's file that Bindery writes through a mapping of its own: all tables, text and read-only
 * data. The loader's mapping of the same pages is private; it shows what is stored here as long as nobody has written
 * to it, which for these segments only a debugger can.
 */
import { writeSync } from "node:fs";
import { allocateBlocks, mapShared, unmap } from "../host/memory.ts";
import { NativeRegion } from "../host/region.ts";
import { Column } from "./column.ts";
import { EH_FRAME_HDR_LEAD, LiveFrames } from "./frames.ts";
import { encodePrototype } from "./image.ts";
import type { Layout, Span, ThreadBlock } from "./layout.ts";
import { type NameBuffer, StringSpace } from "./strings.ts";
import { LiveSymbols } from "./symbols.ts";

export interface TableOptions {
  readonly soname: string;
  readonly versions: readonly string[];
  readonly fixed: boolean;
  /** Takes disk blocks before they are stored to. */
  readonly onDisk: boolean;
  /** See {@link LiveSymbols}. */
  readonly quiesce: () => void;
  readonly block?: ThreadBlock | undefined;
}

export class LiveTables {
  readonly layout: Layout;
  readonly headers: NativeRegion;
  readonly debugHeaders: NativeRegion;
  readonly text: NativeRegion;
  readonly rodata: NativeRegion;
  readonly names: StringSpace;
  readonly symbols: LiveSymbols;
  readonly frames: LiveFrames;
  /** By symbol: offset of the call-frame record that came with it, plus one; 0 when none did. */
  readonly frameOf = new Column();
  /** Makes what takes blocks for a span before it is stored to; `undefined` where no disk can be full. */
  readonly reserve: ((span: Span) => (from: number, to: number) => void) | undefined;
  readonly #alias: bigint;
  readonly #regions: NativeRegion[] = [];

  /** Writes the prototype into `fd`, which stays the caller's, and maps it. */
  constructor(fd: number, layout: Layout, name: NameBuffer, options: TableOptions) {
    this.layout = layout;
    this.#alias = mapShared(fd, layout.dynamic.offset);
    this.reserve = options.onDisk ? reserveBlocks(fd) : undefined;
    const region = (span: Span): NativeRegion => {
      const made = new NativeRegion(this.#alias + BigInt(span.offset), span.size, this.reserve?.(span));
      this.#regions.push(made);
      return made;
    };
    try {
      this.headers = region({ offset: 0, size: layout.debugHeaders.offset });
      this.debugHeaders = region(layout.debugHeaders);
      this.text = region(layout.text);
      this.rodata = region(layout.rodata);
      const dynstr = region(layout.dynstr);
      this.names = new StringSpace(dynstr, layout.dynstr.size);
      const hash = region(layout.hash);
      const dynsym = region(layout.dynsym);
      const versym = options.versions.length === 0 ? undefined : region(layout.versym);
      this.symbols = new LiveSymbols(layout, { hash, versym, dynsym }, this.names, options.quiesce);
      const { offset, size } = layout.ehFrameHdr;
      const header = region({ offset: offset - EH_FRAME_HDR_LEAD, size: size + EH_FRAME_HDR_LEAD });
      this.frames = new LiveFrames(layout, header, region(layout.ehFrame));
      const place = (text: string): { name: string; offset: number } => {
        name.set(text);
        const offset = this.names.take(name.length);
        this.names.put(offset, name);
        return { name: text, offset };
      };
      const soname = place(options.soname);
      const versions = options.versions.map(place);
      for (const piece of encodePrototype({
        layout,
        soname,
        versions,
        fixed: options.fixed,
        block: options.block,
      })) {
        writeSync(fd, piece.bytes, 0, piece.bytes.length, piece.offset);
      }
      this.headers.ensure(layout.debugHeaders.offset);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Ends all views and unmaps. */
  close(): void {
    for (const region of this.#regions) region.close();
    unmap(this.#alias, this.layout.dynamic.offset);
  }
}

function reserveBlocks(fd: number): (span: Span) => (from: number, to: number) => void {
  return (span) => (from, to) => allocateBlocks(fd, span.offset + from, to - from);
}
