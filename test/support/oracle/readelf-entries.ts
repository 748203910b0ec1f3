/** Entries and attribute values as `readelf -wi` prints them: offsets of values included. */
import { attributeName } from "../../../src/dwarf/constants/attribute.ts";
import { DW_FORM, formName } from "../../../src/dwarf/constants/form.ts";
import { DW_OP } from "../../../src/dwarf/constants/operation.ts";
import { tagName } from "../../../src/dwarf/constants/tag.ts";
import type { Dwarf, DwarfUnit } from "../../../src/dwarf/dwarf.ts";
import type { EntryCursor } from "../../../src/dwarf/read/entry/cursor.ts";
import type { Expression } from "../../../src/dwarf/read/expression/expression.ts";
import { type ExpressionStyle, expressionText } from "../../../src/dwarf/read/expression/text.ts";
import { attributeExpression } from "../../../src/dwarf/read/list/location.ts";
import { EM } from "../../../src/elf/constants/machine.ts";
import type { Oracle } from "./compare.ts";
import { finalHex, hex64, StringCache, unitsInOrder } from "./file.ts";

/** Compares all entries of a file with `readelf -wi`. */
export function readelfEntriesOracle(path: string, dwarf: Dwarf): Oracle {
  let current: DwarfUnit | undefined;
  const ours = lines(dwarf, (unit) => {
    current = unit;
  });
  const excuse = (mine: string, theirs: string): string | undefined =>
    current && excuseIn(current, mine, theirs);
  return { tool: "readelf", args: ["-wNi", "-W", path], ours, normal: (line) => normal(line), excuse };
}

/** The same of a file whose supplementary file both readers have, and then of that: strings of it are compared too. */
export function readelfSuppliedOracle(path: string, dwarf: Dwarf): Oracle {
  const { supplementary } = dwarf;
  const ours = function* (): Generator<string> {
    yield* lines(dwarf, () => undefined);
    if (supplementary !== undefined) yield* lines(supplementary, () => undefined);
  };
  return { tool: "readelf", args: ["-wKi", "-W", path], ours: ours(), normal: (line) => normal(line, true) };
}

const INDEXED = / \((?:strx\d?|GNU_str_index)\) \(offset: [0-9a-fx]+\)/;

