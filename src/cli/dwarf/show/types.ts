/** `bindery dwarf types`: the types of units as the declarations of C that would make them. */
import { DW_AT } from "../../../dwarf/constants/attribute.ts";
import { DW_TAG } from "../../../dwarf/constants/tag.ts";
import { type Die, entryAt } from "../../../dwarf/die.ts";
import type { DwarfUnit } from "../../../dwarf/dwarf.ts";
import { dwarfError } from "../../../dwarf/place.ts";
import { typeDeclaration } from "../../../dwarf/type/declaration.ts";
import { typeDefinition } from "../../../dwarf/type/definition.ts";
import { type MemberLayout, typeLayout } from "../../../dwarf/type/layout.ts";
import { definedTypes } from "../../../dwarf/type/order.ts";
import { typeSize } from "../../../dwarf/type/size.ts";
import { add, type Dump } from "../dump.ts";
import type { DumpFile } from "../file.ts";
import type { TypesOptions } from "../options.ts";
import { unitFields, unitsOf, unitTitle } from "../units.ts";

interface Member {
  /** Absent of members without a name, and of base classes. */
  readonly name: string | undefined;
  readonly type: string;
  /** Bits from the start; absent when it is computed. */
  readonly bitOffset: number | undefined;
  readonly bitSize: number | undefined;
}

interface Type {
  readonly offset: number;
  readonly tag: string;
  readonly name: string | undefined;
  /** Bytes; absent of what has no size. */
  readonly size: number | undefined;
  readonly members?: readonly Member[];
  readonly enumerators?: Readonly<Record<string, string>>;
  readonly definition: string;
}

export function typesDump(options: TypesOptions): Dump<Type> {
  return {
    groups: "units",
    items: "types",
    absent: "There are no types in this file.",
    counted: ["units", "types", "members"],
    *groupsOf(file) {
      /** Of a name that was asked for: definitions shown, since most units have them all the same. */
      const shown = new Set<string>();
      for (const unit of unitsOf(file, options)) {
        const items = (): Iterable<Type> => typesOf(file, unit, options, shown);
        yield { title: `/* ${unitTitle(unit).replaceAll("*/", "* /")} */`, fields: unitFields(unit), items };
      }
    },
    *text({ definition }) {
      yield `${definition}\n`;
    },
    count({ members, enumerators }, counts) {
      add(counts, "members", members?.length ?? Object.keys(enumerators ?? {}).length);
    },
  };
}

function* typesOf(
  file: DumpFile,
  unit: DwarfUnit,
  { name, die: only }: TypesOptions,
  shown: Set<string>,
): IterableIterator<Type> {
  for (const die of only === undefined ? definedTypes(unit) : [typeAt(unit, only)]) {
    if (name !== undefined && die.name !== name) continue;
    const type = file.attempt(() => typeOf(die));
    if (type === undefined || shown.has(type.definition)) continue;
    if (name !== undefined) shown.add(type.definition);
    yield type;
  }
}

/** @throws DwarfError DWARF_BAD_REFERENCE */
function typeAt(unit: DwarfUnit, offset: number): Die {
  if (unit.parents.has(offset)) return entryAt(unit, offset);
  throw dwarfError(unit.reader.section, "DWARF_BAD_REFERENCE", offset, "no entry begins here");
}

function typeOf(die: Die): Type {
  const { offset, tagName: tag, name } = die;
  const bytes = typeSize(die);
  const size = bytes === undefined ? undefined : Number(bytes);
  const definition = typeDefinition(die, { layout: true, attributes: true });
  switch (die.tag) {
    case DW_TAG.DW_TAG_enumeration_type:
      return { offset, tag, name, size, enumerators: enumeratorsOf(die), definition };
    case DW_TAG.DW_TAG_structure_type:
    case DW_TAG.DW_TAG_union_type:
    case DW_TAG.DW_TAG_class_type:
    case DW_TAG.DW_TAG_interface_type:
      return { offset, tag, name, size, members: typeLayout(die).members.map(memberOf), definition };
    default:
      return { offset, tag, name, size, definition };
  }
}

function memberOf({ die, offset, size }: MemberLayout): Member {
  const type = typeDeclaration(die.attribute(DW_AT.DW_AT_type)?.reference);
  return { name: die.name, type, bitOffset: offset, bitSize: size };
}

function enumeratorsOf(die: Die): Record<string, string> {
  const values: Record<string, string> = {};
  for (const child of die.children()) {
    const value = child.attribute(DW_AT.DW_AT_const_value);
    if (child.tag === DW_TAG.DW_TAG_enumerator) values[child.name ?? ""] = String(value?.constant ?? 0n);
  }
  return values;
}
