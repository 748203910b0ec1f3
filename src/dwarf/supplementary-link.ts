/**
 * Which supplementary file, that holds what several debug files share, a debug file refers to: `.gnu_debugaltlink`
 * [dwz(1)] and `.debug_sup` [DWARF5 7.3.6].
 */
import { readU16 } from "../bytes/endian.ts";
import { leb128Length, readUleb128Number } from "../bytes/leb128.ts";
import { decodeUtf8, findNul } from "../bytes/text.ts";
import type { ElfFile } from "../elf/file.ts";

const GNU = ".gnu_debugaltlink";
const DWARF5 = ".debug_sup";

/** Which supplementary file a debug file refers to. */
export interface SupplementaryLink {
  readonly section: typeof GNU | typeof DWARF5;
  /** Path of the file: absolute, or relative to the directory of the debug file. */
  readonly file: string;
  /** In hexadecimal: the build id of the file (`.gnu_debugaltlink`), or its checksum (`.debug_sup`). */
  readonly id: string;
}

/**
 * What `.debug_sup` holds [DWARF5 7.3.6]: version 5, is_supplementary, sup_filename, sup_checksum_len (LEB128),
 * sup_checksum.
 */
export interface DebugSup {
  readonly supplementary: boolean;
  readonly file: string;
  readonly checksum: string;
}

/**
 * Reads which supplementary file a debug file refers to; `undefined` if to none, or if it is one itself.
 *
 * @throws ElfError if the section is malformed: `ELF_TRUNCATED`, `ELF_BAD_VALUE`, or `ELF_UNSUPPORTED` for its version
 */
export function supplementaryLink(elf: ElfFile): SupplementaryLink | undefined {
  const bytes = elf.sectionsNamed(GNU)[0]?.bytes();
  if (bytes !== undefined) {
    const end = findNul(bytes, 0);
    if (end <= 0 || end + 1 >= bytes.length) {
      const what = `found ${bytes.length} bytes, expected a path that ends in 0, and a build id`;
      throw elf.image.error("ELF_TRUNCATED", GNU, 0, what);
    }
    return { section: GNU, file: decodeUtf8(bytes, 0, end), id: hex(bytes.subarray(end + 1)) };
  }
  const sup = readDebugSup(elf);
  if (sup === undefined || sup.supplementary) return undefined;
  if (sup.file === "") throw elf.image.error("ELF_BAD_VALUE", DWARF5, 3, "found an empty path, expected one");
  return { section: DWARF5, file: sup.file, id: sup.checksum };
}

/** What `.debug_sup` of a file holds; `undefined` when it has none. @throws ElfError as {@link supplementaryLink} */
export function readDebugSup(elf: ElfFile): DebugSup | undefined {
  const bytes = elf.sectionsNamed(DWARF5)[0]?.bytes();
  if (bytes === undefined) return undefined;
  const truncated = (at: number, what: string) =>
    elf.image.error("ELF_TRUNCATED", DWARF5, at, `found the section's end, expected ${what}`);
  if (bytes.length < 3) throw truncated(bytes.length, "a header of 3 bytes");
  const version = readU16(bytes, 0, elf.image.little);
  if (version !== 5) {
    throw elf.image.error("ELF_UNSUPPORTED", DWARF5, 0, `version: found ${version}, expected 5`);
  }
  const end = findNul(bytes, 3);
  if (end < 0) throw truncated(3, "a path that ends in 0");
  const length = leb128Length(bytes, end + 1);
  const start = end + 1 + length;
  const size = readUleb128Number(bytes, end + 1);
  if (length === 0 || start + size > bytes.length) throw truncated(end + 1, `a checksum of ${size} bytes`);
  return {
    supplementary: bytes[2] === 1,
    file: decodeUtf8(bytes, 3, end),
    checksum: hex(bytes.subarray(start, start + size)),
  };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
