/** The code of a process: its files, and the objects that it made in its memory, as they are while it is stopped. */
import type { SymbolizedFrame } from "../../dwfl/symbolize/place.ts";
import { STB, STT } from "../../elf/constants/symbol.ts";
import { CodeFile, type FrameRules, moduleOf } from "./code-file.ts";
import type { CodeSource } from "./code-source.ts";
import { JIT_DESCRIPTOR, JIT_REGISTER, jitFiles, type ReadProcess } from "./jit-list.ts";

/** What is known of an address. */
export interface CodePlace {
  readonly address: bigint;
  /** File that it is in, without directories; `undefined` where none is. */
  readonly file: string | undefined;
  /** The symbol that it belongs to, and how many bytes from it on. */
  readonly symbol: { readonly name: string; readonly offset: bigint } | undefined;
  /** Functions that are executed there, the innermost first; empty where none is known. */
  readonly frames: readonly SymbolizedFrame[];
}

/** Where a symbol is defined. */
export interface SymbolDefinition {
  readonly address: bigint;
  /** Only its own library knows it. */
  readonly isLocal: boolean;
  /** It is of code that chooses a function when that is bound (`STT_GNU_IFUNC`). */
  readonly isIndirect: boolean;
  readonly file: CodeFile;
}

/** Files without a name on disk, which change while they are mapped. */
const IN_MEMORY = /^\/memfd:/;

/**
 * Files that are the same at the next stop are kept with what was read of them. Whoever lets the process run calls
 * {@link forget} afterwards.
 */
export class CodeMap implements Disposable {
  readonly #source: CodeSource;
  readonly #read: ReadProcess;
  readonly #files = new Map<string, CodeFile>();
  #made: readonly CodeFile[] | undefined;
  #isCurrent = false;
  /** What was mapped when the files were found. */
  #state = "";

  /** @param read memory without breakpoints */
  constructor(source: CodeSource, read: ReadProcess) {
    this.#source = source;
    this.#read = read;
  }

  /** The process ran: what is mapped may be another thing now. */
  forget(): void {
    this.#isCurrent = false;
    this.#made = undefined;
  }

  /** Address of a symbol; see {@link find}. */
  addressOf(name: string): bigint | undefined {
    return this.find(name)?.address;
  }

