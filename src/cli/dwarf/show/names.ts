/** `bindery dwarf names`: the look-up tables of names, of all versions. */
import { tagName } from "../../../dwarf/constants/tag.ts";
import { NameEntryCursor } from "../../../dwarf/read/names/entry.ts";
import { type NameIndex, nameIndexes } from "../../../dwarf/read/names/names.ts";
import { PublicNameCursor } from "../../../dwarf/read/names/pubnames.ts";
import type { FieldReader } from "../../../dwarf/relocation/field.ts";
import type { Dump, Group } from "../dump.ts";
import type { DumpFile } from "../file.ts";
import type { NamesOptions } from "../options.ts";
import { setsOf } from "../sets.ts";
import { hex, offsetText } from "../units.ts";

/** Sections of sets, in the order in which they are shown. */
const SETS = ["debug_pubnames", "debug_pubtypes", "debug_gnu_pubnames", "debug_gnu_pubtypes"];

interface NameEntry {
  readonly name: string;
  /** Of the entry in its section; absent when it is in a file that is not at hand. */
  readonly die?: number;
  readonly tag?: string;
  /** What GNU's tables say: `function`. */
  readonly kind?: string;
  readonly linkage?: "external" | "static";
  readonly hash?: string;
  /** Signature of the type unit that it is in, of a split file. */
  readonly signature?: string;
}

export function namesDump({ name: wanted }: NamesOptions): Dump<NameEntry> {
  return {
    groups: "tables",
    items: "names",
    absent: "There are no tables of names in this file.",
    counted: ["tables", "names"],
    *groupsOf(file) {
      const { dwarf } = file;
      for (const section of SETS.flatMap((name) => dwarf.sections.named(name))) {
        yield* setGroups(file, dwarf.reader(section), wanted);
      }
      for (const index of nameIndexes(dwarf)) yield indexGroup(index, wanted);
    },
    text: nameLines,
  };
}

function* nameLines(entry: NameEntry): IterableIterator<string> {
  const { name, die, tag, kind, linkage, hash, signature } = entry;
  const place = die === undefined ? "-".padEnd(10) : offsetText(die);
  const what = [linkage, kind, tag, hash && `hash ${hash}`, signature && `type ${signature}`];
  yield ["   ", place, ...what.filter((word) => word !== undefined), JSON.stringify(name)].join(" ");
}

function* setGroups(
  file: DumpFile,
  reader: FieldReader,
  wanted: string | undefined,
): IterableIterator<Group<NameEntry>> {
  const at = new PublicNameCursor(reader);
  const { section } = reader.section;
  for (const _ of setsOf(file, at)) {
    const { set: offset, offsetSize, unitLength } = at;
    const unit = file.attempt(() => at.unitOffset);
    if (unit === undefined) continue;
    const length = `${unitLength} bytes, ${8 * offsetSize}-bit format`;
    yield {
      title: `${section}+${hex(offset)}: unit at .debug_info+${hex(unit)}, ${length}`,
      fields: { section, offset, unit, unitLength, offsetSize },
      *items() {
        while (at.next()) {
          const { name, entry, gnu, kind = "unknown", isStatic } = at;
          if (wanted !== undefined && name !== wanted) continue;
          const flags = gnu ? ({ kind, linkage: isStatic ? "static" : "external" } as const) : {};
          yield { name, die: unit + entry, ...flags };
        }
      },
    };
  }
}

function indexGroup(index: NameIndex, wanted: string | undefined): Group<NameEntry> {
  const { offset, version, unitCount, localTypeCount, foreignTypeCount, bucketCount, length, augmentation } =
    index;
  const { section } = index.reader.section;
  const counts = `${unitCount} units, ${localTypeCount} + ${foreignTypeCount} type units, ${bucketCount} buckets`;
  return {
    title: `${section}+${hex(offset)}: version ${version}, ${length} names, ${counts}, augmentation ${JSON.stringify(augmentation)}`,
    fields: {
      section,
      offset,
      version,
      units: unitCount,
      localTypeUnits: localTypeCount,
      foreignTypeUnits: foreignTypeCount,
      buckets: bucketCount,
      augmentation,
    },
    *items() {
      for (let i = 0; i < index.length; i++) yield* entriesOf(index, i, wanted);
    },
  };
}

/** The entries of one name. */
function* entriesOf(
  index: NameIndex,
  number: number,
  wanted: string | undefined,
): IterableIterator<NameEntry> {
  const name = index.name(number);
  if (wanted !== undefined && name !== wanted) return;
  const hash = index.hash(number);
  const at = new NameEntryCursor(index, index.entries(number));
  while (at.next()) {
    const { entry, tag, linkage, typeUnitIndex, unit } = at;
    const isForeign = typeUnitIndex >= index.localTypeCount;
    yield {
      name,
      ...(unit !== undefined && entry >= 0 && { die: unit.header.offset + entry }),
      tag: tagName(tag),
      ...(linkage !== undefined && { linkage: linkage === "internal" ? "static" : "external" }),
      ...(hash !== undefined && { hash: hex(hash) }),
      ...(isForeign && { signature: hex(index.foreignSignature(typeUnitIndex - index.localTypeCount)) }),
    };
  }
}
