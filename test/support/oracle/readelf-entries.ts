/** Entries and attribute values as `readelf -wi` prints them: offsets of values included. */
import { attributeName } from "../../../src/dwarf/constants/attribute.ts";
import { DW_FORM, formName } from "../../../src/dwarf/constants/form.ts";
import { tagName } from "../../../src/dwarf/constants/tag.ts";
import type { Dwarf, DwarfUnit } from "../../../src/dwarf/dwarf.ts";
import type { EntryCursor } from "../../../src/dwarf/read/cursor.ts";
import { type ExpressionStyle, expressionText } from "../../../src/dwarf/read/expression-text.ts";
import { attributeExpression } from "../../../src/dwarf/read/location.ts";
import type { Oracle } from "./compare.ts";
import { finalHex, hex64, StringCache, unitsInOrder } from "./file.ts";

/** Compares all entries of a file with `readelf -wi`. */
export function readelfEntriesOracle(path: string, dwarf: Dwarf): Oracle {
  return { tool: "readelf", args: ["-wNi", "-W", path], ours: lines(dwarf), normal, excuse };
}

function excuse(ours: string, theirs: string): string | undefined {
  // readelf takes the bytes of a constant for an expression, and looks up the index behind the opcode of DW_OP_addrx.
  if (/ DW_AT_const_value \(block1\) $/.test(theirs) && / byte block: a1 /.test(ours)) {
    return "readelf: a constant of bytes a1 ... is no DW_OP_addrx";
  }
  return undefined;
}

function* lines(dwarf: Dwarf): Generator<string> {
  const strings = new StringCache(dwarf);
  for (const unit of unitsInOrder(dwarf)) {
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

/** How expressions are brought to one spelling with {@link readelfExpression}. */
export const READELF_STYLE: ExpressionStyle = {
  like: "readelf",
  address: (value) => String(value.resolve()),
};

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
    case DW_FORM.DW_FORM_strp_sup:
      return `(offset: ${sharp(at.low, 0)})`;
    case DW_FORM.DW_FORM_GNU_ref_alt:
      return `<${sharp(at.low, 0)}>`;
    case DW_FORM.DW_FORM_addr: {
      const digits = finalHex(at);
      return digits === "0" ? "0" : `0x${digits}`;
    }
    case DW_FORM.DW_FORM_ref1:
    case DW_FORM.DW_FORM_ref2:
    case DW_FORM.DW_FORM_ref4:
    case DW_FORM.DW_FORM_ref8:
    case DW_FORM.DW_FORM_ref_udata:
    case DW_FORM.DW_FORM_ref_addr:
      return `<${sharp(at.low, 0)}>`;
    case DW_FORM.DW_FORM_ref_sig8:
      return `signature: 0x${hex64(at.low, at.high).padStart(16, "0")}`;
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

/** Of an expression the text alone: readelf prints its bytes with addresses put in. */
function block(unit: DwarfUnit, at: EntryCursor): string {
  const { block: bytes } = at;
  let text = `${bytes.length} byte block: `;
  if (at.form === DW_FORM.DW_FORM_exprloc) {
    const expression = attributeExpression(unit, at);
    return expression === undefined ? text : `${text}(${expressionText(expression, READELF_STYLE)})`;
  }
  for (const byte of bytes) text += `${byte.toString(16)} `;
  return text;
}

/** As `%#x` has it: no prefix before 0. */
function sharp(low: number, high: number): string {
  return low === 0 && high === 0 ? "0" : `0x${hex64(low, high)}`;
}

/** An expression whose addresses are decimal, as the constants are: ours may be either, when they have a relocation. */
export function readelfExpression(text: string): string {
  if (!text.includes("DW_OP_addr: ")) return text;
  return text.replaceAll(/(?<=DW_OP_addr: )[0-9a-f]+/g, (digits) => String(BigInt(`0x${digits}`)));
}

const UNIT = "  Compilation Unit @ offset ";

/** What readelf adds of its own knowledge is left out: names of constants, of types referred to. */
function normal(line: string): string | undefined {
  if (line.startsWith("    <")) {
    const close = line.indexOf(">");
    const colon = line.indexOf(":", close);
    const name = line.slice(close + 4, colon).trimEnd();
    let value = line.slice(colon + 2);
    const formEnd = value.indexOf(")");
    const form = value.slice(0, formEnd + 1);
    value = value.slice(formEnd + 2);
    return `${line.slice(4, close + 1)} ${name} ${form} ${known(form, value)}`;
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

function known(form: string, value: string): string {
  switch (form) {
    case "(strp)":
    case "(line_strp)":
    case "(string)":
      return value;
    case "(GNU_strp_alt)":
    case "(strp_sup)":
      return value.slice(0, value.indexOf(")") + 1);
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
      return value.replace(/^\t/, "");
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
