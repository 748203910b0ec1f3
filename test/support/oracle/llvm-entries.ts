/** Entries, attribute values, range lists and location lists as `llvm-dwarfdump -v` prints them. */
import { attributeName, DW_AT } from "../../../src/dwarf/constants/attribute.ts";
import { attributeValueName } from "../../../src/dwarf/constants/attribute-value.ts";
import { DW_FORM, formName } from "../../../src/dwarf/constants/form.ts";
import { tagName } from "../../../src/dwarf/constants/tag.ts";
import type { Dwarf, DwarfUnit } from "../../../src/dwarf/dwarf.ts";
import type { EntryCursor } from "../../../src/dwarf/read/entry/cursor.ts";
import type { Expression } from "../../../src/dwarf/read/expression/expression.ts";
import { type ExpressionStyle, expressionText } from "../../../src/dwarf/read/expression/text.ts";
import type { BoundsCursor } from "../../../src/dwarf/read/list/bounds.ts";
import { attributeExpression, locationList } from "../../../src/dwarf/read/list/location.ts";
import { attributeRanges } from "../../../src/dwarf/read/list/range.ts";
import { unitBases } from "../../../src/dwarf/read/unit/addr-table.ts";
import type { Relocatable } from "../../../src/dwarf/relocation/relocatable.ts";
import { EM } from "../../../src/elf/constants/machine.ts";
import type { ElfFile } from "../../../src/elf/file.ts";
import type { Oracle } from "./compare.ts";
import { hex64, StringCache } from "./file.ts";
import { looksLikeEnd } from "./lists.ts";
import { UnitFiles } from "./unit-files.ts";

/** Compares all entries of a file, with the lists that they lead to, with `llvm-dwarfdump -v`. */
export function llvmEntriesOracle(path: string, dwarf: Dwarf): Oracle {
  const args = ["-v", "--debug-info", "--debug-types", path];
  const crash =
    dwarf.sections.first("gnu_debugaltlink") && "LLVM: crashes on references to a supplementary file";
  // Without the file of the skeleton it can't place the lists of split units, nor can we.
  const isSplit = dwarf.sections.first("debug_info")?.section.endsWith(".dwo") === true;
  const named = isX86(dwarf.sections.elf);
  const taken = (line: string): string | undefined => {
    if (isSplit && !line.includes("]\t(") && !line.startsWith("0x")) return undefined;
    const text = normal(line);
    return named || text === undefined ? text : withoutRegisters(text);
  };
  return { tool: "llvm-dwarfdump", args, ours: lines(dwarf), normal: taken, excuse, crash };
}

/** Operations that LLVM 14 can't decode. */
const UNKNOWN =
  /^DW_OP_(implicit_pointer|constx|GNU_\w+|deref_type|regval_type|const_type|xderef_type|reinterpret)\b/;

function excuse(ours: string, theirs: string): string | undefined {
  const cut = theirs.indexOf("<decoding error>");
  if (cut >= 0 && ours.startsWith(theirs.slice(0, cut)) && UNKNOWN.test(ours.slice(cut))) {
    return "LLVM: does not know the operation";
  }
  const path = /\("(.*)"\)$/.exec(ours)?.[1];
  if (path !== undefined && / DW_AT_(decl|call)_file /.test(` ${ours}`)) {
    // LLVM 14 takes directory 0 of DWARF 5, that of the compilation, for one below it when it is relative.
    const theirPath = /\("(.*)"\)$/.exec(theirs)?.[1] ?? "";
    const doubled = theirPath.slice(0, theirPath.length - path.length);
    if (theirPath.endsWith(path) && path.startsWith(doubled)) return "LLVM: directory 0 stands twice";
  }
  return undefined;
}

/** The same for one unit of a large file. */
export function llvmUnitOracle(path: string, unit: DwarfUnit): Oracle {
  const args = ["-v", `--debug-info=0x${unit.header.entries.toString(16)}`, "-c", path];
  const ours = entryLines(unit, new StringCache(unit.dwarf));
  return { tool: "llvm-dwarfdump", args, ours, normal, excuse };
}

