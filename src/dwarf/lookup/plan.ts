/**
 * What an abbreviation table says to who looks for code: how to step over entries, and where in the few that matter their
 * bounds, names and origins stand. Read in one pass over the bytes, so that thousands of tables cost little; the full
 * table is {@link AbbrevTable}.
 */
import { leb128Length, readSleb128, readUleb128Number } from "../../bytes/leb128.ts";
import { DW_AT } from "../constants/attribute.ts";
import { DW_FORM } from "../constants/form.ts";
import { DW_TAG } from "../constants/tag.ts";
import { dwarfError } from "../place.ts";
import { type Encoding, formSize } from "../read/entry/abbrev.ts";
import type { DebugSection } from "../section.ts";

/** What an entry is to a look-up. */
export const ENTRY = {
  OTHER: 0,
  /** A function that has code. */
  FUNCTION: 1,
  /** A function that has none: a declaration, or what inlined ones stand for. */
  ABSTRACT: 2,
  /** Holds functions of its own level: a namespace or module. */
  CONTAINER: 3,
  INLINED: 4,
  BLOCK: 5,
  ROOT: 6,
} as const;

/** Attributes that matter, by the slot that a scanner notes them in. */
export const SLOT = {
  NONE: 0,
  SIBLING: 1,
  LOW: 2,
  HIGH: 3,
  RANGES: 4,
  NAME: 5,
  LINKAGE_NAME: 6,
  ORIGIN: 7,
  SPECIFICATION: 8,
  CALL_FILE: 9,
  CALL_LINE: 10,
  CALL_COLUMN: 11,
  STATEMENTS: 12,
  DIRECTORY: 13,
  LANGUAGE: 14,
  DISCRIMINATOR: 15,
  ENTRY_PC: 16,
  DWO: 17,
} as const;
export const SLOTS = 18;

/** Steps over values of variable size; a step from 0 on is bytes. */
export const STEP = {
  LEB: -1,
  STRING: -2,
  BLOCK: -3,
  BLOCK1: -4,
  /** A `DW_AT_sibling` of 4 bytes. */
  SIBLING4: -5,
  /** A `DW_AT_sibling` of another form, which is the next step. */
  SIBLING: -6,
  /** A value of the form that is the next step. */
  FORM: -7,
  END: -8,
} as const;

const slots = new Map<number, number>([
  [DW_AT.DW_AT_sibling, SLOT.SIBLING],
  [DW_AT.DW_AT_low_pc, SLOT.LOW],
  [DW_AT.DW_AT_high_pc, SLOT.HIGH],
  [DW_AT.DW_AT_ranges, SLOT.RANGES],
  [DW_AT.DW_AT_name, SLOT.NAME],
  [DW_AT.DW_AT_linkage_name, SLOT.LINKAGE_NAME],
  [DW_AT.DW_AT_MIPS_linkage_name, SLOT.LINKAGE_NAME],
  [DW_AT.DW_AT_abstract_origin, SLOT.ORIGIN],
  [DW_AT.DW_AT_specification, SLOT.SPECIFICATION],
  [DW_AT.DW_AT_call_file, SLOT.CALL_FILE],
  [DW_AT.DW_AT_call_line, SLOT.CALL_LINE],
  [DW_AT.DW_AT_call_column, SLOT.CALL_COLUMN],
  [DW_AT.DW_AT_stmt_list, SLOT.STATEMENTS],
  [DW_AT.DW_AT_comp_dir, SLOT.DIRECTORY],
  [DW_AT.DW_AT_language, SLOT.LANGUAGE],
  [DW_AT.DW_AT_GNU_discriminator, SLOT.DISCRIMINATOR],
  [DW_AT.DW_AT_entry_pc, SLOT.ENTRY_PC],
  [DW_AT.DW_AT_dwo_name, SLOT.DWO],
  [DW_AT.DW_AT_GNU_dwo_name, SLOT.DWO],
]);
/** Slots of attributes below 0x80, which nearly all are. */
const nearSlots = Uint8Array.from({ length: 0x80 }, (_, attribute) => slots.get(attribute) ?? SLOT.NONE);