  /**
   * The definition of a symbol: that of the program, else of the first file in order of address that shows it to others, else
   * of the first that has it for itself.
   */
  find(name: string): SymbolDefinition | undefined {
    let own: SymbolDefinition | undefined;
    for (const file of this.#all()) {
      const found = file.symbolNamed(name);
      if (found?.address === undefined) continue;
      const { address, type, binding } = found;
      const isIndirect = type === STT.STT_GNU_IFUNC;
      const isLocal = binding === STB.STB_LOCAL && !file.module.isProgram;
      const definition = { address, isLocal, isIndirect, file };
      if (!isLocal) return definition;
      own ??= definition;
    }
    return own;
  }
  /** What the code at a symbol chose (`STT_GNU_IFUNC`), if anybody has it. */
  chosenBy({ file, address: resolver }: SymbolDefinition, name: string): bigint | undefined {
    const slots = [...file.slotsOf(resolver), ...this.#mapped().flatMap((one) => one.slotsNamed(name))];
    for (const slot of slots) {
      const bytes = this.#read(slot, 8);
      const chosen = bytes && new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
      // Others may have bound the name to another file's function, or have not bound it yet.
      if (chosen !== undefined && chosen !== resolver && file.has(chosen)) {
        if (file.at(chosen)?.symbol?.name.endsWith("@plt") !== true) return chosen;
      }
    }
    return undefined;
  }

  /** Whether a symbol still is at an address. */
  defines(name: string, address: bigint): boolean {
    return this.#all().some((one) => one.has(address) && one.symbolNamed(name)?.address === address);
  }

  /** Addresses where code of a source line begins, in all files. */
  linesAt(file: string, line: number): readonly bigint[] {
    return this.#all().flatMap((one) => one.linesAt(file, line));
  }

  /** Symbols that begin so, at most `most`. */
  namesBeginning(prefix: string, most: number): readonly string[] {
    const names = new Set<string>();
    for (const file of this.#all()) {
      for (const name of file.namesBeginning(prefix, most - names.size)) names.add(name);
      if (names.size >= most) break;
    }
    return [...names].sort();
  }

  /**
   * What is at an address.
   *
   * @param isReturn a call returns there: what is before it is looked up
   */
  at(address: bigint, isReturn = false): CodePlace {
    const shift = isReturn ? 1n : 0n;
    let file: CodeFile | undefined;
    for (const one of this.#at(address - shift)) {
      const found = one.at(address - shift);
      file = one;
      if (found === undefined || (found.frames.length === 0 && found.symbol === undefined)) continue;
      const { symbol, frames } = found;
      const named = symbol && { name: symbol.name, offset: symbol.offset + shift };
      return { address, file: this.#nameAt(address - shift), symbol: named, frames };
    }
    const name = file === undefined ? undefined : this.#nameAt(address - shift);
    return { address, file: name, symbol: undefined, frames: [] };
  }

  /** How the frame of what is executed at an address is undone; `undefined` where nothing says. */
  frameAt(address: bigint): FrameRules | undefined {
    for (const file of this.#at(address)) {
      const rules = file.frameAt(address);
      if (rules !== undefined) return rules;
    }
    return undefined;
  }

  /** Where the process tells debuggers of objects that it made. */
  get jitRegisterFunctions(): readonly bigint[] {
    return this.#mapped().flatMap((one) => one.exported(JIT_REGISTER) ?? []);
  }

  /** Closes what is open. */
  [Symbol.dispose](): void {
    for (const { module } of this.#files.values()) module.close();
    this.#files.clear();
    this.#state = "";
    this.forget();
  }

  /** What the process made says more of an address than the file that it lies in. */
  *#at(address: bigint): Generator<CodeFile> {
    for (const file of this.#jit()) if (file.has(address)) yield file;
    for (const file of this.#mapped()) if (file.has(address)) yield file;
  }

  #all(): readonly CodeFile[] {
    return [...this.#mapped(), ...this.#jit()];
  }

  #nameAt(address: bigint): string | undefined {
    return this.#mapped()
      .find((one) => one.has(address))
      ?.module.name.replace(/^memfd:/, "");
  }

  #jit(): readonly CodeFile[] {
    this.#made ??= jitFiles(
      this.#read,
      this.#mapped().flatMap((one) => one.exported(JIT_DESCRIPTOR) ?? []),
    );
    return this.#made;
  }

  /** The program first. */
  #mapped(): readonly CodeFile[] {
    if (!this.#isCurrent) this.#update();
    return [...this.#files.values()];
  }

  #update(): void {
    this.#isCurrent = true;
    const state = this.#source.state();
    if (state === this.#state) {
      for (const file of this.#files.values()) if (IN_MEMORY.test(file.module.path ?? "")) file.forget();
      return;
    }
    this.#state = state;
    const before = new Map(this.#files);
    const found: [string, CodeFile][] = [];
    for (const report of this.#source.reports(state)) {
      const { path = "", span, buildId } = report;
      const key = `${path} ${span?.start} ${span?.end} ${buildId}`;
      const known = before.get(key);
      before.delete(key);
      if (known !== undefined && IN_MEMORY.test(path)) known.forget();
      found.push([key, known ?? new CodeFile(moduleOf(report))]);
    }
    for (const { module } of before.values()) module.close();
    this.#files.clear();
    const first = found.findIndex(([, file]) => file.module.isProgram);
    if (first > 0) found.unshift(...found.splice(first, 1));
    for (const [key, file] of found) this.#files.set(key, file);
  }
}
