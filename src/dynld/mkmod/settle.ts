/** Settles what can be settled before a module is loaded: see link/prelink.ts for what comes of it. */
import { EM } from "../../elf/constants/machine.ts";
import { SHT } from "../../elf/constants/section.ts";
import { STB } from "../../elf/constants/symbol.ts";
import { codeRelocations } from "../../elf/machine/relocate/registry.ts";
import type { CodeFormula } from "../../elf/machine/relocate/row.ts";
import { DynldError } from "../../errors.ts";
import type { ModuleFile } from "../link/input.ts";
import { ModuleLink } from "../link/link.ts";
import { encodePrelink, FIXUP, MAP_BITS, mapLength, POINTER, segmentDistances } from "../link/prelink.ts";
import { RecordRelocator } from "../link/record-relocator.ts";
import { tablesOf } from "../link/records.ts";
import type { SegmentAddresses } from "../link/relocator.ts";
import { alignUp, SEGMENTS } from "../link/sections.ts";
import { NO_SLOT } from "../link/slots.ts";
import { ORIGIN } from "../link/symbols.ts";

/** What a module's sections hold when it is settled, and the section that says what is left to do. */
export interface Settled {
  /** By section index, of those that are loaded and have contents. */
  readonly contents: ReadonlyMap<number, Uint8Array>;
  readonly prelink: Uint8Array;
}

/** Farther than any displacement reaches: what is imported is called by way of a stub. */
const FAR = 0x7000_0000_0000n;
const ADDEND_LIMIT = 2 ** 31;

/** Values that stay as they are wherever the module lies, if the symbol lies in it. */
const RELATIVE: ReadonlySet<CodeFormula> = new Set([
  "S + A - P",
  "L + A - P",
  "L + A - GOT",
  "S + A - GOT",
  "GOT + A - P",
  "G + A - P",
  "G + A - GOT",
]);

/** @returns `undefined` of a module that must lie in a certain place, or has more to it: it is linked when it is loaded */
export function settle(file: ModuleFile): Settled | undefined {
  try {
    return settleLink(file);
  } catch (error) {
    // What is wrong with it is told, with all that is, when it is loaded.
    if (error instanceof DynldError) return undefined;
    throw error;
  }
}

function settleLink(file: ModuleFile): Settled | undefined {
  const link = ModuleLink.plan([file], {
    imports: { find: () => ({ address: FAR }), names: () => [] },
  });
  const { relocator, size, symbols } = link;
  // What may give way to others is not settled.
  if (symbols.binding.includes(STB.STB_GNU_UNIQUE)) return undefined;
  if (link.inputs[0]?.elf.header.machine !== EM.EM_X86_64 || !(relocator instanceof RecordRelocator)) {
    return undefined;
  }
  const { isLow, near, hasIndirect } = relocator;
  if (isLow || near.length > 0 || hasIndirect || size.threads > 0) return undefined;
  const found = findPlaces(link, relocator);
  if (found === undefined) return undefined;
  const { bss } = link.sections;
  const distances = segmentDistances(size.text, size.rodata);
  const at: SegmentAddresses = { text: 0, rodata: distances[0], data: distances[1], threads: 0 };
  const bytes = {
    text: new Uint8Array(alignUp(size.text, POINTER)),
    rodata: new Uint8Array(alignUp(size.rodata, POINTER)),
    data: new Uint8Array(alignUp(size.data, POINTER)),
    threads: new Uint8Array(0),
  };
  link.place(bytes, at);
  const maps = [new Uint32Array(mapLength(size.rodata)), new Uint32Array(mapLength(bss))] as const;
  const odd: number[] = [];
  for (const { segment, offset } of found.pointers) {
    const words = new DataView(bytes[SEGMENTS[segment] ?? "text"].buffer, offset, POINTER);
    const map = segment === 0 ? undefined : maps[segment - 1];
    if (map === undefined || offset % POINTER !== 0 || words.getUint32(4, true) !== 0) {
      odd.push(segment, offset);
      continue;
    }
    const index = offset / POINTER;
    const word = Math.floor(index / MAP_BITS);
    map[word] = (map[word] ?? 0) | (1 << (index % MAP_BITS));
  }
  for (let i = 0; i < found.fixups.length; i += FIXUP) {
    const [segment = 0, offset = 0] = found.fixups.slice(i, i + 2);
    bytes[SEGMENTS[segment] ?? "text"].fill(0, offset, offset + POINTER);
  }
  const contents = new Map<number, Uint8Array>();
  for (const { section, segment, offset, size: length } of link.sections.pieces) {
    if (section.type === SHT.SHT_NOBITS) continue;
    contents.set(section.index, bytes[segment].subarray(offset, offset + length));
  }
  const stubs = bytes.text.slice(size.text - relocator.stubSize, size.text);
  const prelink = encodePrelink({
    sizes: [size.text, size.rodata, size.data, bss],
    distances,
    table: new Uint32Array(bytes.rodata.buffer, 0, relocator.entries * 2),
    stubs: new Uint32Array(stubs.buffer),
    maps,
    odd: Uint32Array.from(odd),
    fixups: Uint32Array.from(found.fixups),
    frames: link.frames(bytes),
  });
  return { contents, prelink };
}

