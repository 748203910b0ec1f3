/** What a section's type says about its alignment and entry size. */
import { SHT } from "../constants/section.ts";
import { sysvHashWordSize } from "../hash-table.ts";
import { layoutOf } from "../header.ts";
import type { Format } from "./put.ts";

/** `sh_addralign` and `sh_entsize` of a section type, where the description says nothing. */
export function defaultsOf(type: number, format: Format): { addralign: number; entsize: number } {
  const { is64 } = format;
  const { word, symsize, dynsize, relsize, relasize } = layoutOf(is64);
  switch (type) {
    case SHT.SHT_SYMTAB:
    case SHT.SHT_DYNSYM:
      return { addralign: word, entsize: symsize };
    case SHT.SHT_RELA:
      return { addralign: word, entsize: relasize };
    case SHT.SHT_REL:
      return { addralign: word, entsize: relsize };
    case SHT.SHT_RELR:
    case SHT.SHT_INIT_ARRAY:
    case SHT.SHT_FINI_ARRAY:
    case SHT.SHT_PREINIT_ARRAY:
      return { addralign: word, entsize: word };
    case SHT.SHT_DYNAMIC:
      return { addralign: word, entsize: dynsize };
    case SHT.SHT_HASH:
      return { addralign: word, entsize: sysvHashWordSize(format) };
    case SHT.SHT_GNU_HASH:
      // Of mixed words in 64-bit files.
      return { addralign: word, entsize: is64 ? 0 : 4 };
    case SHT.SHT_GROUP:
    case SHT.SHT_SYMTAB_SHNDX:
      return { addralign: 4, entsize: 4 };
    case SHT.SHT_GNU_versym:
      return { addralign: 2, entsize: 2 };
    case SHT.SHT_NOTE:
      return { addralign: 4, entsize: 0 };
    default:
      return { addralign: 1, entsize: 0 };
  }
}
