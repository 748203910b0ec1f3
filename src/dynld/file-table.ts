/** The table of what a file exports, as the seed's linkers put `_exporttab` into a program with `-x`. */
import { SHN, SHT } from "../elf/constants/section.ts";
import { STB } from "../elf/constants/symbol.ts";
import type { ElfFile } from "../elf/file.ts";
import { DynldError } from "../errors.ts";
import { closestNames } from "./closest.ts";
import type { Dynsym } from "./dynsym.ts";
import { throwAll } from "./link/fault.ts";
import { infernoSignature } from "./signature/inferno.ts";
import { TypedFile } from "./signature/typed-file.ts";

/** What a table is made of. */
export interface FileTableOptions {
  /** Which symbols; all that are exported by default. */
  readonly names?: Iterable<string>;
  /** Signatures of Inferno's compilers, 32 bits, in the place of Bindery's. */
  readonly inferno?: boolean;
}

/**
 * What an executable, library or object exports, sorted by name, with addresses of the file. A signature is 0 where debug
 * information, of the file or of its separate debug file on this machine, does not tell the type.
 * @throws DynldError DYNLD_UNDEFINED_SYMBOL for names that it does not export; HostError, ElfError, DwarfError
 */
export function fileTable(path: string, options: FileTableOptions = {}): Dynsym[] {
  using file = TypedFile.openLocal(path);
  const { exports } = file;
  const wanted = options.names === undefined ? undefined : new Set(options.names);
  if (wanted !== undefined) checkNames(path, wanted, new Set(exports.map(({ name }) => name)));
  const values = valuesOf(file.elf);
  const chosen = exports.filter(({ name }) => wanted?.has(name) ?? true);
  return chosen.map((exported) => {
    const symbol = file.typeOf(exported);
    const sign = (): number | bigint => {
      if (symbol === undefined) return 0;
      return options.inferno === true ? infernoSignature(symbol) : file.signature(symbol).signature;
    };
    const sig = signatureOf(sign);
    return { name: exported.name, sig, addr: values.get(exported.name) ?? 0n };
  });
}

/** 0 of a type that has no signature. */
function signatureOf(sign: () => number | bigint): bigint {
  try {
    return BigInt(sign());
  } catch (error) {
    if (error instanceof DynldError && error.code === "DYNLD_BAD_TYPE") return 0n;
    throw error;
  }
}

function checkNames(path: string, wanted: ReadonlySet<string>, names: ReadonlySet<string>): void {
  const problems = [...wanted]
    .filter((name) => !names.has(name))
    .map((name) => {
      const close = closestNames(name, names);
      const has = close.length === 0 ? "" : `; there is ${close.join(", ")}`;
      const what = `${name}: is not exported${has}`;
      return new DynldError("DYNLD_UNDEFINED_SYMBOL", { file: path }, what, { symbol: name });
    });
  throwAll(problems);
}

/** Values of global symbols by name. */
function valuesOf(elf: ElfFile): Map<string, bigint> {
  const values = new Map<string, bigint>();
  for (const type of [SHT.SHT_SYMTAB, SHT.SHT_DYNSYM]) {
    const section = elf.sections.find((one) => one.type === type);
    if (section === undefined) continue;
    const table = elf.symbols(section);
    for (let i = 1; i < table.length; i++) {
      if (table.binding(i) === STB.STB_LOCAL || table.sectionIndex(i) === SHN.SHN_UNDEF) continue;
      values.set(table.name(i), table.value(i));
    }
  }
  return values;
}
