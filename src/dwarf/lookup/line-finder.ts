/**
 * The line row of a place. The program is run once; what is kept of it is the state at every so-many-th row, from which a
 * question runs it again up to its row. So tables of millions of rows take little memory and little time to make.
 */
import type { LineHeader } from "../read/line/header.ts";
import { LineRows } from "../read/line/program.ts";
import { Intervals } from "./intervals.ts";
import { ABSOLUTE, type PlaceReader } from "./place-reader.ts";

/** Rows from one mark to the next. */
const EVERY = 32;

/** What is kept of a row: offsets in {@link LineFinder}'s marks. */
const MARK = {
  OFFSET: 0,
  POSITION: 1,
  DISTANCE: 2,
  BASE_FIELD: 3,
  BASE_SIZE: 4,
  FILE: 5,
  LINE: 6,
  COLUMN: 7,
  IS_STMT: 8,
  DISCRIMINATOR: 9,
  OP_INDEX: 10,
  ISA: 11,
} as const;
const MARK_SIZE = 12;

/** Programs are run one after the other: what marks are collected in serves all. */
let scratch = new Float64Array(MARK_SIZE * 1024);
/** No `baseField`: not even that of a sequence that gives none. */
const NO_FIELD = -2;

/** A sequence: what it covers, its marks, and whether its rows rise. */
interface Sequence {
  readonly section: number;
  readonly begin: number;
  readonly end: number;
  readonly firstMark: number;
  readonly lastMark: number;
  readonly ordered: boolean;
}

/** What {@link LineFinder.find} found. Numbers are those of the row. */
export interface FoundRow {
  readonly file: number;
  readonly line: number;
  readonly column: number;
  readonly discriminator: number;
  readonly isStmt: boolean;
  /** Where the row begins, in its section. */
  readonly offset: number;
}

/** The rows of one line program, by place. */
export class LineFinder {
  readonly header: LineHeader;
  readonly #places: PlaceReader;
  /** Serves one question after the other. */
  #rows: LineRows;
  readonly #sequences: Sequence[] = [];
  #intervals = new Intervals();
  #every = EVERY;
  /** Why the rows behind some opcode are not known. */
  #error: unknown;
  #marks: Float64Array = new Float64Array(0);

  /**
   * Runs a program, as far as it can be read.
   * @param places of its section
   */
  constructor(header: LineHeader, places: PlaceReader) {
    this.header = header;
    this.#places = places;
    this.#rows = new LineRows(header);
    this.#run();
    // What rises and falls between two marks is seen only row by row.
    if (this.#error === undefined && this.#sequences.some(({ ordered }) => !ordered)) {
      this.#every = 1;
      this.#sequences.length = 0;
      this.#intervals = new Intervals();
      this.#rows = new LineRows(header);
      this.#run();
    }
  }

  /** Adds what the sequences cover. */
  coverTo(intervals: Intervals, value: number): void {
    for (const { section, begin, end } of this.#sequences) intervals.add(section, begin, end, value);
  }

  /**
   * The row that covers a place: the last that is not above it, of the sequence that begins last.
   * @throws DwarfError where it may be in what could not be read
   */
  find(section: number, offset: number): FoundRow | undefined {
    const sequence = this.#sequences[this.#intervals.find(section, offset)];
    if (sequence === undefined && this.#error !== undefined) throw this.#error;
    if (sequence === undefined) return undefined;
    const marks = this.#marks;
    let low = sequence.firstMark;
    let high = sequence.lastMark + 1;
    if (sequence.ordered) {
      while (low < high) {
        const middle = (low + high) >>> 1;
        if ((marks[middle * MARK_SIZE + MARK.OFFSET] ?? 0) <= offset) low = middle + 1;
        else high = middle;
      }
      low--;
    }
    return this.#replay(low * MARK_SIZE, offset, sequence.ordered);
  }

  #replay(mark: number, offset: number, ordered: boolean): FoundRow | undefined {
    const marks = this.#marks;
    const rows = this.#rows;
    rows.position = marks[mark + MARK.POSITION] ?? 0;
    rows.distance = marks[mark + MARK.DISTANCE] ?? 0;
    rows.baseField = marks[mark + MARK.BASE_FIELD] ?? 0;
    rows.baseSize = marks[mark + MARK.BASE_SIZE] ?? 0;
    rows.file = marks[mark + MARK.FILE] ?? 0;
    rows.line = marks[mark + MARK.LINE] ?? 0;
    rows.column = marks[mark + MARK.COLUMN] ?? 0;
    rows.isStmt = marks[mark + MARK.IS_STMT] !== 0;
    rows.discriminator = marks[mark + MARK.DISCRIMINATOR] ?? 0;
    rows.opIndex = marks[mark + MARK.OP_INDEX] ?? 0;
    rows.isa = marks[mark + MARK.ISA] ?? 0;
    rows.endSequence = false;
    let field = rows.baseField;
    let at = marks[mark + MARK.OFFSET] ?? 0;
    let base = at - rows.distance;
    for (;;) {
      const { file, line, column, discriminator, isStmt } = rows;
      const from = at;
      if (!rows.next()) return undefined;
      if (rows.baseField !== field) {
        field = rows.baseField;
        base = this.#baseOf(rows);
      }
      at = base + rows.distance;
      if (from <= offset && offset < at) return { file, line, column, discriminator, isStmt, offset: from };
      if (rows.endSequence || (ordered && at > offset)) return undefined;
    }
  }

  #baseOf(rows: LineRows): number {
    const places = this.#places;
    if (rows.baseField < 0) {
      places.section = ABSOLUTE;
      places.offset = 0;
    } else places.read(rows.baseField, rows.baseSize);
    return places.offset;
  }

