/** The dynamic section as text and JSON. */
import {
  DT,
  type DynamicEntry,
  type DynamicTable,
  dynamicFlag1Names,
  dynamicFlagNames,
  PT,
} from "../../elf/index.ts";
import { address, bare, hex, jsonConstant, jsonHex, type Lines, plural, type View } from "./view.ts";

const TEXTS: ReadonlyMap<number, string> = new Map([
  [DT.DT_NEEDED, "Shared library"],
  [DT.DT_SONAME, "Library soname"],
  [DT.DT_RPATH, "Library rpath"],
  [DT.DT_RUNPATH, "Library runpath"],
  [DT.DT_AUXILIARY, "Auxiliary library"],
  [DT.DT_FILTER, "Filter library"],
]);

/** Tags by the end of their name: sizes in bytes, and plain counts. */
const SIZE = /(SZ|ENT)$/;
const COUNT = /(NUM|COUNT)$/;

export function* dynamicText({ elf }: View): Lines {
  const table = elf.dynamic();
  yield "";
  if (table === undefined) {
    yield "There is no dynamic section in this file.";
    return;
  }
  const segment = elf.segments.find(({ type }) => type === PT.PT_DYNAMIC);
  const offset = segment?.offset ?? elf.sectionsNamed(".dynamic")[0]?.offset ?? 0;
  yield `Dynamic section at offset 0x${hex(offset)} contains ${plural(table.entries.length, "entry", "entries")}:`;
  yield elf.header.is64
    ? "  Tag        Type                         Name/Value"
    : "  Tag        Type                 Name/Value";
  for (const entry of table.entries) {
    const name = bare(table.tagName(entry.tag), "DT_");
    const shown = `(${name})`.padEnd(20);
    yield ` 0x${address(elf, entry.tag)} ${shown} ${valueText(table, name, entry)}`;
  }
}

function valueText(table: DynamicTable, name: string, entry: DynamicEntry): string {
  const { tag, value } = entry;
  const text = table.stringOf(entry);
  if (text !== undefined) {
    const label = TEXTS.get(tag);
    return label === undefined ? `[${text}]` : `${label}: [${text}]`;
  }
  if (tag === DT.DT_FLAGS) {
    return dynamicFlagNames(Number(value))
      .map((flag) => bare(flag, "DF_"))
      .join(" ");
  }
  if (tag === DT.DT_FLAGS_1) {
    return `Flags: ${dynamicFlag1Names(Number(value))
      .map((flag) => bare(flag, "DF_1_"))
      .join(" ")}`;
  }
  if (tag === DT.DT_PLTREL) {
    return bare(table.tagName(Number(value)), "DT_");
  }
  if (SIZE.test(name)) {
    return `${value} (bytes)`;
  }
  return COUNT.test(name) ? String(value) : `0x${hex(value)}`;
}

export function dynamicJson({ elf }: View): unknown {
  const table = elf.dynamic();
  return (
    table?.entries.map((entry) => {
      const text = table.stringOf(entry);
      return {
        tag: jsonConstant(entry.tag, table.tagName(entry.tag)),
        value: jsonHex(entry.value),
        ...(text === undefined ? {} : { text }),
      };
    }) ?? null
  );
}
