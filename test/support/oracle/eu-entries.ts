/** Entries and attribute values as `eu-readelf --debug-dump=info` prints them, but for expressions. */
import { attributeName, DW_AT } from "../../../src/dwarf/constants/attribute.ts";
import { DW_FORM, formName } from "../../../src/dwarf/constants/form.ts";
import { tagName } from "../../../src/dwarf/constants/tag.ts";
import type { Dwarf, DwarfUnit } from "../../../src/dwarf/dwarf.ts";
import type { EntryCursor } from "../../../src/dwarf/read/entry/cursor.ts";
import { unitBases } from "../../../src/dwarf/read/unit/addr-table.ts";
import type { Oracle } from "./compare.ts";
import { StringCache, seenByElfutils } from "./file.ts";

/** Compares all entries of a file with `eu-readelf --debug-dump=info`; without `-N` it takes minutes. */
export function euEntriesOracle(path: string, dwarf: Dwarf): Oracle {
  const isSplit = dwarf.sections.first("debug_info")?.section.endsWith(".dwo") === true;
  const taken = (line: string): string | undefined => normal(line, isSplit);
  return {
    tool: "eu-readelf",
    args: ["-N", "--debug-dump=info", path],
    ours: lines(dwarf),
    normal: taken,
    excuse,
  };
}

function* lines(dwarf: Dwarf): Generator<string> {
  // libdw knows one section of a name, that which is in no group, and it is printed for each of them.
  const count = dwarf.sections.named("debug_info").length;
  for (let i = 0; i < count; i++) yield* ungrouped(dwarf);
}

function* ungrouped(dwarf: Dwarf): Generator<string> {
  const strings = new StringCache(dwarf);
  for (const unit of dwarf.units()) {
    if (!seenByElfutils(unit.reader.section)) continue;
    const at = unit.entries();
    while (at.next()) {
      yield `${at.offset.toString(16)} ${at.depth} ${tagName(at.tag).slice("DW_TAG_".length)}`;
      while (at.nextAttribute()) {
        // It says nothing of these where it does not find the supplementary file.
        if (at.form === DW_FORM.DW_FORM_GNU_strp_alt || at.form === DW_FORM.DW_FORM_GNU_ref_alt) continue;
        // And nothing of those that lead into the file of the skeleton.
        if (unit.isSplit && at.attribute === DW_AT.DW_AT_ranges && unit.header.version < 5) continue;
        const name = attributeName(at.attribute).slice("DW_AT_".length);
        yield `${name} (${formName(at.form).slice("DW_FORM_".length)}) ${value(unit, at, strings)}`;
      }
    }
  }
}

function value(unit: DwarfUnit, at: EntryCursor, strings: StringCache): string {
  const text = strings.of(unit, at);
  if (text !== undefined) return `"${text}"`;
  switch (at.form) {
    case DW_FORM.DW_FORM_addr:
    case DW_FORM.DW_FORM_addrx:
    case DW_FORM.DW_FORM_addrx1:
    case DW_FORM.DW_FORM_addrx2:
    case DW_FORM.DW_FORM_addrx3:
    case DW_FORM.DW_FORM_addrx4:
    case DW_FORM.DW_FORM_GNU_addr_index:
      return address(unit, at);
    case DW_FORM.DW_FORM_flag:
    case DW_FORM.DW_FORM_flag_present:
      return at.low === 0 ? "no" : "yes";
    case DW_FORM.DW_FORM_ref1:
    case DW_FORM.DW_FORM_ref2:
    case DW_FORM.DW_FORM_ref4:
    case DW_FORM.DW_FORM_ref8:
    case DW_FORM.DW_FORM_ref_udata:
    case DW_FORM.DW_FORM_ref_addr:
      return `[${at.low.toString(16).padStart(6)}]`;
    case DW_FORM.DW_FORM_ref_sig8:
      return `{${unit.dwarf.index.type(at.constant) === undefined ? "?" : "type"}}`;
    case DW_FORM.DW_FORM_exprloc:
      return "";
    case DW_FORM.DW_FORM_sec_offset:
      return String(at.low);
    case DW_FORM.DW_FORM_block:
    case DW_FORM.DW_FORM_block1:
    case DW_FORM.DW_FORM_block2:
    case DW_FORM.DW_FORM_block4:
      return `${at.high} byte block: ${Array.from(at.block, (byte) => byte.toString(16).padStart(2, "0")).join(" ")}`;
    default:
      return String(at.constant);
  }
}

