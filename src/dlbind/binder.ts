/**
 * Names of a live object: checking what is asked, keeping the symbol table, the call-frame information and the
 * list of names in each block in step, and leaving everything as it was when something does not fit.
 */
import { STB, STT, STV } from "../elf/constants/symbol.ts";
import { DlbindError } from "../errors.ts";
import { Allocation } from "./allocation.ts";
import { GRANULE } from "./arena.ts";
import type { SymbolBatch } from "./batch.ts";
import { placeBatch } from "./batch-places.ts";
import { Column } from "./column.ts";
import { FIRST_VERSION } from "./image.ts";
import type { LiveMemory, Located } from "./memory.ts";
import { type BindOptions, checkBind, type Unwind } from "./options.ts";
import type { LiveSegment } from "./segment.ts";
import { MAX_NAME, NameBuffer } from "./strings.ts";
import { HIDDEN_VERSION, NONE, type SymbolFields } from "./symbols.ts";
import type { LiveTables } from "./tables.ts";
import { FRAME_CIE, framePointerInstructions } from "./unwind.ts";

const VER_NDX_LOCAL = 0;
const VER_NDX_GLOBAL = 1;

/** Who wants to know of names that come and go. */
export interface NameListener {
  bound(slot: number): void;
  /** Called while the symbol can still be read. */
  unbinding(slot: number): void;
}

/** A symbol of a live object. */
export interface BoundSymbol {
  readonly name: string;
  readonly address: bigint;
  /** Bytes it covers. */
  readonly size: number;
  /** `STT_…` */
  readonly type: number;
  /** `STB_…` */
  readonly binding: number;
  /** `STV_…` */
  readonly visibility: number;
  readonly version: string | undefined;
}

export class Binder {
  readonly #object: string;
  readonly #tables: LiveTables;
  readonly #memory: LiveMemory;
  readonly #versions: readonly string[];
  readonly #listener: NameListener;
  readonly #name = new NameBuffer();
  /** By symbol: the next older, and the next newer, symbol of the same block. */
  readonly #nextInBlock = new Column();
  readonly #previousInBlock = new Column();
  #generation = 0;

  constructor(
    object: string,
    tables: LiveTables,
    memory: LiveMemory,
    versions: readonly string[],
    listener: NameListener,
  ) {
    this.#object = object;
    this.#tables = tables;
    this.#memory = memory;
    this.#versions = versions;
    this.#listener = listener;
  }

  /** Changes whenever a name moves or goes. */
  get generation(): number {
    return this.#generation;
  }

  get count(): number {
    return this.#tables.symbols.count;
  }

  bind(name: string, target: Allocation | bigint, options: BindOptions, move: boolean): bigint {
    this.#memory.checkLive();
    const place = this.#place(target);
    const { segment, offset } = place;
    checkBind(this.#object, name, options, segment.kind === "text");
    const local = options.binding === STB.STB_LOCAL && options.version === undefined;
    const version = local ? VER_NDX_LOCAL : this.#versionIndex(options.version);
    this.#setName(name);
    const room = place.block + segment.roomAt(place.block) - offset;
    const size = options.size ?? (typeof target === "bigint" ? room : target.size);
    if (!Number.isInteger(size) || size < 0 || size > room) {
      this.#fail(
        "DLBIND_OUTSIDE",
        `bind ${name}: size ${size}, expected at most the ${room} bytes allocated from there`,
      );
    }
    const fields = symbolFields(segment, offset, size, options, version);
    const old = this.#displaced(name, version, fields, move);
    this.#memory.tell();
    this.#memory.settleBlock(segment, place.block);
    this.#commit(name, old, fields, place, options.unwind);
    return this.#memory.base + BigInt(fields.value);
  }

