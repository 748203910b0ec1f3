/** Compressed sections [gABI, "Section Compression"], and the GNU form with a name of its own, `.zdebug_…`. */
import { readSize64, readU32 } from "../bytes/endian.ts";
import { ELFCOMPRESS } from "./constants/section.ts";
import type { ElfImage } from "./image.ts";

/** How a section is compressed. */
export interface CompressionHeader {
  /** `gabi` for `SHF_COMPRESSED`, `gnu` for `.zdebug`. */
  readonly form: "gabi" | "gnu";
  /** `ch_type`, an `ELFCOMPRESS_` value. */
  readonly type: number;
  /** `ch_size`: bytes once decompressed. */
  readonly size: number;
  /** `ch_addralign`: alignment of the decompressed contents; 0 where the form does not say. */
  readonly addralign: number;
  /** Bytes of the header, before the compressed data. */
  readonly headerSize: number;
}

/** More than deflate can make of a byte; a declared size past this is a lie. */
const ZLIB_RATIO = 1032;

/**
 * Reads the compression header at the start of `raw`. Of a `.zdebug` section that lacks the mark, which happens where
 * compressing did not help, `undefined`.
 *
 * @throws ElfError `ELF_TRUNCATED` if the header does not fit
 */
export function compressionHeader(
  image: ElfImage,
  label: string,
  raw: Uint8Array,
  form: "gabi" | "gnu",
): CompressionHeader | undefined {
  if (form === "gnu") {
    const marked = raw[0] === 0x5a && raw[1] === 0x4c && raw[2] === 0x49 && raw[3] === 0x42;
    if (!marked || raw.length < 12) return undefined;
    // "ZLIB", then the size, big-endian in every file.
    return {
      form,
      type: ELFCOMPRESS.ELFCOMPRESS_ZLIB,
      size: readSize64(raw, 4, false),
      addralign: 0,
      headerSize: 12,
    };
  }
  const { is64, little } = image;
  const headerSize = is64 ? 24 : 12;
  if (raw.length < headerSize) {
    throw image.error(
      "ELF_TRUNCATED",
      label,
      0,
      `compression header: found ${raw.length} bytes, expected ${headerSize}`,
    );
  }
  return {
    form,
    type: readU32(raw, 0, little),
    size: is64 ? readSize64(raw, 8, little) : readU32(raw, 4, little),
    addralign: is64 ? readSize64(raw, 16, little) : readU32(raw, 8, little),
    headerSize,
  };
}

/**
 * Decompresses a section's contents.
 *
 * @throws ElfError `ELF_BAD_COMPRESSION` if the data is malformed or larger than allowed, `ELF_UNSUPPORTED` for an
 * algorithm that is not known
 */
export function decompressSection(
  image: ElfImage,
  label: string,
  header: CompressionHeader,
  raw: Uint8Array,
): Uint8Array {
  const { decompressors } = image;
  const { type, size, headerSize } = header;
  const input = raw.subarray(headerSize);
  const zlib = type === ELFCOMPRESS.ELFCOMPRESS_ZLIB;
  if (!zlib && type !== ELFCOMPRESS.ELFCOMPRESS_ZSTD) {
    throw image.error(
      "ELF_UNSUPPORTED",
      label,
      0,
      `compression type: found ${type}, expected ELFCOMPRESS_ZLIB (1) or ELFCOMPRESS_ZSTD (2)`,
    );
  }
  const most = zlib ? Math.min(decompressors.limit, input.length * ZLIB_RATIO) : decompressors.limit;
  if (!(size <= most)) {
    throw image.error(
      "ELF_BAD_COMPRESSION",
      label,
      0,
      `decompressed size: found ${size}, expected at most ${most} from ${input.length} bytes`,
    );
  }
  let output: Uint8Array;
  try {
    output = zlib ? decompressors.zlib(input, size) : decompressors.zstd(input, size);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw image.error("ELF_BAD_COMPRESSION", label, headerSize, why);
  }
  if (output.length !== size) {
    throw image.error(
      "ELF_BAD_COMPRESSION",
      label,
      headerSize,
      `found ${output.length} decompressed bytes, expected ${size}`,
    );
  }
  return output;
}
