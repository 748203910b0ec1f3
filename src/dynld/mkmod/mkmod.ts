/** Makes a module of component files, as the seed's linkers do with `-u`: merged, with tables of what it needs and offers. */
import { ET } from "../../elf/constants/header.ts";
import { SHT } from "../../elf/constants/section.ts";
import type { SectionDescription } from "../../elf/write/description.ts";
import { writeElf } from "../../elf/write/write.ts";
import type { DynldError } from "../../errors.ts";
import { closestNames } from "../closest.ts";
import { linkError, readingModule, throwAll } from "../link/fault.ts";
import { type LinkInput, type ModuleFile, openInputs } from "../link/input.ts";
import { PRELINK_SECTION } from "../link/prelink.ts";
import { planSections } from "../link/sections.ts";
import { readSymbols } from "../link/symbols.ts";
import { ModuleTypes } from "../module-types.ts";
import { encodeTypes } from "../signature/table.ts";
import { mergedBytes, mergeSections } from "./merge.ts";
import { mergeRelocations } from "./merged-relocations.ts";
import { mergeSymbols } from "./merged-symbols.ts";
import { EXPORTS_SECTION, encodeList, IMPORTS_SECTION, TYPES_SECTION } from "./sections.ts";
import { settle } from "./settle.ts";

/** How a module is made. */
export interface MkmodOptions {
  /** Names that it may import; all that are undefined by default. */
  readonly imports?: Iterable<string>;
  /** Names that it exports; all that are global and not hidden by default. */
  readonly exports?: Iterable<string>;
  /** Whether debug information comes along. True by default; types of imports and exports do in any case. */
  readonly debug?: boolean;
}

/** A module that was made. */
export interface MadeModule {
  /** The file: a relocatable object. */
  readonly bytes: Uint8Array;
  /** Signatures by name, 0 where the type is not known; sorted by name in the file. */
  readonly exports: ReadonlyMap<string, bigint>;
  readonly imports: ReadonlyMap<string, bigint>;
}

/**
 * Merges relocatable objects, and of archives those members that they need, into one module.
 * @throws DynldError DYNLD_UNDEFINED_SYMBOL with all names that are not in the lists, or listed and not there; as loading
 *   does of what is wrong in the files
 */
export function makeModule(files: readonly ModuleFile[], options: MkmodOptions = {}): MadeModule {
  return readingModule(() => make(files, options));
}