function address(unit: DwarfUnit, at: EntryCursor): string {
  if (unit.isSplit) return `[${at.low.toString(16)}]`;
  const place = unitBases(unit).address(at.form, at.valueOffset, at.low);
  const { target, addend } = place?.info() ?? { target: undefined, addend: 0n };
  const offset = addend + (target?.symbol.value ?? 0n);
  return `${target?.sectionName ?? ""}+${offset.toString(16)}`;
}

/** Of what eu-readelf says of a value the number is kept, not its name. */
function normal(line: string, isSplit: boolean): string | undefined {
  const entry = /^ \[ *([0-9a-f]+)\] ( *)([a-z]\w*) +abbrev: \d+$/i.exec(line);
  if (entry !== null) return `${entry[1]} ${((entry[2] ?? "").length - 1) / 2} ${entry[3]}`;
  const attribute = /^ {11,}([A-Za-z_]\w*) +\((\w+)\) ?(.*)$/.exec(line);
  if (attribute === null) return undefined;
  const [, name = "", form = "", text = ""] = attribute;
  if (form.endsWith("_alt") || (isSplit && name === "ranges" && form !== "rnglistx")) return undefined;
  return `${name} (${form}) ${shortened(name, form, text, isSplit)}`;
}

function shortened(name: string, form: string, text: string, isSplit: boolean): string {
  switch (form) {
    case "exprloc":
      return "";
    case "addr":
    case "addrx":
    case "addrx1":
    case "GNU_addr_index": {
      if (isSplit) return text.split(" ", 1)[0] ?? "";
      const [, section = "", digits = ""] = /^(?:\(?\w*\)? ?)?(\S*?)\+?(?:0x)?([0-9a-f]+)$/.exec(text) ?? [];
      return `${section}+${BigInt(`0x${digits === "" ? "0" : digits}`).toString(16)}`;
    }
    case "ref_sig8":
      return text.startsWith("{") ? "{type}" : text;
    case "loclistx":
    case "rnglistx":
    case "sec_offset":
      return offsetText(text);
    case "data1":
    case "data2":
    case "data4":
    case "data8":
    case "udata":
    case "sdata":
    case "implicit_const": {
      if (name === "high_pc") return text.split(" ", 1)[0] ?? "";
      if (text.startsWith("0x")) return String(BigInt(text));
      if (name.endsWith("ranges") || name.endsWith("_base") || text.endsWith("]")) return offsetText(text);
      return /\((-?\d+)\)$/.exec(text)?.[1] ?? text;
    }
    default:
      return text;
  }
}

/** `range list [    c0]` as the number alone. */
function offsetText(text: string): string {
  const digits = /\[ *([0-9a-f]+)\]/.exec(text)?.[1];
  return digits === undefined ? text : String(Number.parseInt(digits, 16));
}

const SIZES = new Map([
  ["data1", 8],
  ["data2", 16],
  ["data4", 32],
  ["data8", 64],
]);

function excuse(ours: string, theirs: string): string | undefined {
  const [, name, form = "", mine = ""] = /^(\w+) \((\w+)\) (.*)$/.exec(ours) ?? [];
  const head = `${name} (${form}) `;
  if (!theirs.startsWith(head)) return undefined;
  const their = theirs.slice(head.length);
  if (form.startsWith("block") && their === "") return "eu-readelf: prints expressions below";
  if (form === "addr" || form === "addrx") {
    const [section = "", offset] = mine.split("+");
    const [theirSection = "", theirOffset] = their.split("+");
    if (theirSection === "" && offset === theirOffset) return "eu-readelf: names no section";
    if (section !== theirSection) return "eu-readelf: names a section that it lays over the right one";
  }
  if (name === "const_value" && form === "udata") {
    const cut = [8, 16, 32].some((size) => BigInt.asUintN(size, BigInt(mine)) === BigInt(their));
    if (cut) return "eu-readelf: cut to the size of its type";
  }
  const bits = SIZES.get(form);
  if (name === "const_value" && bits !== undefined && /^-\d+$/.test(their)) {
    // It follows the type, which says that the constant is signed.
    return BigInt.asUintN(bits, BigInt(their)) === BigInt(mine)
      ? "eu-readelf: signed by its type"
      : undefined;
  }
  return undefined;
}
