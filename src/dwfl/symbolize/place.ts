/**
 * What is at a place of one file: the functions that are executed there and their lines, and the symbol. Needs no session:
 * a place is a section and an offset, or an address as the file has it.
 */
import { DW_LANG } from "../../dwarf/constants/language.ts";
import type { Dwarf } from "../../dwarf/dwarf.ts";
import { type CodeFrame, CodeLookup } from "../../dwarf/lookup/lookup.ts";
import { BinderyError } from "../../errors.ts";
import type { FilePlace } from "../module/placement.ts";

/** A function that is executed at a place. */
export interface SymbolizedFrame {
  /** What linkers call it, where that is known, else what the source calls it; mangled as it is. `undefined`: not known. */
  readonly function: string | undefined;
  /** What the source calls it, without namespaces. */
  readonly name: string | undefined;
  /** Path of the source file, joined with its directories; `undefined` where it is not known. */
  readonly file: string | undefined;
  /** From 1; 0 where it is not known. */
  readonly line: number;
  /** From 1; 0 where it is not known. */
  readonly column: number;
  /** Tells blocks of one line apart; 0 mostly. */
  readonly discriminator: number;
  readonly isStmt: boolean;
  /** It was inlined into the function of the next frame. */
  readonly inlined: boolean;
}

/** The symbol that a place belongs to. */
export interface PlaceSymbol {
  readonly name: string;
  /** Bytes from the symbol to the place. */
  readonly offset: bigint;
  /** Bytes of the symbol; 0 if it does not say. */
  readonly size: bigint;
}

/** What is known of a place. */
export interface SymbolizedPlace {
  readonly symbol: PlaceSymbol | undefined;
  /** The innermost function first. Without debug information one frame, of the symbol; empty where nothing is known. */
  readonly frames: readonly SymbolizedFrame[];
  /** What could not be read on the way; the rest is there. */
  readonly notes: readonly string[];
}

/** A symbol and where it begins. */
interface FoundSymbol {
  readonly symbol: { readonly name: string; readonly size: bigint };
  readonly offset: bigint;
}

/** Who knows the file. A module of a session is one. */
export interface SymbolizedFile {
  /** Debug information; `undefined` if there is none. Asked at each question: it may change. */
  readonly dwarf: Dwarf | undefined;
  /** Its symbols, by place. */
  readonly symbols: {
    /** The symbol that a place in the file belongs to. */
    match(place: FilePlace): FoundSymbol | undefined;
  };
}

/** Languages whose functions linkers call what the source calls them. */
const UNMANGLED: ReadonlySet<number> = new Set([
  DW_LANG.DW_LANG_C89,
  DW_LANG.DW_LANG_C,
  DW_LANG.DW_LANG_C99,
  DW_LANG.DW_LANG_C11,
  DW_LANG.DW_LANG_C17,
  DW_LANG.DW_LANG_C23,
  DW_LANG.DW_LANG_Ada83,
  DW_LANG.DW_LANG_Cobol74,
  DW_LANG.DW_LANG_Cobol85,
  DW_LANG.DW_LANG_Fortran77,
  DW_LANG.DW_LANG_Pascal83,
  DW_LANG.DW_LANG_PLI,
  DW_LANG.DW_LANG_UPC,
  DW_LANG.DW_LANG_Assembly,
  DW_LANG.DW_LANG_Mips_Assembler,
]);

/** Answers for places of one file. Tables are made at the first questions, and kept. */
export class PlaceSymbolizer {
  readonly #file: SymbolizedFile;
  #lookup: CodeLookup | undefined;

  constructor(file: SymbolizedFile) {
    this.#file = file;
  }

  /** Looks into the debug information; `undefined` if there is none. @throws BinderyError if it can't be opened */
  get lookup(): CodeLookup | undefined {
    const { dwarf } = this.#file;
    if (this.#lookup?.dwarf !== dwarf) this.#lookup = dwarf && new CodeLookup(dwarf);
    return this.#lookup;
  }

  /**
   * What is at a place. Errors are notes on the answer.
   * @param place in the main file
   * @param code the same place in the file with the debug information, where that numbers its sections otherwise
   */
  at(place: FilePlace, code: FilePlace = place): SymbolizedPlace {
    return this.#answer(place, code, true);
  }

  /** The same for who needs no symbol where there is debug information: `symbol` is there only where it gives a name. */
  framesAt(place: FilePlace, code: FilePlace = place): SymbolizedPlace {
    return this.#answer(place, code, false);
  }

  #answer(place: FilePlace, code: FilePlace, wantsSymbol: boolean): SymbolizedPlace {
    const notes: string[] = [];
    let known: readonly CodeFrame[] = [];
    let symbol: PlaceSymbol | undefined;
    try {
      const answer = this.lookup?.at(code.section, code.offset);
      if (answer !== undefined) {
        known = answer.frames;
        for (const error of answer.errors) notes.push(error.message);
      }
    } catch (error) {
      note(notes, error);
    }
    const outermost = known.at(-1);
    if (wantsSymbol || outermost === undefined || usesSymbol(outermost)) {
      try {
        const match = this.#file.symbols.match(place);
        symbol = match && { name: match.symbol.name, offset: match.offset, size: match.symbol.size };
      } catch (error) {
        note(notes, error);
      }
    }
    const frames: SymbolizedFrame[] = [];
    for (const frame of known) frames.push(symbolized(frame, symbol));
    if (known.length === 0 && symbol !== undefined) frames.push(bare(symbol));
    return { symbol, frames, notes };
  }
}

/** Compilers leave the linkage name out where a function is local; its symbol has it. */
function usesSymbol({ inlined, linkageName, entry, language }: CodeFrame): boolean {
  return !inlined && linkageName === undefined && (entry === undefined || !UNMANGLED.has(language));
}

function symbolized(frame: CodeFrame, symbol: PlaceSymbol | undefined): SymbolizedFrame {
  const { name, linkageName, file, line, column, discriminator, isStmt, inlined } = frame;
  const called = linkageName ?? (usesSymbol(frame) ? symbol?.name : undefined) ?? name;
  return { function: called, name: name ?? called, file, line, column, discriminator, isStmt, inlined };
}

/** All that is known where there is no debug information. */
function bare({ name }: PlaceSymbol): SymbolizedFrame {
  return {
    function: name,
    name,
    file: undefined,
    line: 0,
    column: 0,
    discriminator: 0,
    isStmt: false,
    inlined: false,
  };
}

/** What a question gives; an error is noted, and the answer is `undefined`. */
export function noted<Answer>(notes: string[], ask: () => Answer): Answer | undefined {
  try {
    return ask();
  } catch (error) {
    note(notes, error);
    return undefined;
  }
}

function note(notes: string[], error: unknown): void {
  if (!(error instanceof BinderyError)) throw error;
  notes.push(error.message);
}
