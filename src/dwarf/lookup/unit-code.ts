/** The code of one unit: its functions and lines, each table made at the first question. */
import type { DwarfUnit } from "../dwarf.ts";
import type { LineHeader } from "../read/line/header.ts";
import { InlineTable } from "./inline-table.ts";
import { Intervals } from "./intervals.ts";
import type { FoundRow, LineFinder } from "./line-finder.ts";
import type { FunctionName, FunctionNames } from "./names.ts";
import { type Plan, SLOT } from "./plan.ts";
import { type FunctionSink, type PlaceReaders, UnitScanner } from "./scanner.ts";

/** What the units of a file share. */
export interface CodeOwner extends PlaceReaders {
  /** Steps over the unit's entries. */
  planOf(unit: DwarfUnit): Plan;
  /**
   * The line program at an offset, that stands at `field` of the unit's section; `undefined` when the file has none. Units
   * that share one get the same object.
   */
  headerAt(unit: DwarfUnit, field: number, offset: number): LineHeader | undefined;
  /** Its rows. */
  linesOf(header: LineHeader): LineFinder;
  /** True where a linked file has no code at address 0, so that what begins there was discarded. */
  readonly zeroIsDiscarded: boolean;
}

/** All units of a file. */
export interface CodeUnits extends CodeOwner {
  readonly units: readonly DwarfUnit[];
  readonly names: FunctionNames;
  /** What the entries and lines of a unit say of code. @throws DwarfError */
  codeOf(unit: DwarfUnit): UnitCode;
  /** The code of the unit that has the functions: of a skeleton, its split unit. @throws DwarfError */
  bodyOf(unit: DwarfUnit): UnitCode;
}

/** A line that is executed. */
export interface Call {
  readonly file: string | undefined;
  readonly line: number;
  readonly column: number;
  readonly discriminator: number;
  readonly isStmt: boolean;
}

/** Functions and lines of one unit. */
export class UnitCode {
  readonly unit: DwarfUnit;
  readonly scanner: UnitScanner;
  readonly inlines: InlineTable;
  /** Names of the functions, by their entries. */
  readonly names = new Map<number, FunctionName>();
  /** Where inlined functions were called, by their entries. */
  readonly calls = new Map<number, Call>();
  /** The unit whose line program counts: the skeleton of a split one. */
  readonly #statements: UnitCode;
  readonly #owner: CodeOwner;
  #functions: Intervals | undefined;
  #isDeep = false;
  /** Why the functions behind some entry are not known. */
  #error: unknown;
  #lines: LineFinder | undefined;
  #header: LineHeader | undefined;
  #headerKnown = false;
  #directory: string | undefined;
  #language: number | undefined;
  readonly #paths = new Map<number, string | undefined>();

  constructor(unit: DwarfUnit, owner: CodeOwner, skeleton?: UnitCode) {
    this.unit = unit;
    this.#owner = owner;
    this.#statements = skeleton ?? this;
    this.scanner = new UnitScanner(unit, owner.planOf(unit), owner);
    this.inlines = new InlineTable(this.scanner);
  }

  /**
   * Offset of the function's entry that has code at a place; -1.
   * @param row that of the place
   * @throws DwarfError
   */
  functionAt(section: number, offset: number, row: FoundRow | undefined): number {
    this.#functions ??= this.#scan(false);
    let found = this.#functions.find(section, offset);
    if (found < 0 && !this.#isDeep && this.#mayBeNested(section, row)) {
      this.#functions = this.#scan(true);
      found = this.#functions.find(section, offset);
    }
    if (found < 0 && this.#error !== undefined) throw this.#error;
    return found;
  }

  /**
   * Whether a place in no function that is known so far may be in one within another. All functions have rows of their own;
   * what a row of another function reaches to is what fills the room behind that.
   */
  #mayBeNested(section: number, row: FoundRow | undefined): boolean {
    if (row === undefined) return this.#lines === undefined;
    return (this.#functions?.find(section, row.offset) ?? -1) < 0;
  }

  /** The line row of a place. @throws DwarfError */
  rowAt(section: number, offset: number): FoundRow | undefined {
    return this.lines()?.find(section, offset);
  }

  /** The rows of the unit's line program; `undefined` where it has none. @throws DwarfError */
  lines(): LineFinder | undefined {
    if (this.#lines === undefined) {
      const header = this.header();
      if (header !== undefined) this.#lines = this.#owner.linesOf(header);
    }
    return this.#lines;
  }

  /** The header of the unit's line program; `undefined` where it has none. @throws DwarfError */
  header(): LineHeader | undefined {
    if (this.#statements !== this) return this.#statements.header();
    if (!this.#headerKnown) {
      const { scanner } = this;
      if (scanner.decodeRoot() && scanner.forms[SLOT.STATEMENTS] !== 0) {
        this.#header = this.#owner.headerAt(
          this.unit,
          scanner.at[SLOT.STATEMENTS] ?? 0,
          scanner.number(SLOT.STATEMENTS),
        );
      }
      this.#headerKnown = true;
    }
    return this.#header;
  }

  /** Path of a file, by its number in the line program; `undefined` where there is no such file. */
  path(file: number): string | undefined {
    if (this.#statements !== this) return this.#statements.path(file);
    let path = this.#paths.get(file);
    if (path === undefined && !this.#paths.has(file)) {
      this.#directory ??= this.text(SLOT.DIRECTORY) ?? "";
      path = this.header()?.path(file, this.#directory);
      this.#paths.set(file, path);
    }
    return path;
  }

  /** `DW_AT_language`; 0 where the unit does not say. */
  get language(): number {
    if (this.#language === undefined) {
      const { scanner } = this;
      this.#language = scanner.decodeRoot() ? scanner.number(SLOT.LANGUAGE) : 0;
    }
    return this.#language;
  }

  /** A string of the root entry. */
  text(slot: number): string | undefined {
    const { scanner } = this;
    return scanner.decodeRoot() ? scanner.text(slot) : undefined;
  }

  /** Whether the root entry says what the unit covers. @throws DwarfError */
  get saysCoverage(): boolean {
    if (this.#statements !== this) return this.#statements.saysCoverage;
    const { scanner } = this;
    return !scanner.decodeRoot() || scanner.forms[SLOT.RANGES] !== 0 || scanner.forms[SLOT.HIGH] !== 0;
  }

  /** Adds what the root entry says that the unit covers. @throws DwarfError */
  coverTo(intervals: Intervals, value: number): void {
    if (this.#statements !== this) {
      this.#statements.coverTo(intervals, value);
      return;
    }
    const sink: FunctionSink = { add: (section, begin, end) => intervals.add(section, begin, end, value) };
    if (this.scanner.decodeRoot()) this.scanner.give(sink, this.unit.header.entries);
  }

  /** Adds what functions cover. @throws DwarfError */
  functionsTo(intervals: Intervals, value: number): void {
    this.scanner.functions({ add: (section, begin, end) => intervals.add(section, begin, end, value) }, true);
  }

  #scan(deep: boolean): Intervals {
    const functions = new Intervals();
    const { zeroIsDiscarded } = this.#owner;
    this.#error = undefined;
    this.scanner.skipped = false;
    const sink: FunctionSink = {
      add(section, begin, end, entry) {
        if (!(begin === 0 && section < 0 && zeroIsDiscarded)) functions.add(section, begin, end, entry);
      },
    };
    try {
      this.scanner.functions(sink, deep);
    } catch (error) {
      this.#error = error;
    }
    this.#isDeep = deep || !this.scanner.skipped;
    return functions;
  }
}