/** LLVM applies no relocation within expressions, and prints the bytes of the file. */
const STYLE: ExpressionStyle = { like: "llvm" };

/** Names of registers are compared for x86 only: LLVM has tables of its own, readelf none for most machines. */
function llvmText(expression: Expression): string {
  const text = expressionText(expression, STYLE);
  return isX86(expression.reader.section.elf) ? text : withoutRegisters(text);
}

function isX86(elf: ElfFile): boolean {
  const { machine } = elf.image;
  return machine === EM.EM_X86_64 || machine === EM.EM_386;
}

function withoutRegisters(text: string): string {
  return text.replaceAll(/(DW_OP_(?:b?reg(?:\d+|x)|regval_type)) [A-Za-z]\w*/g, "$1");
}

function* lines(dwarf: Dwarf): Generator<string> {
  const strings = new StringCache(dwarf);
  for (const unit of dwarf.units()) {
    const { offset, version, addressSize, end } = unit.header;
    yield `${hex8(offset)} unit ${version} ${addressSize} ${hex8(end)}`;
    yield* entryLines(unit, strings);
  }
}

function* entryLines(unit: DwarfUnit, strings: StringCache): Generator<string> {
  const files = new UnitFiles(unit);
  const parents: number[] = [];
  const at = unit.entries();
  while (at.next()) {
    const { depth } = at;
    const parent = depth === 0 ? "" : ` (${hex8(parents[depth - 1] ?? 0)})`;
    parents[depth] = at.offset;
    yield `${hex8(at.offset)} ${depth} ${tagName(at.tag)} ${at.hasChildren ? "*" : " "}${parent}`;
    while (at.nextAttribute()) yield* attribute(unit, at, strings, files);
  }
}

function* attribute(
  unit: DwarfUnit,
  at: EntryCursor,
  strings: StringCache,
  files: UnitFiles,
): Generator<string> {
  const head = `${attributeName(at.attribute)} [${formName(at.form)}] (${value(unit, at, strings, files)}`;
  const list = listOf(unit, at);
  // Lists of split units can't be placed; those of ranges before DWARF 5 are in the file of the skeleton.
  const isElsewhere = at.attribute === DW_AT.DW_AT_ranges && unit.header.version < 5;
  if (list !== undefined && unit.isSplit) yield isElsewhere ? `${head})` : head;
  else if (list === undefined) yield `${head})`;
  else {
    let last = head;
    for (const line of list) {
      yield last;
      last = line;
    }
    yield `${last})`;
  }
}

/** What stands below an attribute that leads to a list. */
function listOf(unit: DwarfUnit, at: EntryCursor): Iterable<string> | undefined {
  if (!isListForm(unit, at.form)) return undefined;
  if (at.attribute === DW_AT.DW_AT_ranges) return ranges(unit, at);
  return isLocationList(at.attribute) ? locations(unit, at) : undefined;
}

function isListForm(unit: DwarfUnit, form: number): boolean {
  switch (form) {
    case DW_FORM.DW_FORM_sec_offset:
    case DW_FORM.DW_FORM_loclistx:
    case DW_FORM.DW_FORM_rnglistx:
      return true;
    default:
      return unit.header.version < 4 && (form === DW_FORM.DW_FORM_data4 || form === DW_FORM.DW_FORM_data8);
  }
}

function isLocationList(attribute: number): boolean {
  switch (attribute) {
    case DW_AT.DW_AT_location:
    case DW_AT.DW_AT_frame_base:
    case DW_AT.DW_AT_data_member_location:
    case DW_AT.DW_AT_string_length:
    case DW_AT.DW_AT_return_addr:
    case DW_AT.DW_AT_static_link:
    case DW_AT.DW_AT_use_location:
    case DW_AT.DW_AT_vtable_elem_location:
      return true;
    default:
      return false;
  }
}

