/** Columns of abbreviation tables: those of a table, and the draft that all tables are read into. */

/** Declarations of a table, by their number. */
export interface AbbrevColumns {
  /** `DW_TAG_` of each. */
  readonly tags: Uint16Array;
  /** 1 where entries own the entries that follow. */
  readonly children: Uint8Array;
  /** Where the attributes of each begin in the columns below; one more at the end. */
  readonly first: Uint32Array;
  /** `DW_AT_`, all declarations one after the other. */
  readonly attributes: Uint16Array;
  /** `DW_FORM_`, beside {@link attributes}. */
  readonly forms: Uint16Array;
  /** How the value of each is decoded, beside {@link attributes}: see decoding.ts. */
  readonly decodings: Uint8Array;
  /** Values of `DW_FORM_implicit_const` in halves, low first, beside {@link attributes}; empty where none has the form. */
  readonly constants: Uint32Array;
  /** Attributes of the declaration that has most. */
  readonly longest: number;
}

/** Declarations that were read and are in no table's columns yet. There is one: it is large, and files have thousands of tables. */
class Draft {
  /** Attributes of the table that are not in the draft: those before. */
  base = 0;
  /** Where the declaration begins that is read now. */
  at = 0;
  longest = 0;
  count = 0;
  tags = new Uint16Array(256);
  children = new Uint8Array(256);
  /** Of each declaration: where its attributes end in the columns below. */
  ends = new Uint32Array(256);
  attributes = new Uint16Array(1024);
  forms = new Uint16Array(1024);
  decodings = new Uint8Array(1024);
  constants = new Uint32Array(2048);
  /** Attributes whose constants are of this draft: those behind are of one before. */
  constantsEnd = 0;

  /** Empties it. @param base attributes of the table that were read before */
  begin(base: number): void {
    this.base = base;
    this.longest = 0;
    this.count = 0;
    this.constantsEnd = 0;
  }

  /** Adds a declaration, whose attributes are there. @param end attributes of the table up to its last */
  declare(tag: number, children: number, end: number): void {
    const { count, base } = this;
    if (count === this.tags.length) {
      this.tags = widened(this.tags, new Uint16Array(2 * count));
      this.children = widened(this.children, new Uint8Array(2 * count));
      this.ends = widened(this.ends, new Uint32Array(2 * count));
    }
    this.longest = Math.max(this.longest, end - base - this.attributesUpTo(count));
    this.tags[count] = tag;
    this.children[count] = children;
    this.ends[count] = end - base;
    this.count = count + 1;
  }

  /** Attributes of the first `declarations`. */
  attributesUpTo(declarations: number): number {
    return declarations === 0 ? 0 : (this.ends[declarations - 1] ?? 0);
  }

  /** Makes room for an attribute more. */
  widenAttributes(): void {
    const { length } = this.forms;
    this.attributes = widened(this.attributes, new Uint16Array(2 * length));
    this.forms = widened(this.forms, new Uint16Array(2 * length));
    this.decodings = widened(this.decodings, new Uint8Array(2 * length));
    this.constants = widened(this.constants, new Uint32Array(4 * length));
  }

  /** Makes the constants of attributes before `end` those of this draft: 0 where none was put. */
  clearConstants(end: number): void {
    if (end > this.constantsEnd) this.constants.fill(0, 2 * this.constantsEnd, 2 * end);
    this.constantsEnd = Math.max(this.constantsEnd, end);
  }
}

function widened<T extends { set(values: T): void }>(column: T, wider: T): T {
  wider.set(column);
  return wider;
}

export const draft = new Draft();

/** The columns of a table and behind them what is in the draft. */
export function joined(before: AbbrevColumns): AbbrevColumns {
  const { count, base } = draft;
  const attributes = draft.attributesUpTo(count);
  const hadConstants = before.constants.length > 0;
  const hasConstants = hadConstants || draft.constantsEnd > 0;
  const declared = before.tags.length;
  const columns = columnsFor(
    declared + count,
    base + attributes,
    hasConstants ? base + attributes : 0,
    Math.max(before.longest, draft.longest),
  );
  columns.tags.set(before.tags);
  columns.tags.set(draft.tags.subarray(0, count), declared);
  columns.children.set(before.children);
  columns.children.set(draft.children.subarray(0, count), declared);
  columns.first.set(before.first);
  for (let i = 0; i < count; i++) columns.first[declared + i + 1] = base + (draft.ends[i] ?? 0);
  columns.attributes.set(before.attributes);
  columns.attributes.set(draft.attributes.subarray(0, attributes), base);
  columns.forms.set(before.forms);
  columns.forms.set(draft.forms.subarray(0, attributes), base);
  columns.decodings.set(before.decodings);
  columns.decodings.set(draft.decodings.subarray(0, attributes), base);
  if (hasConstants) {
    draft.clearConstants(attributes);
    columns.constants.set(before.constants);
    columns.constants.set(draft.constants.subarray(0, 2 * attributes), 2 * base);
  }
  return columns;
}

/** Bytes of the memory that the columns of several tables share: each of them alone would cost as much as it holds. */
const SHARED = 1 << 18;
let shared = new ArrayBuffer(0);
let sharedEnd = 0;

/** Columns of that size in one piece of memory. */
function columnsFor(
  declarations: number,
  attributes: number,
  constants: number,
  longest: number,
): AbbrevColumns {
  const size = 4 * (declarations + 1) + 8 * constants + 3 * declarations + 5 * attributes;
  const [buffer, start] = memoryFor(size);
  const constantsAt = start + 4 * (declarations + 1);
  const tagsAt = constantsAt + 8 * constants;
  const attributesAt = tagsAt + 2 * declarations;
  const formsAt = attributesAt + 2 * attributes;
  const childrenAt = formsAt + 2 * attributes;
  return {
    first: new Uint32Array(buffer, start, declarations + 1),
    constants: new Uint32Array(buffer, constantsAt, 2 * constants),
    tags: new Uint16Array(buffer, tagsAt, declarations),
    attributes: new Uint16Array(buffer, attributesAt, attributes),
    forms: new Uint16Array(buffer, formsAt, attributes),
    children: new Uint8Array(buffer, childrenAt, declarations),
    decodings: new Uint8Array(buffer, childrenAt + declarations, attributes),
    longest,
  };
}

function memoryFor(size: number): [buffer: ArrayBuffer, start: number] {
  if (size > SHARED / 4) return [new ArrayBuffer(size), 0];
  const start = (sharedEnd + 3) & ~3;
  if (start + size > shared.byteLength) {
    shared = new ArrayBuffer(SHARED);
    sharedEnd = size;
    return [shared, 0];
  }
  sharedEnd = start + size;
  return [shared, start];
}

/** Columns of no declaration. */
export const NOTHING: AbbrevColumns = columnsFor(0, 0, 0, 0);