function make(files: readonly ModuleFile[], options: MkmodOptions): MadeModule {
  const inputs = openInputs(files);
  const plan = planSections(inputs);
  const symbols = readSymbols(inputs, plan);
  const merged = mergeSections(inputs, plan, options.debug !== false);
  const wanted = options.exports === undefined ? undefined : new Set(options.exports);
  const numbers = mergeSymbols(symbols, merged, (name) => wanted?.has(name) ?? true);
  checkLists(numbers.offered, wanted, numbers.imports, options.imports, inputs[0]?.name);
  const bytes = new Map(
    merged.sections
      .filter(({ type }) => type !== SHT.SHT_NOBITS)
      .map((section) => [section, mergedBytes(section)] as const),
  );
  const relocations = mergeRelocations(inputs, symbols, merged, numbers, bytes);
  const { exports, imports, types } = typesOf(inputs, numbers);
  const sections: SectionDescription[] = merged.sections.map((section) => {
    const { name, type, flags, align, size } = section;
    const head = { name, type, flags, addralign: align };
    return type === SHT.SHT_NOBITS
      ? { ...head, size }
      : { ...head, bytes: bytes.get(section) ?? new Uint8Array(0) };
  });
  const table = (name: string, contents: Uint8Array): void => {
    sections.push({ name, type: SHT.SHT_PROGBITS, bytes: contents });
  };
  table(EXPORTS_SECTION, encodeList(exports));
  table(IMPORTS_SECTION, encodeList(imports));
  table(TYPES_SECTION, types);
  // Without it, linkers take it that the stack is to be executable.
  table(".note.GNU-stack", new Uint8Array(0));
  const symtab = sections.push({ name: ".symtab", type: SHT.SHT_SYMTAB, symbols: numbers.columns });
  for (const [index, section] of merged.sections.entries()) {
    const left = relocations.get(section);
    if (left === undefined || left.offsets.length === 0) continue;
    const { offsets, types: kinds, symbols: of, addends, isImplicit } = left;
    sections.push({
      name: `${isImplicit ? ".rel" : ".rela"}${section.name}`,
      type: isImplicit ? SHT.SHT_REL : SHT.SHT_RELA,
      relocations: {
        offsets,
        types: kinds,
        symbols: of,
        ...(isImplicit ? {} : { addends: BigInt64Array.from(addends) }),
      },
      target: index + 1,
      link: symtab,
    });
  }
  const { machine, is64, little } = inputs[0]?.elf.image ?? { machine: 0, is64: true, little: true };
  const flags = inputs[0]?.elf.header.flags ?? 0;
  const write = (of: readonly SectionDescription[]): Uint8Array =>
    writeElf({ type: ET.ET_REL, machine, is64, little, flags, sections: of });
  const linked = write(sections);
  const settled = settle({ name: inputs[0]?.name ?? "module", bytes: linked });
  if (settled === undefined) return { bytes: linked, exports, imports };
  const { contents, prelink } = settled;
  const complete: SectionDescription[] = sections.map((section, i) => {
    const bytes = contents.get(i + 1);
    return bytes === undefined ? section : { ...section, bytes };
  });
  complete.push({ name: PRELINK_SECTION, type: SHT.SHT_PROGBITS, bytes: prelink, addralign: 4 });
  return { bytes: write(complete), exports, imports };
}

/** Signatures of what the module exports and imports, and the types that they stand for, encoded. */
function typesOf(
  inputs: readonly LinkInput[],
  names: { readonly exports: readonly string[]; readonly imports: readonly string[] },
): Pick<MadeModule, "exports" | "imports"> & { readonly types: Uint8Array } {
  const types = new ModuleTypes(
    inputs.map(({ elf }) => elf),
    () => names.imports,
  );
  try {
    const signatures = (of: readonly string[]) =>
      new Map(of.map((name) => [name, types.signature(name)] as const));
    const exports = signatures(names.exports);
    const imports = signatures(names.imports);
    const signed = [...exports.keys(), ...imports.keys()].map((name) => types.signed(name));
    return { exports, imports, types: encodeTypes(signed.filter((one) => one !== undefined)) };
  } finally {
    types.close();
  }
}

/** Every import must be on its list, and all that is on the list of exports must be there. */
function checkLists(
  offered: readonly string[],
  wanted: ReadonlySet<string> | undefined,
  imports: readonly string[],
  allowed: Iterable<string> | undefined,
  file: string | undefined,
): void {
  const problems: DynldError[] = [];
  const missing = (symbol: string, what: string, names: Iterable<string>): void => {
    const close = closestNames(symbol, names);
    const has = close.length === 0 ? "" : `; there is ${close.join(", ")}`;
    problems.push(
      linkError("DYNLD_UNDEFINED_SYMBOL", file, undefined, undefined, `${what}: ${symbol}${has}`, { symbol }),
    );
  };
  const defined = new Set(offered);
  for (const name of wanted ?? []) if (!defined.has(name)) missing(name, "no such symbol to export", offered);
  if (allowed !== undefined) {
    const list = new Set(allowed);
    for (const name of imports)
      if (!list.has(name)) missing(name, "undefined symbol, not in the list of imports", list);
  }
  throwAll(problems);
}

/** Names of a list file: one a line; what is behind white space, empty lines and those that begin with `#` do not count. */
export function parseNameList(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim().split(/\s+/)[0] ?? "")
    .filter((name) => name !== "" && !name.startsWith("#"));
}