function excuseIn({ isSplit, header }: DwarfUnit, ours: string, theirs: string): string | undefined {
  // readelf 2.40 takes the header of a split unit's table of string offsets for entries, the entries for 4 bytes, and
  // the table for the first of all before it has come to DW_AT_str_offsets_base.
  const index = INDEXED.exec(ours)?.[0];
  const inRoot = Number.parseInt(ours.slice(1), 16) - header.entries < 8;
  if (index !== undefined && theirs.includes(index) && (isSplit || header.offsetSize === 8 || inRoot)) {
    return "readelf: looks strings by index up in the wrong place";
  }
  // In the place there is 0x8000 more than the offset, which the type takes off again, and readelf leaves it in place.
  if (/DW_OP_const[48]u: 0; DW_OP_GNU_push_tls_address/.test(ours) && /const[48]u: 32768; /.test(theirs)) {
    return "readelf: leaves R_MIPS_TLS_DTPREL as it is";
  }
  if (theirs.includes("(Unknown location op ") && /\(DW_OP_constx /.test(ours)) {
    return "readelf: does not know the operation";
  }
  // readelf takes the bytes of a constant for an expression, and looks up the index behind the opcode of DW_OP_addrx.
  if (/ DW_AT_const_value \(block1\) $/.test(theirs) && / byte block: a1 /.test(ours)) {
    return "readelf: a constant of bytes a1 ... is no DW_OP_addrx";
  }
  return undefined;
}

function* lines(dwarf: Dwarf, begin: (unit: DwarfUnit) => void): Generator<string> {
  const strings = new StringCache(dwarf);
  for (const unit of unitsInOrder(dwarf)) {
    begin(unit);
    const { header } = unit;
    yield `Unit ${header.offset.toString(16)}`;
    yield `Version ${header.version}`;
    yield `Pointer Size ${header.addressSize}`;
    const at = unit.entries();
    while (at.next()) {
      yield `<${at.depth}><${at.offset.toString(16)}> ${shortTag(at.tag)}`;
      while (at.nextAttribute()) {
        const place = at.valueOffset.toString(16);
        yield `<${place}> ${attributeName(at.attribute)} ${formText(at.form)} ${value(unit, at, strings)}`;
      }
    }
  }
}

/** An expression in one spelling with {@link readelfExpression}. */
export function readelfText(expression: Expression): string {
  const { unit } = expression;
  // readelf prints indexes of addresses; with those about, there are hardly other addresses.
  const indexed = unit?.isSplit === true || unit?.dwarf.sections.first("debug_addr") !== undefined;
  return common(expressionText(expression, indexed ? PLAIN : WITH_ADDRESSES), expression);
}

/** Machines whose registers, or whose registers of floating point, readelf has no names for. */
const UNNAMED: ReadonlySet<number> = new Set([EM.EM_ARM, EM.EM_MIPS, EM.EM_PPC64]);

/** Our text as readelf prints it: 0 without a prefix, and registers without names. */
function common(text: string, { reader }: Expression): string {
  const unprefixed = text.replaceAll("<0x0>", "<0>");
  return UNNAMED.has(reader.section.elf.image.machine)
    ? unprefixed.replaceAll(/(reg(?:x: )?(\d+)) \(\w+\)/g, "$1 (r$2)")
    : unprefixed;
}

const PLAIN: ExpressionStyle = { like: "readelf" };
const WITH_ADDRESSES: ExpressionStyle = { like: "readelf", address: (value) => String(value.resolve()) };

/** readelf shortens two names. */
function shortTag(tag: number): string {
  const name = tagName(tag);
  return name.startsWith("DW_TAG_template_") ? name.replace(/(type|value)_parameter$/, "$1_param") : name;
}

const forms = new Map<number, string>();

function formText(form: number): string {
  let text = forms.get(form);
  if (text === undefined) {
    text = `(${formName(form).slice("DW_FORM_".length)})`;
    forms.set(form, text);
  }
  return text;
}

function value(unit: DwarfUnit, at: EntryCursor, strings: StringCache): string {
  switch (at.form) {
    case DW_FORM.DW_FORM_strp:
    case DW_FORM.DW_FORM_line_strp:
      return `(offset: ${sharp(at.low, 0)}): ${strings.of(unit, at)}`;
    case DW_FORM.DW_FORM_string:
      return `${strings.of(unit, at)}`;
    case DW_FORM.DW_FORM_GNU_strp_alt:
    case DW_FORM.DW_FORM_strp_sup: {
      const text = strings.of(unit, at);
      return `(offset: ${sharp(at.low, 0)})${text === undefined ? "" : ` ${text}`}`;
    }
    case DW_FORM.DW_FORM_GNU_ref_alt:
      return `<${sharp(at.low, 0)}>`;
    case DW_FORM.DW_FORM_addr: {
      const digits = finalHex(at);
      return digits === "0" ? "0" : `0x${digits}`;
    }
    case DW_FORM.DW_FORM_ref1:
    case DW_FORM.DW_FORM_ref2:
    case DW_FORM.DW_FORM_ref4:
    case DW_FORM.DW_FORM_ref_udata:
    case DW_FORM.DW_FORM_ref_addr:
      return `<${sharp(at.low, 0)}>`;
    case DW_FORM.DW_FORM_loclistx:
      // It prints no index, or an offset at most.
      return "(location list)";
    case DW_FORM.DW_FORM_ref8:
      return sharp(at.low - unit.header.offset, 0);
    case DW_FORM.DW_FORM_strx:
    case DW_FORM.DW_FORM_strx1:
    case DW_FORM.DW_FORM_strx2:
    case DW_FORM.DW_FORM_strx3:
    case DW_FORM.DW_FORM_strx4:
    case DW_FORM.DW_FORM_GNU_str_index:
      return `(offset: ${sharp(at.low, 0)}): ${strings.of(unit, at)}`;
    case DW_FORM.DW_FORM_addrx:
    case DW_FORM.DW_FORM_addrx1:
    case DW_FORM.DW_FORM_addrx2:
    case DW_FORM.DW_FORM_addrx3:
    case DW_FORM.DW_FORM_addrx4:
    case DW_FORM.DW_FORM_GNU_addr_index:
    case DW_FORM.DW_FORM_rnglistx:
      return `(index: ${sharp(at.low, 0)})`;
    case DW_FORM.DW_FORM_ref_sig8:
      return `0x${hex64(at.low, at.high)}`;
    case DW_FORM.DW_FORM_data4:
    case DW_FORM.DW_FORM_sec_offset:
      return sharp(at.low, 0);
    case DW_FORM.DW_FORM_data8:
      return sharp(at.low, at.high);
    case DW_FORM.DW_FORM_exprloc:
    case DW_FORM.DW_FORM_block:
    case DW_FORM.DW_FORM_block1:
    case DW_FORM.DW_FORM_block2:
    case DW_FORM.DW_FORM_block4:
      return block(unit, at);
    case DW_FORM.DW_FORM_sdata:
    case DW_FORM.DW_FORM_implicit_const:
      return at.high === 0 ? String(at.low) : String(at.constant);
    default:
      return at.high === 0 ? String(at.low) : String(at.constant);
  }
}

/** Of an expression the text alone. */
function block(unit: DwarfUnit, at: EntryCursor): string {
  let text = `${at.high} byte block: `;
  if (at.form === DW_FORM.DW_FORM_exprloc) {
    const expression = attributeExpression(unit, at);
    if (expression === undefined) return text;
    // It prints no size of an expression that begins with an index.
    return `${at.block[0] === DW_OP.DW_OP_addrx ? "" : text}(${readelfText(expression)})`;
  }
  for (const byte of relocatedBytes(at)) text += `${byte.toString(16)} `;
  return text;
}

/** readelf prints bytes with relocated values put in: here that of the operation that the block begins with. */
function relocatedBytes(at: EntryCursor): Uint8Array {
  const { reader, block: bytes, low: start, unit } = at;
  const isAddress = bytes[0] === DW_OP.DW_OP_addr;
  if ((!isAddress && bytes[0] !== DW_OP.DW_OP_GNU_implicit_pointer) || !reader.isRelocated(start + 1))
    return bytes;
  const size = isAddress || unit.version === 2 ? unit.addressSize : unit.offsetSize;
  const copy = Uint8Array.from(bytes);
  const value = reader.final(start + 1, size);
  for (let k = 0; k < size; k++) {
    copy[1 + (reader.little ? k : size - 1 - k)] = Number((value >> BigInt(8 * k)) & 0xffn);
  }
  return copy;
}

/** As `%#x` has it: no prefix before 0. */
function sharp(low: number, high: number): string {
  return low === 0 && high === 0 ? "0" : `0x${hex64(low, high)}`;
}

/** An expression whose addresses are decimal, as the constants are: ours may be either, when they have a relocation. */
export function readelfExpression(text: string): string {
  const known = text.replaceAll(" or DW_OP_HP_unknown", "").replaceAll("<0x0>", "<0>");
  if (!known.includes("DW_OP_addr: ")) return known;
  return known.replaceAll(/(?<=DW_OP_addr: )[0-9a-f]+/g, (digits) => String(BigInt(`0x${digits}`)));
}

const UNIT = "  Compilation Unit @ offset ";

/** What readelf adds of its own knowledge is left out: names of constants, of types referred to. */
function normal(line: string, isSupplied = false): string | undefined {
  if (line.startsWith("    <")) {
    const close = line.indexOf(">");
    const colon = line.indexOf(":", close);
    const name = line.slice(close + 4, colon).trimEnd();
    let value = line.slice(colon + 2);
    const formEnd = value.indexOf(")");
    const form = value.slice(0, formEnd + 1);
    value = value.slice(formEnd + 2);
    return `${line.slice(4, close + 1)} ${name} ${form} ${known(form, value, isSupplied)}`;
  }
  if (line.startsWith(" <")) {
    const tag = line.indexOf("(");
    if (tag < 0) return undefined;
    return `${line.slice(1, line.indexOf(":"))} ${line.slice(tag + 1, -1)}`;
  }
  if (line.startsWith(UNIT)) return `Unit ${line.slice(UNIT.length, -1).replace(/^0x/, "")}`;
  const field = /^ {3}(Version|Pointer Size): +(\d+)$/.exec(line);
  return field === null ? undefined : `${field[1]} ${field[2]}`;
}

function known(form: string, value: string, isSupplied: boolean): string {
  switch (form) {
    case "(strp)":
    case "(strx)":
    case "(strx1)":
    case "(strx2)":
    case "(GNU_str_index)":
    case "(line_strp)":
    case "(string)":
      return value;
    case "(GNU_strp_alt)":
    case "(strp_sup)":
      return isSupplied ? value : value.slice(0, value.indexOf(")") + 1);
    case "(GNU_ref_alt)":
      return value.replace("<alt ", "<").split(" ", 1)[0] ?? "";
    case "(exprloc)":
      return readelfExpression(
        value.replace(/: [0-9a-f ]*\t/, ": ").replace(" [without DW_AT_frame_base]", ""),
      );
    case "(block1)":
    case "(block2)":
    case "(block4)":
    case "(block)":
      return value.split("\t", 1)[0] ?? "";
    case "(addrx)":
    case "(addrx1)":
    case "(addrx2)":
    case "(GNU_addr_index)":
    case "(rnglistx)":
      return /\(index: [0-9a-fx]+\)/.exec(value)?.[0] ?? value;
    case "(loclistx)":
      return "(location list)";
    case "(ref_sig8)":
      return value.replace(/^(signature)?: 0x0*/, "0x");
    case "(data4)":
    case "(data8)":
    case "(sec_offset)":
      return value.split(" ", 1)[0] ?? "";
    default: {
      const tab = value.indexOf("\t");
      const cut = tab < 0 ? value : value.slice(0, tab);
      if (!form.startsWith("(ref")) return cut;
      const comma = cut.indexOf(",");
      return comma < 0 ? cut : cut.slice(0, comma);
    }
  }
}