function* ranges(unit: DwarfUnit, at: EntryCursor): Generator<string> {
  const cursor = attributeRanges(unit, at);
  while (cursor.next() && !looksLikeEnd(unit, cursor)) yield bounds(unit, cursor);
}

function* locations(unit: DwarfUnit, at: EntryCursor): Generator<string> {
  const list = locationList(unit, at);
  while (list?.next() && (list.isDefault || !looksLikeEnd(unit, list))) {
    const where = list.isDefault ? "<default>" : bounds(unit, list);
    yield `${where}: ${llvmText(list.expression)}`;
  }
}

/** Bounds by the section that the relocation says, and from its start. */
function bounds(unit: DwarfUnit, { begin, end }: BoundsCursor): string {
  const section = sectionOf(begin);
  return `[${final(unit, begin)}, ${final(unit, end)})${section}`;
}

function sectionOf(place: Relocatable): string {
  const { target } = place.info();
  return target?.sectionName === undefined ? "" : ` "${target.sectionName}"`;
}

function final({ header }: DwarfUnit, place: Relocatable): string {
  return `0x${place
    .resolve()
    .toString(16)
    .padStart(2 * header.addressSize, "0")}`;
}

const REFERENCE_DIGITS = new Map<number, number>([
  [DW_FORM.DW_FORM_ref1, 2],
  [DW_FORM.DW_FORM_ref2, 4],
  [DW_FORM.DW_FORM_ref4, 4],
  [DW_FORM.DW_FORM_ref8, 8],
]);

