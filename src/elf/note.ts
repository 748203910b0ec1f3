/** Notes [gABI, "Note Section"]: small tagged records, each from an owner that gives its types their meaning. */
import { readU32 } from "../bytes/endian.ts";
import { decodeUtf8 } from "../bytes/text.ts";
import { noteTypeName } from "./constants/note.ts";
import type { ElfImage } from "./image.ts";
import { decodeNote, type NoteContent } from "./note-content.ts";
import type { NoteRecord } from "./note-record.ts";

/** One note. */
export class ElfNote implements NoteRecord {
  /** Whose note it is: `GNU`, `stapsdt`, `CORE`. */
  readonly owner: string;
  /** `n_type`; what it means depends on the owner. */
  readonly type: number;
  /** `n_desc`: the contents, a view. */
  readonly desc: Uint8Array;
  /** What holds the note: a section's name or a segment. */
  readonly part: string;
  /** Offset of the note in `part`. */
  readonly offset: number;
  readonly #image: ElfImage;
  #content: NoteContent | undefined;

  constructor(image: ElfImage, part: string, offset: number, owner: string, type: number, desc: Uint8Array) {
    this.#image = image;
    this.owner = owner;
    this.type = type;
    this.desc = desc;
    this.part = part;
    this.offset = offset;
  }

  /** `NT_GNU_BUILD_ID` and so on, as the owner names its types. */
  get typeName(): string {
    return noteTypeName(this.owner, this.type);
  }

  /** The contents, decoded; `kind: "unknown"` for what is not known. Throws an `ElfError` if they are malformed. */
  get content(): NoteContent {
    this.#content ??= decodeNote(this.#image, this);
    return this.#content;
  }
}

/**
 * Reads the notes of one section or segment.
 *
 * @param alignment `sh_addralign` or `p_align`: 8 pads to 8, everything else to 4, whatever the class
 */
export function readNotes(image: ElfImage, bytes: Uint8Array, part: string, alignment: number): ElfNote[] {
  const { little } = image;
  const pad = alignment === 8 ? 8 : 4;
  const up = (value: number) => Math.ceil(value / pad) * pad;
  const notes: ElfNote[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 12 > bytes.length) {
      throw image.error(
        "ELF_TRUNCATED",
        part,
        at,
        `note: found ${bytes.length - at} bytes, expected a header of 12`,
      );
    }
    const namesz = readU32(bytes, at, little);
    const descsz = readU32(bytes, at + 4, little);
    const type = readU32(bytes, at + 8, little);
    const desc = up(at + 12 + namesz);
    if (desc + descsz > bytes.length) {
      throw image.error(
        "ELF_TRUNCATED",
        part,
        at,
        `note: found a name of ${namesz} and contents of ${descsz} bytes, expected at most ${bytes.length - at - 12}`,
      );
    }
    const nameEnd = at + 12 + namesz;
    const terminated = namesz > 0 && bytes[nameEnd - 1] === 0;
    const owner = decodeUtf8(bytes, at + 12, terminated ? nameEnd - 1 : nameEnd);
    notes.push(new ElfNote(image, part, at, owner, type, bytes.subarray(desc, desc + descsz)));
    at = up(desc + descsz);
  }
  return notes;
}