  /** Binds all names of an object that has none, and declares no versions; its code is in place. */
  bindAll(batch: SymbolBatch): void {
    this.#memory.checkLive();
    const { symbols } = this.#tables;
    if (symbols.end > 1 || this.#versions.length > 0) {
      this.#fail(
        "DLBIND_UNSUPPORTED",
        `bind ${batch.length} names at once: the object has names, or versions of them, already`,
      );
    }
    const { sections, blocks } = placeBatch(this.#object, batch, this.#memory);
    const problem = symbols.fill(batch, sections);
    if (problem === "full") {
      this.#fail("DLBIND_TABLE_FULL", `bind ${batch.length} names at once: capacities are set at creation`);
    }
    if (problem !== undefined) this.#fail("DLBIND_DUPLICATE", `bind ${problem.duplicate}: it stands twice`);
    this.#memory.tellAll();
    const segments: (LiveSegment | undefined)[] = [];
    for (const segment of this.#memory.segments) segments[segment.section] = segment;
    for (let i = 0; i < batch.length; i++) {
      const segment = segments[sections[i] ?? 0];
      if (segment !== undefined) this.#attach(i + 1, segment, blocks[i] ?? 0);
      this.#listener.bound(i + 1);
    }
  }

  unbind(name: string, version: string | undefined): void {
    this.#memory.checkLive();
    const slot = this.#findAny(name, version);
    if (slot === NONE) {
      const full = version === undefined ? name : `${name}@${version}`;
      this.#fail("DLBIND_NOT_BOUND", `unbind ${full}: not bound`);
    }
    this.#drop(slot);
  }

  /** Removes every name in a block. */
  unbindBlock(segment: LiveSegment, block: number): void {
    for (let slot = segment.nameAt(block); slot !== NONE; slot = segment.nameAt(block)) this.#drop(slot);
  }

  /** Image offset behind the last byte that a name in the block covers; 0 when it has none. */
  coveredEnd(segment: LiveSegment, block: number): number {
    const { symbols } = this.#tables;
    let end = 0;
    for (let slot = segment.nameAt(block); slot !== NONE; slot = this.#nextInBlock.at(slot)) {
      end = Math.max(end, symbols.valueOf(slot) + symbols.sizeOf(slot));
    }
    return end;
  }

  /** The symbol of that name, or 0. */
  find(name: string, version: string | undefined): number {
    this.#memory.checkLive();
    return this.#findAny(name, version);
  }

  /** Every symbol there is. */
  *slots(): IterableIterator<number> {
    this.#memory.checkLive();
    const { symbols } = this.#tables;
    for (let slot = 1; slot < symbols.end; slot++) if (symbols.isBound(slot)) yield slot;
  }

  describe(slot: number): BoundSymbol {
    const { symbols } = this.#tables;
    const info = symbols.infoOf(slot);
    return {
      name: symbols.nameOf(slot),
      address: this.#memory.base + BigInt(symbols.valueOf(slot)),
      size: symbols.sizeOf(slot),
      type: info & 0xf,
      binding: info >> 4,
      visibility: symbols.otherOf(slot) & 3,
      version: this.#versions[symbols.versionOf(slot) - FIRST_VERSION],
    };
  }

  #place(target: Allocation | bigint): Located {
    if (typeof target === "bigint") return this.#memory.locate(target);
    if (!(target instanceof Allocation) || !this.#memory.owns(target)) {
      this.#fail("DLBIND_OUTSIDE", "bind: the allocation belongs to another object");
    }
    target.check();
    return { segment: target.segment, offset: target.offset, block: target.offset };
  }