/** A pointer: the number of its segment, and where it is in that. */
interface Place {
  readonly segment: number;
  readonly offset: number;
}

interface Places {
  /** To the module itself. */
  readonly pointers: Place[];
  /** To imports: segment, offset, number of the symbol, addend. */
  readonly fixups: number[];
}

/** All places that depend on where the module or an import lies; `undefined` if one is no whole address. */
function findPlaces(link: ModuleLink, relocator: RecordRelocator): Places | undefined {
  const places: Places = { pointers: [], fixups: [] };
  const { symbols } = link;
  /** @returns whether it can be told */
  const note = (place: Place, id: number, addend: bigint): boolean => {
    switch (symbols.origin[id]) {
      case ORIGIN.piece:
      case ORIGIN.common:
      case ORIGIN.made:
        places.pointers.push(place);
        return true;
      case ORIGIN.imported: {
        if (addend < -ADDEND_LIMIT || addend >= ADDEND_LIMIT) return false;
        const { segment, offset } = place;
        places.fixups.push(segment, offset, symbols.index[id] ?? 0, Number(BigInt.asUintN(32, addend)));
        return true;
      }
      default:
        return symbols.origin[id] === ORIGIN.absolute;
    }
  };
  const rodata = SEGMENTS.indexOf("rodata");
  const { entry, pair, distance, block } = relocator.slots;
  if (
    block !== NO_SLOT ||
    pair.some((index) => index !== NO_SLOT) ||
    distance.some((index) => index !== NO_SLOT)
  ) {
    return undefined;
  }
  for (const [id, index] of entry.entries()) {
    if (index !== NO_SLOT && !note({ segment: rodata, offset: index * POINTER }, id, 0n)) return undefined;
  }
  for (const records of relocator.records) {
    const { segment: name, offset: start } = records.piece;
    const segment = SEGMENTS.indexOf(name);
    for (const table of tablesOf(records)) {
      const rows = codeRelocations(table.machine);
      for (let i = 0; i < table.length; i++) {
        const row = rows[table.type(i)];
        if (row === undefined || row.size === 0) continue;
        const id = records.ids[table.symbol(i)] ?? 0;
        const origin = symbols.origin[id];
        const isWhole = row.formula === "S + A" && row.size === POINTER;
        if (isWhole) {
          const place = { segment, offset: start + table.offset(i) };
          if (!note(place, id, table.addend(i) ?? 0n)) return undefined;
        } else if (row.formula === "S + A") {
          if (origin !== ORIGIN.absolute) return undefined;
        } else if (RELATIVE.has(row.formula)) {
          const isSelf = row.formula.startsWith("G");
          const isCall = row.formula === "L + A - P" && row.size < POINTER;
          if (!isSelf && (origin === ORIGIN.absolute || (origin === ORIGIN.imported && !isCall)))
            return undefined;
        } else if (row.formula !== "Z + A") {
          return undefined;
        }
      }
    }
  }
  return places;
}
