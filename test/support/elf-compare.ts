/** Holds our reader against readelf, field by field. */
import { expect } from "vitest";
import { openElf } from "../../src/host/file.ts";
import { describe } from "./elf-model.ts";
import { type Description, readelf } from "./elf-readelf.ts";

/** Expects that our reader and readelf say the same of the file at `path`; throws what differs. */
export function expectSameAsReadelf(path: string): void {
  const told = readelf(path);
  using opened = openElf(path);
  const ours = describe(opened.elf);
  expect(pick(told.header, ours.header)).toEqual(ours.header);
  expect(ours.sections).toEqual(told.sections);
  expect(ours.segments).toEqual(told.segments);
  expect(ours.symbols).toEqual(told.symbols);
  expect(reduceRelocations(ours, told, opened.elf.header.is64)).toEqual(told.relocations);
  expect(reduceDynamic(ours.dynamic, told.dynamic)).toEqual(told.dynamic);
  expect(ours.notes).toEqual(told.notes);
  expect(ours.versionEntries).toEqual(told.versionEntries);
  expect(ours.definitions).toEqual(told.definitions);
  expect(ours.needs).toEqual(told.needs);
  expect(ours.groups).toEqual(told.groups);
  expect(ours.histograms).toEqual(told.histograms);
}

/** Of readelf's header the fields that we print too, without its explanations. */
function pick(told: Record<string, string>, ours: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.keys(ours).map((key) => {
      const text = told[key] ?? "";
      const extended = /^\d+ \((\d+)\)$/.exec(text);
      if (extended !== null) return [key, extended[1] ?? ""];
      return [
        key,
        key === "Type" ? (text.split(" ")[0] ?? "") : key === "Flags" ? (text.split(",")[0] ?? "") : text,
      ];
    }),
  );
}

/** readelf prints no addend for a record without one, and wraps negative ones of symbol-less records. */
function reduceRelocations(ours: Description, told: Description, is64: boolean): Record<string, unknown[]> {
  const mask = is64 ? 64 : 32;
  return Object.fromEntries(
    Object.entries(ours.relocations).map(([name, rows]) => {
      const theirs = told.relocations[name] ?? [];
      return [
        name,
        rows.map((row, i) => {
          const mine = { ...(row as { addend?: bigint | undefined }) };
          const their = (theirs[i] ?? {}) as { addend?: bigint | undefined };
          if (mine.addend === undefined) return "addend" in mine ? { ...mine, addend: their.addend } : mine;
          const same = their.addend !== undefined && BigInt.asUintN(mask, mine.addend - their.addend) === 0n;
          return same ? { ...mine, addend: their.addend } : mine;
        }),
      ];
    }),
  );
}

/** readelf spells some values out (flags, types); those it shows as numbers must be ours. */
function reduceDynamic(ours: readonly unknown[], told: readonly unknown[]): unknown[] {
  return ours.map((row, i) => {
    const { number, ...rest } = row as { number?: bigint };
    const their = (told[i] ?? {}) as { number?: bigint };
    return number === undefined || their.number === undefined ? rest : { ...rest, number };
  });
}