function value(unit: DwarfUnit, at: EntryCursor, strings: StringCache, files: UnitFiles): string {
  const named = knownValue(at, files);
  if (named !== undefined) return named;
  switch (at.form) {
    case DW_FORM.DW_FORM_strp:
      return ` .debug_str[0x${offset(unit, at.low)}] = "${escaped(strings.of(unit, at))}"`;
    case DW_FORM.DW_FORM_line_strp:
      return ` .debug_line_str[0x${offset(unit, at.low)}] = "${escaped(strings.of(unit, at))}"`;
    case DW_FORM.DW_FORM_string:
      return `"${escaped(strings.of(unit, at))}"`;
    case DW_FORM.DW_FORM_strx:
    case DW_FORM.DW_FORM_strx1:
    case DW_FORM.DW_FORM_strx2:
    case DW_FORM.DW_FORM_strx3:
    case DW_FORM.DW_FORM_strx4:
    case DW_FORM.DW_FORM_GNU_str_index:
      return `indexed (${hex8(at.low)}) string = "${escaped(strings.of(unit, at))}"`;
    case DW_FORM.DW_FORM_addr: {
      const place = at.reader.address(at.valueOffset, at.unit.addressSize);
      return final(unit, place) + sectionOf(place);
    }
    case DW_FORM.DW_FORM_addrx:
    case DW_FORM.DW_FORM_addrx1:
    case DW_FORM.DW_FORM_addrx2:
    case DW_FORM.DW_FORM_addrx3:
    case DW_FORM.DW_FORM_addrx4:
    case DW_FORM.DW_FORM_GNU_addr_index: {
      if (unit.isSplit) return `indexed (${hex8(at.low)}) address = <unresolved>`;
      const place = unitBases(unit).indexed(at.low);
      return `indexed (${hex8(at.low)}) address = ${final(unit, place)}${sectionOf(place)}`;
    }
    case DW_FORM.DW_FORM_flag:
      return `0x${hex8(at.low).slice(6)}`;
    case DW_FORM.DW_FORM_flag_present:
      return "true";
    case DW_FORM.DW_FORM_data1:
      return `0x${hex8(at.low).slice(6)}`;
    case DW_FORM.DW_FORM_data2:
      return `0x${hex8(at.low).slice(4)}`;
    case DW_FORM.DW_FORM_data4:
      return isLocationList(at.attribute) && isListForm(unit, at.form)
        ? `0x${hex8(at.low)}: `
        : `0x${hex8(at.low)}`;
    case DW_FORM.DW_FORM_data8:
      if (isLocationList(at.attribute) && isListForm(unit, at.form)) return `0x${hex8(at.low)}: `;
      return `0x${hex64(at.low, at.high).padStart(16, "0")}`;
    case DW_FORM.DW_FORM_ref_sig8:
      return `0x${hex64(at.low, at.high).padStart(16, "0")}`;
    case DW_FORM.DW_FORM_ref1:
    case DW_FORM.DW_FORM_ref2:
    case DW_FORM.DW_FORM_ref4:
    case DW_FORM.DW_FORM_ref8:
    case DW_FORM.DW_FORM_ref_udata: {
      const inUnit = (at.low - unit.header.offset).toString(16);
      return `cu + 0x${inUnit.padStart(REFERENCE_DIGITS.get(at.form) ?? 1, "0")} => {0x${hex8(at.low)}}`;
    }
    case DW_FORM.DW_FORM_ref_addr:
      return `0x${at.low.toString(16).padStart(16, "0")}`;
    case DW_FORM.DW_FORM_sec_offset:
      return isLocationList(at.attribute) ? `0x${hex8(at.low)}: ` : `0x${offset(unit, at.low)}`;
    case DW_FORM.DW_FORM_loclistx: {
      const list = unitBases(unit).locationOffset(at.form, at.low);
      return `indexed (0x${at.low.toString(16)}) loclist = 0x${hex8(list)}: `;
    }
    case DW_FORM.DW_FORM_rnglistx: {
      const list = unitBases(unit).rangeOffset(at.form, at.low);
      return `indexed (0x${at.low.toString(16)}) rangelist = 0x${hex8(list)}`;
    }
    case DW_FORM.DW_FORM_GNU_strp_alt:
      return `alt indirect string, offset: 0x${at.low.toString(16)}`;
    case DW_FORM.DW_FORM_GNU_ref_alt:
      return `<alt 0x${at.low.toString(16)}>`;
    case DW_FORM.DW_FORM_exprloc:
      return expression(unit, at);
    case DW_FORM.DW_FORM_block:
    case DW_FORM.DW_FORM_block1:
    case DW_FORM.DW_FORM_block2:
    case DW_FORM.DW_FORM_block4:
      return block(unit, at);
    case DW_FORM.DW_FORM_data16:
      return block(unit, at);
    default:
      return at.high === 0 ? String(at.low) : String(at.constant);
  }
}

/** An offset with as many digits as the unit's format has. */
function offset({ header }: DwarfUnit, value: number): string {
  return value.toString(16).padStart(2 * header.offsetSize, "0");
}

/** Values that attributes give a meaning to. */
function knownValue(at: EntryCursor, files: UnitFiles): string | undefined {
  switch (at.attribute) {
    case DW_AT.DW_AT_decl_file:
    case DW_AT.DW_AT_call_file: {
      const path = files.path(at.low);
      return path === undefined ? undefined : `"${path}"`;
    }
    case DW_AT.DW_AT_decl_line:
    case DW_AT.DW_AT_call_line:
      return String(at.low);
    default: {
      if (at.high !== 0 || at.low > 0xffff) return undefined;
      return attributeValueName(at.attribute, at.low);
    }
  }
}

function expression(unit: DwarfUnit, at: EntryCursor): string {
  const found = attributeExpression(unit, at);
  return found === undefined ? "" : llvmText(found);
}

const LENGTH_DIGITS = new Map<number, number>([
  [DW_FORM.DW_FORM_block1, 2],
  [DW_FORM.DW_FORM_block2, 4],
  [DW_FORM.DW_FORM_block4, 8],
]);

