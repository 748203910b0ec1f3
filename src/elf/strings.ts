/** String tables [gABI, "String Table"]: names packed end to end, found by offset. */
import { decodeUtf8, findNul, internUtf8 } from "../bytes/text.ts";
import type { ElfImage } from "./image.ts";

/** A string table. Nothing is decoded until a name is asked for. */
export class StringTable {
  readonly bytes: Uint8Array;
  readonly #image: ElfImage;
  readonly #part: string;

  /** @param part what messages call the table, e.g. `.strtab` */
  constructor(image: ElfImage, bytes: Uint8Array, part: string) {
    this.#image = image;
    this.bytes = bytes;
    this.#part = part;
  }

  /**
   * The name at `offset`. Offset 0 is the empty name, even of an empty table.
   *
   * @throws ElfError `ELF_BAD_REFERENCE` if `offset` is outside the table, `ELF_TRUNCATED` if the name does not end
   */
  at(offset: number): string {
    return offset === 0 && this.bytes.length === 0 ? "" : decodeUtf8(this.bytes, offset, this.end(offset));
  }

  /** {@link at}, for names that many files have, such as those of sections. */
  common(offset: number): string {
    return offset === 0 && this.bytes.length === 0 ? "" : internUtf8(this.bytes, offset, this.end(offset));
  }

  /** Offset of the NUL that ends the name at `offset`; throws as {@link at} does. */
  end(offset: number): number {
    if (offset < 0 || offset >= this.bytes.length) {
      throw this.#image.error(
        "ELF_BAD_REFERENCE",
        this.#part,
        offset,
        `name outside the table: found offset ${offset}, expected less than ${this.bytes.length}`,
      );
    }
    const end = findNul(this.bytes, offset);
    if (end < 0) {
      throw this.#image.error(
        "ELF_TRUNCATED",
        this.#part,
        offset,
        "found a name that runs past the table, expected a NUL",
      );
    }
    return end;
  }

  /** Whether the name at `offset` is `name` (UTF-8, no terminator). Decodes nothing; false for a bad offset. */
  equals(offset: number, name: Uint8Array): boolean {
    const { bytes } = this;
    if (offset + name.length >= bytes.length) return false;
    for (let i = 0; i < name.length; i++) if (bytes[offset + i] !== name[i]) return false;
    return bytes[offset + name.length] === 0;
  }
}