const kinds = new Map<number, number>([
  [DW_TAG.DW_TAG_subprogram, ENTRY.ABSTRACT],
  [DW_TAG.DW_TAG_entry_point, ENTRY.ABSTRACT],
  [DW_TAG.DW_TAG_namespace, ENTRY.CONTAINER],
  [DW_TAG.DW_TAG_module, ENTRY.CONTAINER],
  [DW_TAG.DW_TAG_inlined_subroutine, ENTRY.INLINED],
  [DW_TAG.DW_TAG_lexical_block, ENTRY.BLOCK],
  [DW_TAG.DW_TAG_try_block, ENTRY.BLOCK],
  [DW_TAG.DW_TAG_catch_block, ENTRY.BLOCK],
  [DW_TAG.DW_TAG_with_stmt, ENTRY.BLOCK],
  [DW_TAG.DW_TAG_compile_unit, ENTRY.ROOT],
  [DW_TAG.DW_TAG_partial_unit, ENTRY.ROOT],
  [DW_TAG.DW_TAG_skeleton_unit, ENTRY.ROOT],
]);
const nearKinds = Uint8Array.from({ length: 0x80 }, (_, tag) => kinds.get(tag) ?? ENTRY.OTHER);

const NEAR_FORMS = 0x40;
const steppers = new Map<number, Int32Array>();

/** Step over a value by form, of the forms below {@link NEAR_FORMS}; `STEP.FORM` where nothing shorter will do. */
function stepsOfForms(encoding: Encoding): Int32Array {
  const { addressSize, offsetSize, version } = encoding;
  const key = addressSize * 32 + offsetSize * 2 + (version === 2 ? 1 : 0);
  let steps = steppers.get(key);
  if (steps === undefined) {
    steps = Int32Array.from({ length: NEAR_FORMS }, (_, form) => stepOf(form, encoding));
    steppers.set(key, steps);
  }
  return steps;
}

/** The step over a value of a form. */
export function stepOf(form: number, encoding: Encoding): number {
  const size = formSize(form, encoding);
  if (size >= 0) return size;
  switch (form) {
    case DW_FORM.DW_FORM_udata:
    case DW_FORM.DW_FORM_sdata:
    case DW_FORM.DW_FORM_ref_udata:
    case DW_FORM.DW_FORM_strx:
    case DW_FORM.DW_FORM_addrx:
    case DW_FORM.DW_FORM_loclistx:
    case DW_FORM.DW_FORM_rnglistx:
    case DW_FORM.DW_FORM_GNU_addr_index:
    case DW_FORM.DW_FORM_GNU_str_index:
      return STEP.LEB;
    case DW_FORM.DW_FORM_string:
      return STEP.STRING;
    case DW_FORM.DW_FORM_exprloc:
    case DW_FORM.DW_FORM_block:
      return STEP.BLOCK;
    case DW_FORM.DW_FORM_block1:
      return STEP.BLOCK1;
    default:
      return STEP.FORM;
  }
}

/** Bit of {@link Plan.kinds}: entries own the entries that follow. */
export const OWNS = 0x10;
/** The other bits. */
export const KIND = 0xf;
/** Value of {@link Plan.kinds} of a declaration that {@link Plan.prepare} was not called for yet. */
export const UNPREPARED = 0x20;

/**
 * One abbreviation table, as far as look-ups need it. Columns are by the number of a declaration, and hold something once
 * {@link prepare} was called for it: units meet few of their declarations on the way to their functions.
 */