  #run(): void {
    const rows = this.#rows;
    let used = 0;
    let firstMark = 0;
    let field = NO_FIELD;
    let base = 0;
    let section = ABSOLUTE;
    let low = 0;
    let high = 0;
    let ordered = true;
    let isOpen = false;
    rows.fell = false;
    try {
      // The first row of each sequence is a mark, and the row that ends it.
      while (rows.skip(isOpen ? this.#every : 1)) {
        if (rows.baseField !== field) {
          field = rows.baseField;
          base = this.#baseOf(rows);
          // What goes on in another section is another sequence.
          if (isOpen && this.#places.section !== section) {
            this.#close(section, low, high, firstMark, used, ordered);
            isOpen = false;
          }
        }
        const offset = base + rows.distance;
        if (!isOpen) {
          section = this.#places.section;
          firstMark = used;
          low = offset;
          high = offset;
          ordered = true;
          isOpen = true;
          rows.fell = false;
        }
        if (rows.fell || offset < high) ordered = false;
        if (offset < low) low = offset;
        if (offset > high) high = offset;
        used = this.#mark(used, offset);
        if (rows.endSequence) {
          this.#close(section, low, high, firstMark, used, ordered);
          isOpen = false;
          field = NO_FIELD;
        }
      }
    } catch (error) {
      this.#error = error;
    }
    if (isOpen) this.#close(section, low, high, firstMark, used, ordered);
    this.#marks = scratch.slice(0, used);
  }

  #close(section: number, begin: number, end: number, first: number, behind: number, ordered: boolean): void {
    this.#intervals.add(section, begin, end, this.#sequences.length);
    const [firstMark, lastMark] = [first / MARK_SIZE, behind / MARK_SIZE - 1];
    this.#sequences.push({ section, begin, end, firstMark, lastMark, ordered });
  }

  /** Keeps the state of the row. @returns where the next mark goes */
  #mark(at: number, offset: number): number {
    if (at + MARK_SIZE > scratch.length) {
      const larger = new Float64Array(2 * scratch.length);
      larger.set(scratch);
      scratch = larger;
    }
    const rows = this.#rows;
    scratch[at + MARK.OFFSET] = offset;
    scratch[at + MARK.POSITION] = rows.position;
    scratch[at + MARK.DISTANCE] = rows.distance;
    scratch[at + MARK.BASE_FIELD] = rows.baseField;
    scratch[at + MARK.BASE_SIZE] = rows.baseSize;
    scratch[at + MARK.FILE] = rows.file;
    scratch[at + MARK.LINE] = rows.line;
    scratch[at + MARK.COLUMN] = rows.column;
    scratch[at + MARK.IS_STMT] = rows.isStmt ? 1 : 0;
    scratch[at + MARK.DISCRIMINATOR] = rows.discriminator;
    scratch[at + MARK.OP_INDEX] = rows.opIndex;
    scratch[at + MARK.ISA] = rows.isa;
    return at + MARK_SIZE;
  }
}
