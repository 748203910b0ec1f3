/** What a relocatable object would be as a module: what it exports and needs, and its relocations. Nothing is loaded. */
import { SHF, SHT } from "../elf/constants/section.ts";
import { DynldError } from "../errors.ts";
import type { CSymbol } from "./ctype.ts";
import { compareNames, type Dynsym, dynfindsym } from "./dynsym.ts";
import { readingModule, throwAll } from "./link/fault.ts";
import { linkImage, type ModuleImage } from "./link/image.ts";
import type { ModuleFile } from "./link/input.ts";
import { isExported, ModuleLink } from "./link/link.ts";
import { ORIGIN } from "./link/symbols.ts";
import { parseTypeLists } from "./mkmod/sections.ts";
import { ModuleTypes } from "./module-types.ts";
import { checkSignature, type SignaturePolicy } from "./policy.ts";
import { signatureText } from "./signature/signature.ts";

/** A symbol with what is known of its type. */
export interface ContentsSymbol {
  readonly name: string;
  /** 0 when the type is not known. */
  readonly sig: bigint;
  readonly type: CSymbol | undefined;
}

/** A symbol that the module defines. */
export interface ContentsExport extends ContentsSymbol {
  /** Where: a section and an offset there; `COMMON` is room that the link takes, at no offset yet. */
  readonly section: string;
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** A relocation of a section that is loaded. */
export interface ContentsRelocation {
  readonly section: string;
  readonly offset: number;
  /** As the psABI spells it: `R_X86_64_PC32`. */
  readonly type: string;
  /** A symbol, or the section that a section's own symbol stands for; empty for none. */
  readonly symbol: string;
  /** `undefined` when it is in the place itself. */
  readonly addend: bigint | undefined;
}

/** How an image is made. */
export interface ContentsImageOptions {
  readonly base: bigint;
  /** What may be imported, sorted by name. */
  readonly table: readonly Dynsym[];
  readonly policy: SignaturePolicy;
}

/** One relocatable object, read and checked as loading does. */
export class ElfContents {
  readonly link: ModuleLink;
  /** Whether mkmod made it. */
  readonly isMade: boolean;
  /** Sorted by name. */
  readonly imports: readonly ContentsSymbol[];
  readonly exports: readonly ContentsExport[];
  readonly #file: ModuleFile;
  readonly #maxsize: number;

  /**
   * Reads an object.
   * @param maxsize text, data and bss together must be below this many bytes; 0 is no limit but the one of 1 GiB
   * @throws DynldError as loading does, but of imports
   */
  static read(file: ModuleFile, maxsize = 0): ElfContents {
    return readingModule(() => new ElfContents(file, maxsize));
  }

  private constructor(file: ModuleFile, maxsize: number) {
    this.#file = file;
    this.#maxsize = maxsize;
    // Whatever it needs is taken to be there.
    const imports = { find: () => ({ address: 0n }), names: () => [] };
    this.link = ModuleLink.plan([file], { imports, maxsize });
    const files = this.link.inputs.map(({ elf }) => elf);
    this.isMade = files.some((elf) => parseTypeLists(elf) !== undefined);
    const types = new ModuleTypes(files, () => this.link.imports.map(({ name }) => name));
    const typed = (name: string) => ({ name, sig: types.signature(name), type: types.symbol(name) });
    this.imports = this.link.imports.map(({ name }) => typed(name)).sort(byName);
    this.exports = [...this.#exported()].map((one) => ({ ...one, ...typed(one.name) })).sort(byName);
  }

  /** Relocations of loaded sections, in the order of the file. @throws ElfError */
  *relocations(): IterableIterator<ContentsRelocation> {
    for (const { elf, symtab, sections } of this.link.inputs) {
      for (const table of sections) {
        const target = sections[table.info];
        const isTable = table.type === SHT.SHT_RELA || table.type === SHT.SHT_REL;
        if (!isTable || target === undefined || !target.hasFlags(SHF.SHF_ALLOC)) continue;
        const records = elf.relocations(table);
        for (let i = 0; i < records.length; i++) {
          const index = records.symbol(i);
          const isNamed = symtab !== undefined && index > 0 && index < symtab.length;
          const name = isNamed ? symtab.name(index) : "";
          yield {
            section: target.label,
            offset: records.offset(i),
            type: records.typeName(i),
            symbol: isNamed && name === "" ? (sections[symtab.sectionIndex(index)]?.label ?? "") : name,
            addend: records.addend(i),
          };
        }
      }
    }
  }

  /** The module at an address. @throws DynldError as loading does */
  image({ base, table, policy }: ContentsImageOptions): ModuleImage {
    const find = (name: string) => {
      const entry = dynfindsym(name, table);
      return entry === undefined ? undefined : { address: BigInt(entry.addr) };
    };
    const names = () => table.map(({ name }) => name);
    const image = linkImage([this.#file], { base, imports: { find, names }, maxsize: this.#maxsize });
    throwAll(this.imports.flatMap((one) => misfit(one, table, policy, this.#file.name)));
    return image;
  }

  *#exported(): IterableIterator<Omit<ContentsExport, "sig" | "type">> {
    const { symbols, sections } = this.link;
    for (let id = 0; id < symbols.length; id++) {
      const origin = symbols.origin[id];
      if (origin !== ORIGIN.piece && origin !== ORIGIN.common) continue;
      const [binding = 0, visibility = 0, size = 0] = [
        symbols.binding[id],
        symbols.visibility[id],
        symbols.size[id],
      ];
      if (symbols.isThreadLocal(id) || !isExported({ binding, visibility })) continue;
      const name = symbols.nameOf(id);
      const piece = origin === ORIGIN.piece ? sections.pieces[symbols.piece[id] ?? -1] : undefined;
      const offset = piece === undefined ? 0 : (symbols.value[id] ?? 0);
      yield { name, section: piece?.section.label ?? "COMMON", offset, size };
    }
  }
}

function byName(a: ContentsSymbol, b: ContentsSymbol): number {
  return compareNames(a.name, b.name);
}

function misfit(
  { name, sig }: ContentsSymbol,
  table: readonly Dynsym[],
  policy: SignaturePolicy,
  file: string,
): DynldError[] {
  const entry = dynfindsym(name, table);
  const provided = BigInt(entry?.sig ?? 0);
  const verdict = entry === undefined ? "fits" : checkSignature(name, sig, provided, { policy });
  if (verdict === "fits") return [];
  const pair = `${signatureText(sig)} != ${signatureText(provided)}`;
  const isUnknown = verdict === "unknown";
  const what = `${isUnknown ? "unchecked symbol" : "signature mismatch"}: ${name} (${pair})`;
  const code = isUnknown ? "DYNLD_UNCHECKED_SYMBOL" : "DYNLD_SIGNATURE_MISMATCH";
  return [new DynldError(code, { file }, what, { symbol: name })];
}