export class Plan {
  /** An {@link ENTRY} value, plus {@link OWNS} where entries own the entries that follow; or {@link UNPREPARED}. */
  readonly kinds: Uint8Array;
  /** Bytes of the values, where they are always as many; else -1. */
  readonly sizes: Int32Array;
  /** Where a `DW_AT_sibling` of 4 bytes stands among them; -1 where there is none. */
  readonly siblings: Int32Array;
  /** Where the {@link steps} of a declaration begin, which {@link STEP} `END` ends. Only those of variable size have some. */
  readonly firstStep: Int32Array;
  readonly steps: number[] = [];
  /** Where the rows of a declaration begin in the columns below. Only entries that matter have some. */
  readonly firstValue: Int32Array;
  readonly lastValue: Int32Array;
  /** {@link SLOT} of each value. */
  readonly slots: number[] = [];
  readonly forms: number[] = [];
  /** Values of `DW_FORM_implicit_const`, by row. */
  readonly constants = new Map<number, number>();
  /** Step over a value by form, of small forms. */
  readonly stepByForm: Int32Array;
  /** Declarations by code, where codes are not 1, 2, 3 and so on, as compilers number them. */
  readonly #byCode: ReadonlyMap<number, number> | undefined;
  readonly #section: DebugSection;
  readonly #encoding: Encoding;
  /** Where each declaration's tag is. */
  readonly #starts: Int32Array;

  private constructor(
    section: DebugSection,
    encoding: Encoding,
    starts: Int32Array,
    codes: number[] | undefined,
  ) {
    const { length } = starts;
    this.#section = section;
    this.#encoding = encoding;
    this.#starts = starts;
    this.#byCode = codes && byFirst(codes);
    this.stepByForm = stepsOfForms(encoding);
    this.kinds = new Uint8Array(length).fill(UNPREPARED);
    // One piece of memory for all: tables are many.
    const columns = new Int32Array(5 * length);
    this.sizes = columns.subarray(0, length);
    this.siblings = columns.subarray(length, 2 * length);
    this.firstStep = columns.subarray(2 * length, 3 * length);
    this.firstValue = columns.subarray(3 * length, 4 * length);
    this.lastValue = columns.subarray(4 * length);
  }

  /** The declaration with that code, prepared; -1 when there is none. */
  indexOf(code: number): number {
    const index = this.#byCode === undefined ? code - 1 : (this.#byCode.get(code) ?? -1);
    if (index >= this.kinds.length) return -1;
    if (index >= 0 && this.kinds[index] === UNPREPARED) this.prepare(index);
    return index;
  }

  /** True where {@link indexOf} is the code less 1, for all codes there are. */
  get isDense(): boolean {
    return this.#byCode === undefined;
  }

  /**
   * Reads where the declarations of the table at `offset` are, for units of an encoding.
   * @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_REFERENCE
   */
  static read(section: DebugSection, offset: number, encoding: Encoding): Plan {
    const { bytes } = section;
    if (offset >= bytes.length) {
      const what = `abbreviation table: section has ${bytes.length} bytes`;
      throw dwarfError(section, "DWARF_BAD_REFERENCE", offset, what);
    }
    const codes: number[] = [];
    let dense = true;
    let count = 0;
    let at = offset;
    for (;;) {
      let code = bytes[at] ?? 0x80;
      if (code < 0x80) at++;
      else {
        code = readUleb128Number(bytes, at);
        at += lengthAt(section, at);
      }
      if (code === 0) break;
      if (dense && code !== count + 1) {
        dense = false;
        for (let i = 0; i < count; i++) codes.push(i + 1);
      }
      if (!dense) codes.push(code);
      if (count === starts.length) {
        const larger = new Int32Array(2 * count);
        larger.set(starts);
        starts = larger;
      }
      starts[count++] = at;
      at = (bytes[at] ?? 0x80) < 0x80 ? at + 2 : at + lengthAt(section, at) + 1;
      for (;;) {
        const attribute = bytes[at] ?? 0x80;
        const form = bytes[at + 1] ?? 0x80;
        if (attribute < 0x80 && form < 0x80) {
          at += 2;
          if (form === DW_FORM.DW_FORM_implicit_const) at += lengthAt(section, at);
          else if (attribute === 0 && form === 0) break;
        } else {
          at += lengthAt(section, at);
          const isConstant = bytes[at] === DW_FORM.DW_FORM_implicit_const;
          at += lengthAt(section, at);
          if (isConstant) at += lengthAt(section, at);
        }
      }
    }
    return new Plan(section, encoding, starts.slice(0, count), dense ? undefined : codes);
  }

