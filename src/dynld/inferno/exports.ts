/** The export table of an Inferno module: entries in the image, sorted by name, up to one without a name. */
import { readU32 } from "../../bytes/endian.ts";
import { decodeUtf8, findNul } from "../../bytes/text.ts";
import type { DynldError } from "../../errors.ts";
import { compareNames, type Dynsym } from "../dynsym.ts";
import { ERRSTR, infernoError, placeOf } from "./errstr.ts";

/** Bytes of an entry: signature, address, pointer to the name. */
const ENTRY_SIZE = 12;

/** An image, or as much of it as a file has, and where its words count from. */
interface ExportImage {
  /** Bytes from the start of text; what is behind them is bss, and zero. */
  readonly bytes: Uint8Array;
  /** Bytes of the whole image. */
  readonly size: number;
  readonly base: number;
  readonly little: boolean;
}

/**
 * Reads the table at image offset `entry`. Names and addresses outside the image are refused, which Inferno's loader
 * does not look at; an address may be that of the image's end.
 *
 * @throws DynldError `DYNLD_TRUNCATED`, `DYNLD_BAD_VALUE` or `DYNLD_DUPLICATE`
 */
export function readExports(image: ExportImage, entry: number, file: string | undefined): Dynsym[] {
  const { bytes, base, little, size } = image;
  const word = (at: number) => readU32(bytes, at, little);
  const fail = (offset: number, what: string): DynldError =>
    infernoError("DYNLD_BAD_VALUE", placeOf(file, "image", offset), ERRSTR.entry, what);
  const found: Dynsym[] = [];
  const names = new Set<string>();
  // Names of a sound table lie side by side: together they are no longer than the image.
  let room = bytes.length;
  let sorted = true;
  let before = "";
  for (let at = entry; ; at += ENTRY_SIZE) {
    if (at + ENTRY_SIZE > size) {
      throw infernoError(
        "DYNLD_TRUNCATED",
        placeOf(file, "image", at),
        ERRSTR.entry,
        `found the end of the image, expected an export table that ends with an entry of zeros`,
      );
    }
    const pointer = word(at + 8);
    if (pointer === 0) break;
    const start = pointer - base;
    const end = start >= 0 && start < bytes.length ? findNul(bytes, start) : -1;
    const place = `pointer to the name of export ${found.length}`;
    if (end < 0) {
      const where = `0x${pointer.toString(16)}`;
      throw fail(at + 8, `${place}: found ${where}, expected a string that ends in the image`);
    }
    room -= end - start;
    if (room < 0)
      throw fail(at + 8, `${place}: found names longer than the image, expected them side by side`);
    const name = decodeUtf8(bytes, start, end);
    const address = word(at + 4);
    if (address < base || address > base + size) {
      const where = `0x${address.toString(16)}`;
      throw fail(at + 4, `address of ${name}: found ${where}, expected one in the image`);
    }
    if (names.has(name)) {
      const what = `found ${name} twice, expected each name once`;
      throw infernoError("DYNLD_DUPLICATE", placeOf(file, "image", at), ERRSTR.entry, what, { symbol: name });
    }
    names.add(name);
    if (found.length > 0 && compareNames(before, name) > 0) sorted = false;
    before = name;
    found.push({ name, sig: BigInt(word(at)), addr: BigInt(address) });
  }
  return sorted ? found : found.sort((a, b) => compareNames(a.name, b.name));
}
