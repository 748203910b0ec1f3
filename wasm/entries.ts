/**
 * The loop of EntryBatch, in AssemblyScript: entries of one unit with all their values, into columns [DWARF5 7.5.2].
 * What it does not know it leaves to src/dwarf/read/entry/batch.ts, which also says where everything lies in the memory.
 *
 * No read goes past the memory: values are read before the end of the unit is looked at, and behind the unit there are
 * zeros enough for the longest value without a length; where a length leads is looked at at once.
 */

/** How values are decoded: the numbers of src/dwarf/read/entry/decoding.ts. Up to FIXED, widths and summands are in tables. */
const DATA4: u32 = 3;
const OFFSET: u32 = 6;
const STRP: u32 = 8;
const FIXED: u32 = 8;
const UDATA: u32 = 9;
const SDATA: u32 = 10;
const EXPRLOC: u32 = 11;
const BLOCK1: u32 = 12;
const ADDR: u32 = 13;
const STRING: u32 = 14;
const IMPLICIT: u32 = 15;
const DATA8: u32 = 16;

/** Bytes of an `Elf64_Rela`, and where its symbol and addend are. */
const RECORD: u32 = 24;
const TYPE: u32 = 8;
const SYMBOL: u32 = 12;
const ADDEND: u32 = 16;
/** Behind every place. */
const NOWHERE: u32 = u32.MAX_VALUE;

/** Where the unit lies, and how far it was read. `origin` is its offset in the section. */
export let unit: u32 = 0;
export let end: u32 = 0;
export let at: u32 = 0;
export let origin: f64 = 0;
export let little: bool = true;
export let addressSize: u32 = 8;

/** Levels below the root. */
export let depth: u32 = 0;

/** The abbreviations: how many, where the values of each begin, whether it owns entries; decodings and constants of all. */
export let declarations: u32 = 0;
export let firsts: u32 = 0;
export let children: u32 = 0;
export let decodings: u32 = 0;
export let constants: u32 = 0;
/** Declaration by code, plus one, where codes do not count up from 1; then `codes` many. */
export let numbers: u32 = 0;
export let codes: u32 = 0;

/** By decoding: bytes, which of four count, what is added. What has no width that is known here is left to the caller. */
export let widths: u32 = 0;
export let masks: u32 = 0;
export let summands: u32 = 0;

/** The relocations of the unit: the first not yet passed, their end, and the type that is a plain sum of 4 bytes. */
export let record: u32 = 0;
export let recordsEnd: u32 = 0;
export let plainType: u32 = 0;
/** Symbols that are known, with the low halves of their values: a symbol is looked for at its number modulo SYMBOLS. */
export let symbols: u32 = 0;
export const SYMBOLS: u32 = 1024;

/** The strings of `DW_FORM_strp`, where the first byte of each is looked at; none are if their size is 0. */
export let texts: u32 = 0;
export let textsSize: u32 = 0;
/** Strings that were looked at, those in place too, and the sum of their first bytes. */
export let looked: u32 = 0;
export let firstBytes: u32 = 0;

/** The columns, how many entries and values have room, and how many are filled. */
export let offsetColumn: u32 = 0;
export let declarationColumn: u32 = 0;
export let depthColumn: u32 = 0;
export let firstColumn: u32 = 0;
export let lowColumn: u32 = 0;
export let highColumn: u32 = 0;
export let mostEntries: u32 = 0;
export let mostValues: u32 = 0;
export let entries: u32 = 0;
export let values: u32 = 0;

/**
 * Reads entries until the unit ends or a column is full.
 * @returns whether the entry at `at` must be read form by form
 */
