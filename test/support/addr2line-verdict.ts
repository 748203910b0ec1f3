/**
 * Answers of `bindery addr2line`, GNU addr2line and llvm-addr2line side by side. Where the two tools disagree, each rule
 * says who is right and what must hold then; what no rule allows is a fault.
 */

/** A function and line as the tools print them. */
export interface ShownFrame {
  readonly function: string;
  readonly file: string;
  readonly line: string;
}

/** Answers by the address asked, in the order of the questions. */
export type Shown = readonly { readonly address: bigint; readonly frames: readonly ShownFrame[] }[];

/** Reads what `addr2line -a -f -i` prints. */
export function parseShown(text: string): Shown {
  const answers: { address: bigint; frames: ShownFrame[] }[] = [];
  const lines = text.trimEnd().split("\n");
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? "";
    if (/^0x[0-9a-f]+$/.test(line)) {
      answers.push({ address: BigInt(line), frames: [] });
      at++;
      continue;
    }
    const [, file = "", number = ""] =
      /^(.*):(\d+|\?)(?: \(discriminator \d+\))?$/.exec(lines[at + 1] ?? "") ?? [];
    answers
      .at(-1)
      ?.frames.push({ function: line, file: plainPath(file), line: number === "0" ? "?" : number });
    at += 2;
  }
  return answers;
}

/** GNU keeps `./` and `//` in paths, LLVM takes them out. */
function plainPath(path: string): string {
  return path.replaceAll("/./", "/").replaceAll("//", "/");
}

/** A symbol as `nm` prints it. */
export interface ShownSymbol {
  readonly name: string;
  readonly value: bigint;
  readonly size: bigint;
}

/** Reads what `nm -S` prints. */
export function parseSymbols(text: string): ShownSymbol[] {
  return [...text.matchAll(/^([0-9a-f]+) (?:([0-9a-f]+) )?\S (.+)$/gm)].map(
    ([, value, size = "0", name = ""]) => ({
      name,
      value: BigInt(`0x${value}`),
      size: BigInt(`0x${size}`),
    }),
  );
}

/** What the rules need to know of the file. */
export interface Judged {
  /** Functions of the place's section, or of the linked file. */
  readonly functions: readonly ShownSymbol[];
  /** Names of all symbols. */
  readonly names: ReadonlySet<string>;
  /** Names of the files that were compiled. */
  readonly sources: ReadonlySet<string>;
}

type Frames = readonly ShownFrame[];

/** Why GNU's answer may differ from ours; `undefined`: no reason. */
export function gnuExcuse(
  address: bigint,
  ours: Frames,
  gnu: Frames,
  llvm: Frames,
  of: Judged,
): string | undefined {
  if (isSame(ours, gnu)) return "same";
  const ourLast = ours.at(-1);
  const theirLast = gnu.at(-1);
  if (ourLast === undefined || theirLast === undefined) return undefined;
  // Behind the end of a function GNU goes on to name it. Nothing is there but what fills the room before the next one.
  if (ours.length === 1 && gnu.length === 1 && ourLast.function === "??") {
    const isCovered = of.functions.some((one) => covers(one, address));
    const isBare = ourLast.line === "?" && theirLast.line === "?";
    const isLine = ourLast.line === theirLast.line && isUnits(ourLast, theirLast, of);
    return !isCovered && (isBare || isLine) ? "room behind a function" : undefined;
  }
  // LLVM confirms our lines. GNU prints the unit's file for some rows of headers; an inlined function without a linkage name it
  // calls by the symbol of the place, which is that of the outermost one; and that by its bare name, where others are inlined
  // into it, though its symbol has the linkage name.
  const isExcused = ours.every((frame, i) => {
    const theirs = gnu[i];
    if (theirs === undefined || theirs.line !== frame.line) return false;
    const isNamed = (name: string) => of.functions.some((one) => one.name === name && covers(one, address));
    const isOutermost = i === ours.length - 1;
    const isSymbol = !isOutermost && !frame.function.startsWith("_Z") && isNamed(theirs.function);
    const isBare = isOutermost && isNamed(frame.function);
    return isUnits(frame, theirs, of) && (theirs.function === frame.function || isSymbol || isBare);
  });
  const isConfirmed = sameLines(ours, llvm) && sameBelow(ours, llvm);
  if (isConfirmed && ours.length === gnu.length && isExcused) return "names and files that GNU mixes up";
  // A row that reaches over the end of its sequence, which only GNU lets it.
  const isBeyond = ours.length === 1 && ourLast.line === "?" && ourLast.function === theirLast.function;
  if (isSame(ours, llvm) && isBeyond && of.sources.has(baseName(theirLast.file)))
    return "a row of another sequence";
  return unknownFile(ours, gnu);
}

/** Whether the file is the same, or GNU's is one that was compiled, for that of the row. */
function isUnits(ours: ShownFrame, gnu: ShownFrame, of: Judged): boolean {
  return gnu.file === ours.file || of.sources.has(baseName(gnu.file));
}

/** Why LLVM's answer may differ from ours; `undefined`: no reason. */
export function llvmExcuse(
  address: bigint,
  ours: Frames,
  gnu: Frames,
  llvm: Frames,
  of: Judged,
): string | undefined {
  if (isSame(ours, llvm)) return "same";
  const ourLast = ours.at(-1);
  const theirLast = llvm.at(-1);
  if (ourLast === undefined || theirLast === undefined) return undefined;
  // LLVM takes the outermost name from the symbol table, whatever section the symbol is in: ours is the entry's, or where
  // there is none that of the symbol whose bytes the place is in. GNU confirms it, save where it names more than there is.
  if (sameLines(ours, llvm) && sameBelow(ours, llvm) && of.names.has(theirLast.function)) {
    const isAlias = theirLast.function.startsWith(`${ourLast.function}.`);
    if (isAlias || ourLast.function === gnu.at(-1)?.function) return "a name of the symbol table";
    const names = of.functions.filter((one) => covers(one, address)).map(({ name }) => name);
    if (names.includes(ourLast.function) && names.includes(theirLast.function))
      return "another name of the place";
    if (ourLast.function === "??") return "a name of the symbol table, of another place";
  }
  return unknownFile(ours, llvm);
}

/** Where no line is known, both name the file of the last STT_FILE symbol, which need not be the one. */
function unknownFile(ours: Frames, theirs: Frames): string | undefined {
  const [one, other] = [ours[0], theirs[0]];
  const isBare = ours.length === 1 && theirs.length === 1 && one?.line === "?" && other?.line === "?";
  return isBare && one?.file === "??" && one.function === other.function
    ? "a file without a line"
    : undefined;
}

function covers({ value, size }: ShownSymbol, address: bigint): boolean {
  return value <= address && address < value + size;
}

function isSame(a: Frames, b: Frames): boolean {
  return (
    a.length === b.length && a.every((frame, i) => sameLine(frame, b[i]) && frame.function === b[i]?.function)
  );
}

function sameLines(a: Frames, b: Frames): boolean {
  return a.length === b.length && a.every((frame, i) => sameLine(frame, b[i]));
}

function sameLine(a: ShownFrame, b: ShownFrame | undefined): boolean {
  return a.file === b?.file && a.line === b.line;
}

/** All frames agree but the outermost function's name. */
function sameBelow(a: Frames, b: Frames): boolean {
  return (
    a.length === b.length &&
    a.every((frame, i) => sameLine(frame, b[i]) && (i === a.length - 1 || frame.function === b[i]?.function))
  );
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