function block(unit: DwarfUnit, at: EntryCursor): string {
  if (unit.header.version < 4 && isExpression(at.attribute)) return expression(unit, at);
  let text = `<0x${at.high.toString(16).padStart(LENGTH_DIGITS.get(at.form) ?? 1, "0")}>`;
  for (const byte of at.block) text += ` ${byte.toString(16).padStart(2, "0")}`;
  return `${text} `;
}

/** Attributes that hold expressions in blocks before DWARF 4. */
function isExpression(attribute: number): boolean {
  switch (attribute) {
    case DW_AT.DW_AT_location:
    case DW_AT.DW_AT_frame_base:
    case DW_AT.DW_AT_data_member_location:
    case DW_AT.DW_AT_vtable_elem_location:
    case DW_AT.DW_AT_use_location:
    case DW_AT.DW_AT_upper_bound:
    case DW_AT.DW_AT_lower_bound:
    case DW_AT.DW_AT_count:
    case DW_AT.DW_AT_byte_size:
    case DW_AT.DW_AT_GNU_call_site_value:
    case DW_AT.DW_AT_GNU_call_site_target:
      return true;
    default:
      return false;
  }
}

function hex8(value: number): string {
  return value.toString(16).padStart(8, "0");
}

const encoder = new TextEncoder();

/** As LLVM escapes strings: octal for what is no printable ASCII. */
function escaped(text: string | undefined): string {
  if (text === undefined) return "";
  if (!/[^ -~]|["\\]/.test(text)) return text;
  let result = "";
  for (const byte of encoder.encode(text)) {
    if (byte === 0x5c || byte === 0x22) result += `\\${String.fromCharCode(byte)}`;
    else if (byte === 9) result += "\\t";
    else if (byte === 10) result += "\\n";
    else if (byte >= 0x20 && byte < 0x7f) result += String.fromCharCode(byte);
    else result += `\\${byte.toString(8).padStart(3, "0")}`;
  }
  return result;
}

/** LLVM's own additions are left out: names of the types and entries that are referred to. */
function normal(line: string): string | undefined {
  if (line.startsWith("0x")) {
    const tag = /^0x([0-9a-f]{8}): ( *)(DW_TAG_\w+) \[\d+\] ([ *])(?: (\(0x[0-9a-f]+\)))?/.exec(line);
    if (tag !== null) {
      const [, offset, indent = "", name, star, parent] = tag;
      const shown = parent === undefined ? "" : ` (${parent.slice(3)}`;
      return `${offset} ${indent.length / 2} ${name} ${star}${shown}`;
    }
    const unit =
      /^0x([0-9a-f]+): (?:Compile|Type) Unit: .*version = 0x([0-9a-f]+).*addr_size = 0x([0-9a-f]+).*next unit at 0x([0-9a-f]+)\)/.exec(
        line,
      );
    if (unit === null) return undefined;
    const [, offset, version = "", size = "", end] = unit;
    return `${offset} unit ${Number.parseInt(version, 16)} ${Number.parseInt(size, 16)} ${end}`;
  }
  if (!line.startsWith("    ")) return undefined;
  const tab = line.indexOf("]\t(");
  if (tab < 0) return withoutTypeNames(line.trimStart());
  const text = `${line.slice(0, tab).trimStart()}] ${line.slice(tab + 2)}`;
  if (text.includes("[DW_FORM_GNU_ref_alt]")) return text.replace(/> ".*$/, ">)");
  if (text.includes("[DW_FORM_ref")) return text.replace(/ ".*"\)$/, ")");
  return text.includes("DW_OP_") ? withoutTypeNames(text) : text;
}

/** Base types are named behind their offset; in verbose output that in the unit comes first. */
function withoutTypeNames(text: string): string {
  return text.includes(') "')
    ? text.replaceAll(/\((?:0x[0-9a-f]+ -> )?(0x[0-9a-f]+)\) "[^"]*"/g, "($1)")
    : text;
}