export function run(): bool {
  let p = at;
  let r = record;
  let level = depth;
  let e = entries;
  let v = values;
  let declined = false;
  const stop = end;
  const lastRecord = recordsEnd;
  const isLittle = little;
  const lows = lowColumn;
  const highs = highColumn;
  const kinds = decodings;
  const byKind = summands;
  const byMask = masks;
  const looks = textsSize;
  let seen = looked;
  let sum = firstBytes;
  // Offsets in records count from the section, of which the low half is enough within a unit.
  const shift = <u32>(<u64>origin) - unit;
  let nextPlace: u32 = r < lastRecord ? load<u32>(r) - shift : NOWHERE;
  while (p < stop) {
    const start = p;
    let code: u32 = load<u8>(p++);
    if (code > 127) {
      const second: u32 = load<u8>(p++);
      code = (code & 127) | ((second & 127) << 7);
      declined = second > 127;
    }
    if (code === 0 && !declined) {
      // A chain of siblings ends. Compilers also pad the end of a unit with zeros, above the root then.
      if (level > 0) level--;
      continue;
    }
    let declaration = code - 1;
    if (numbers !== 0) declaration = code < codes ? load<u32>(numbers + (code << 2)) - 1 : NOWHERE;
    if (declined || declaration >= declarations) {
      declined = true;
      p = start;
      break;
    }
    let index = load<u32>(firsts + (declaration << 2));
    const last = load<u32>(firsts + (declaration << 2), 4);
    const first = v;
    if (e === mostEntries || v + last - index > mostValues) {
      p = start;
      break;
    }
    for (; index < last; index++, v++) {
      const kind: u32 = load<u8>(kinds + index);
      const low = lows + (v << 3);
      const high = highs + (v << 2);
      if (kind - 1 < FIXED) {
        const width: u32 = load<u8>(widths + kind);
        let value = load<u32>(p);
        if (isLittle) value &= load<u32>(byMask + (kind << 2));
        else value = width === 0 ? 0 : bswap<u32>(value) >> (32 - (width << 3));
        if (p >= nextPlace || width > 4) {
          while (nextPlace < p) {
            r += RECORD;
            nextPlace = r < lastRecord ? load<u32>(r) - shift : NOWHERE;
          }
          if (nextPlace === p && (kind === STRP || kind === OFFSET || kind === DATA4)) {
            const symbol = load<u32>(r, SYMBOL);
            const known = symbols + ((symbol & (SYMBOLS - 1)) << 3);
            const after = r + RECORD < lastRecord ? load<u32>(r + RECORD) - shift : NOWHERE;
            declined = load<u32>(r, TYPE) !== plainType || load<u32>(known) !== symbol || after === p;
            value = load<u32>(known, 4) + load<u32>(r, ADDEND);
            r += RECORD;
            nextPlace = after;
          }
          if (declined || width > 4) {
            declined = true;
            break;
          }
        }
        if (kind === STRP && looks !== 0) {
          declined = value >= looks;
          if (declined) break;
          sum += load<u8>(texts + value);
          seen++;
        }
        p += width;
        store<f64>(low, <f64>value + load<f64>(byKind + (kind << 3)));
        store<u32>(high, 0);
      } else if (kind === IMPLICIT) {
        const constant = constants + (index << 3);
        store<f64>(low, <f64>load<u32>(constant));
        store<u32>(high, load<u32>(constant, 4));
      } else if (kind === STRING) {
        const text = p;
        while (load<u8>(p) !== 0) p++;
        store<f64>(low, origin + <f64>(text - unit));
        store<u32>(high, p - text);
        p++;
        declined = p > stop;
        if (declined) break;
        sum += load<u8>(text);
        seen++;
      } else if (kind === EXPRLOC || kind === BLOCK1) {
        const size: u32 = load<u8>(p++);
        store<f64>(low, origin + <f64>(p - unit));
        store<u32>(high, size);
        p += size;
        declined = p > stop || (size > 127 && kind === EXPRLOC);
        if (declined) break;
      } else if (kind === ADDR && addressSize !== 8) {
        let value = load<u32>(p);
        if (!isLittle) value = bswap<u32>(value);
        if (addressSize === 2) value = isLittle ? value & 0xffff : value >> 16;
        store<f64>(low, <f64>value);
        store<u32>(high, 0);
        p += addressSize;
      } else if (kind === ADDR || kind === DATA8) {
        while (nextPlace < p) {
          r += RECORD;
          nextPlace = r < lastRecord ? load<u32>(r) - shift : NOWHERE;
        }
        // A constant of eight bytes with a relocation is an offset, of the 64-bit format before DWARF 4.
        declined = kind === DATA8 && (nextPlace === p || load<u8>(widths + DATA8) !== 8);
        if (declined) break;
        const word = isLittle ? load<u64>(p) : bswap<u64>(load<u64>(p));
        store<f64>(low, <f64>(<u32>word));
        store<u32>(high, <u32>(word >> 32));
        p += 8;
      } else if (kind === UDATA) {
        let value: u32 = load<u8>(p++);
        if (value > 127) {
          const second: u32 = load<u8>(p++);
          value = (value & 127) | ((second & 127) << 7);
          if (second > 127) {
            const third: u32 = load<u8>(p++);
            value |= (third & 127) << 14;
            declined = third > 127;
            if (declined) break;
          }
        }
        store<f64>(low, <f64>value);
        store<u32>(high, 0);
      } else if (kind === SDATA) {
        let value: i32 = ((<i32>load<u8>(p)) << 25) >> 25;
        if (load<u8>(p++) > 127) {
          const second: i32 = load<u8>(p++);
          declined = second > 127;
          if (declined) break;
          value = (((value & 127) | (second << 7)) << 18) >> 18;
        }
        store<f64>(low, <f64>(<u32>value));
        store<u32>(high, <u32>(value >> 31));
      } else {
        declined = true;
        break;
      }
    }
    if (declined || p > stop) {
      declined = true;
      p = start;
      v = first;
      break;
    }
    store<f64>(offsetColumn + (e << 3), origin + <f64>(start - unit));
    store<u32>(declarationColumn + (e << 2), declaration);
    store<u32>(depthColumn + (e << 2), level);
    level += load<u8>(children + declaration);
    e++;
    store<u32>(firstColumn + (e << 2), v);
    looked = seen;
    firstBytes = sum;
  }
  at = p;
  // What was passed in an entry that was not read counts again.
  record = declined ? record : r;
  depth = level;
  entries = e;
  values = v;
  return declined;
}