  #setName(name: string): void {
    if (!this.#name.set(name)) {
      this.#fail(
        "DLBIND_BAD_ARGUMENT",
        `name ${JSON.stringify(name)}: expected 1 to ${MAX_NAME - 1} bytes of UTF-8 without NUL`,
      );
    }
  }

  #versionIndex(version: string | undefined): number {
    if (this.#versions.length === 0 && version === undefined) return 0;
    if (version === undefined) return VER_NDX_GLOBAL;
    const index = this.#versions.indexOf(version);
    if (index < 0) {
      const known = this.#versions.length === 0 ? "none" : this.#versions.join(", ");
      this.#fail(
        "DLBIND_UNKNOWN_VERSION",
        `version ${version}: not declared at creation; declared: ${known}`,
      );
    }
    return FIRST_VERSION + index;
  }

  /** The symbol that has to make way, or 0. */
  #displaced(name: string, version: number, fields: SymbolFields, move: boolean): number {
    if (!fields.reachable) return NONE;
    const old = this.#tables.symbols.find(this.#name, version);
    this.#checkOneDefault(name, old, fields);
    if (old === NONE || move) return old;
    const weak = this.#tables.symbols.infoOf(old) >> 4 === STB.STB_WEAK;
    if (!weak || fields.info >> 4 === STB.STB_WEAK) {
      this.#fail("DLBIND_DUPLICATE", `bind ${name}: bound already; rebind moves a name`);
    }
    return old;
  }

  /** The loader finds nothing for a name without a version where two versions of it claim to be the default one. */
  #checkOneDefault(name: string, old: number, fields: SymbolFields): void {
    if (fields.version < FIRST_VERSION || fields.version >= HIDDEN_VERSION) return;
    const other = this.#tables.symbols.findDefault(this.#name);
    if (other === NONE || other === old) return;
    const version = this.describe(other).version ?? "";
    this.#fail(
      "DLBIND_DUPLICATE",
      `bind ${name}: ${name}@@${version} is the default version already; all others have to be hidden`,
    );
  }

  #commit(name: string, old: number, fields: SymbolFields, place: Located, unwind: Unwind | undefined): void {
    const { symbols, frames } = this.#tables;
    const frame = unwind === undefined ? -1 : this.#addFrame(name, fields, place, unwind);
    let slot = NONE;
    try {
      slot = old === NONE ? symbols.add(this.#name, fields) : this.#replace(old, fields);
    } finally {
      if (slot === NONE && frame >= 0) frames.remove(frame, fields.value);
    }
    if (slot === NONE) {
      this.#fail(
        "DLBIND_TABLE_FULL",
        `bind ${name}: ${symbols.count} symbols; capacities are set at creation`,
      );
    }
    this.#attach(slot, place.segment, place.block);
    this.#tables.frameOf.set(slot, frame + 1);
    this.#listener.bound(slot);
  }

  #replace(old: number, fields: SymbolFields): number {
    // Nothing of the old one may go before it is certain that the new one can stand.
    this.#tables.symbols.makeRoom();
    this.#listener.unbinding(old);
    this.#detach(old);
    this.#generation++;
    return this.#tables.symbols.replace(old, fields);
  }

  #drop(slot: number): void {
    this.#listener.unbinding(slot);
    this.#detach(slot);
    this.#generation++;
    this.#tables.symbols.remove(slot);
  }

  #attach(slot: number, segment: LiveSegment, block: number): void {
    const newest = segment.nameAt(block);
    this.#nextInBlock.set(slot, newest);
    this.#previousInBlock.set(slot, NONE);
    if (newest !== NONE) this.#previousInBlock.set(newest, slot);
    segment.setNameAt(block, slot);
  }

  /** Takes a symbol out of its block's list, with the call-frame information that came with it. */
  #detach(slot: number): void {
    const { symbols, frames } = this.#tables;
    const value = symbols.valueOf(slot);
    const next = this.#nextInBlock.at(slot);
    const previous = this.#previousInBlock.at(slot);
    if (next !== NONE) this.#previousInBlock.set(next, previous);
    if (previous !== NONE) {
      this.#nextInBlock.set(previous, next);
    } else {
      const { segment, block } = this.#memory.locate(this.#memory.base + BigInt(value));
      segment.setNameAt(block, next);
    }
    const frame = this.#tables.frameOf.at(slot) - 1;
    if (frame >= 0) frames.remove(frame, value);
  }

  #addFrame(name: string, fields: SymbolFields, { segment, offset }: Located, unwind: Unwind): number {
    let instructions: Uint8Array | undefined;
    if (unwind === "frame-pointer") {
      instructions = framePointerInstructions(segment.memory.u8.subarray(offset, offset + fields.size));
      if (instructions === undefined) {
        this.#fail(
          "DLBIND_BAD_ARGUMENT",
          `bind ${name}: unwind: the code does not begin with push rbp; mov rbp, rsp`,
        );
      }
    } else {
      instructions = unwind.instructions;
    }
    const cie = unwind === "frame-pointer" ? FRAME_CIE : (unwind.cie ?? FRAME_CIE);
    const lsda = unwind === "frame-pointer" ? undefined : unwind.lsda;
    const start = this.#memory.base + BigInt(fields.value);
    if (this.#tables.frames.isCrowded(fields.value, start, fields.size)) {
      this.#fail(
        "DLBIND_UNSUPPORTED",
        `bind ${name}: unwind: another function with call frames lies in the same ${GRANULE} bytes; align functions to that`,
      );
    }
    const frame = this.#tables.frames.add(fields.value, start, fields.size, cie, instructions, lsda);
    if (frame < 0) this.#fail("DLBIND_TABLE_FULL", `bind ${name}: call frames: capacity is set at creation`);
    return frame;
  }

  #findAny(name: string, version: string | undefined): number {
    if (!this.#name.set(name)) return NONE;
    const { symbols } = this.#tables;
    const index = this.#versionIndex(version);
    const slot = symbols.find(this.#name, index);
    if (slot !== NONE) return slot;
    // A local name stands in no chain; who asks for one has few of them.
    for (let at = 1; at < symbols.end; at++) {
      if (symbols.isBound(at) && !symbols.isReachable(at) && symbols.isNamed(at, this.#name)) return at;
    }
    return NONE;
  }

  #fail(code: DlbindError["code"], what: string): never {
    throw new DlbindError(code, this.#object, what);
  }
}

function symbolFields(
  segment: LiveSegment,
  offset: number,
  size: number,
  options: BindOptions,
  version: number,
): SymbolFields {
  const binding = options.binding ?? STB.STB_GLOBAL;
  const type = options.type ?? (segment.kind === "text" ? STT.STT_FUNC : STT.STT_OBJECT);
  return {
    value: segment.span.offset + offset,
    size,
    info: (binding << 4) | type,
    other: options.visibility ?? STV.STV_DEFAULT,
    section: segment.section,
    version: version | (options.hidden === true ? HIDDEN_VERSION : 0),
    reachable: binding !== STB.STB_LOCAL,
  };
}
