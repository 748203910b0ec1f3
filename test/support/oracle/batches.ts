/** Batches of entries against the cursor, which is compared with other readers: both must give the same. */
import type { Dwarf } from "../../../src/dwarf/dwarf.ts";
import type { EntryBatch } from "../../../src/dwarf/read/entry/batch.ts";
import type { EntryCursor } from "../../../src/dwarf/read/entry/cursor.ts";
import type { Comparison } from "./compare.ts";

/** Compares all entries and values of a file. */
export function compareBatches(dwarf: Dwarf): Comparison {
  const result: Comparison = { lines: 0, differences: [], excused: new Map() };
  let batch: EntryBatch | undefined;
  for (const unit of dwarf.units()) {
    batch = unit.batch(batch);
    const at = unit.entries();
    while (batch.fill() > 0) {
      for (let entry = 0; entry < batch.count; entry++) {
        if (!at.next())
          result.differences.push(`0x${at.offset.toString(16)}: the cursor ends before the batch`);
        const difference = entryDifference(batch, entry, at);
        if (difference !== undefined) result.differences.push(difference);
        result.lines += 1 + (batch.firstValues[entry + 1] ?? 0) - (batch.firstValues[entry] ?? 0);
        if (result.differences.length > 8) return result;
      }
    }
    if (at.next()) result.differences.push(`0x${at.offset.toString(16)}: the batch ends before the cursor`);
  }
  return result;
}

function entryDifference(batch: EntryBatch, entry: number, at: EntryCursor): string | undefined {
  const declaration = batch.declarations[entry] ?? -1;
  const [offset, depth, tag] = [batch.offsets[entry], batch.depths[entry], batch.abbrevs.tags[declaration]];
  if (offset !== at.offset || depth !== at.depth || tag !== at.tag) {
    return `ours:   0x${offset?.toString(16)} ${depth} ${tag}\ntheirs: 0x${at.offset.toString(16)} ${at.depth} ${at.tag}`;
  }
  const end = batch.firstValues[entry + 1] ?? 0;
  for (let value = batch.firstValues[entry] ?? 0; value < end; value++) {
    const [low, high] = [batch.lows[value], batch.highs[value]];
    if (!at.nextAttribute() || low !== at.low || high !== at.high) {
      return `ours:   0x${offset.toString(16)} ${low} ${high}\ntheirs: attribute 0x${at.attribute.toString(16)} ${at.low} ${at.high}`;
    }
  }
  return at.nextAttribute() ? `0x${offset.toString(16)}: the batch has too few values` : undefined;
}