  /** Fills in the columns of a declaration. */
  prepare(declaration: number): void {
    const { bytes } = this.#section;
    const { steps, stepByForm } = this;
    let at = this.#starts[declaration] ?? 0;
    const tag = readUleb128Number(bytes, at);
    at += leb128Length(bytes, at);
    const owns = (bytes[at++] ?? 0) === 0 ? 0 : OWNS;
    let kind = tag < 0x80 ? (nearKinds[tag] ?? 0) : ENTRY.OTHER;
    const matters = kind !== ENTRY.OTHER && kind !== ENTRY.CONTAINER;
    this.firstStep[declaration] = steps.length;
    this.firstValue[declaration] = this.slots.length;
    let size = 0;
    /** Bytes that no step was made of yet. */
    let fixed = 0;
    let sibling = -1;
    let isVariable = false;
    for (;;) {
      let attribute = bytes[at] ?? 0;
      let form = bytes[at + 1] ?? 0;
      if (attribute < 0x80 && form < 0x80) at += 2;
      else {
        attribute = readUleb128Number(bytes, at);
        at += leb128Length(bytes, at);
        form = readUleb128Number(bytes, at);
        at += leb128Length(bytes, at);
      }
      if (attribute === 0 && form === 0) break;
      const slot = attribute < 0x80 ? (nearSlots[attribute] ?? 0) : (slots.get(attribute) ?? SLOT.NONE);
      if (form === DW_FORM.DW_FORM_implicit_const) {
        if (matters) this.constants.set(this.slots.length, Number(readSleb128(bytes, at)));
        at += leb128Length(bytes, at);
      }
      if (matters) {
        this.slots.push(slot);
        this.forms.push(form);
        if (kind === ENTRY.ABSTRACT && (slot === SLOT.LOW || slot === SLOT.RANGES)) kind = ENTRY.FUNCTION;
      }
      const step = stepByForm[form] ?? stepOf(form, this.#encoding);
      const isSibling = slot === SLOT.SIBLING && owns !== 0;
      if (step >= 0 && !(isSibling && (isVariable || form !== DW_FORM.DW_FORM_ref4))) {
        if (isSibling) sibling = size;
        size += step;
        fixed += step;
        continue;
      }
      isVariable = true;
      if (fixed > 0) steps.push(fixed);
      fixed = 0;
      if (isSibling && form === DW_FORM.DW_FORM_ref4) steps.push(STEP.SIBLING4);
      else if (isSibling) steps.push(STEP.SIBLING, form);
      else if (step === STEP.FORM) steps.push(STEP.FORM, form);
      else steps.push(step);
    }
    if (isVariable) {
      if (fixed > 0) steps.push(fixed);
      steps.push(STEP.END);
    }
    this.lastValue[declaration] = this.slots.length;
    this.kinds[declaration] = kind | owns;
    this.sizes[declaration] = isVariable ? -1 : size;
    this.siblings[declaration] = sibling;
  }
}

/** Tables are read one after the other: what their starts are read into serves all. */
let starts = new Int32Array(1024);

/** The first declaration of a code counts, as it does for readers that search. */
function byFirst(codes: readonly number[]): Map<number, number> {
  const map = new Map<number, number>();
  codes.forEach((code, index) => {
    if (!map.has(code)) map.set(code, index);
  });
  return map;
}

function lengthAt(section: DebugSection, at: number): number {
  const length = leb128Length(section.bytes, at);
  if (length > 0) return length;
  throw dwarfError(section, "DWARF_TRUNCATED", at, "abbreviation: found the end, expected a LEB128");
}
