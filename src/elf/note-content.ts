/** What the notes of known owners say. */
import { Cursor } from "../bytes/cursor.ts";
import { decodeUtf8 } from "../bytes/text.ts";
import { ELF_NOTE_OS, NT_CORE, NT_FDO, NT_GNU, NT_STAPSDT, propertyName } from "./constants/note.ts";
import { type CoreNoteContent, decodeCoreNote } from "./core-note.ts";
import type { ElfImage } from "./image.ts";
import type { NoteRecord } from "./note-record.ts";

/** One property of a `NT_GNU_PROPERTY_TYPE_0` note. */
export interface GnuProperty {
  /** `pr_type`, a `GNU_PROPERTY_` value. */
  readonly type: number;
  readonly name: string;
  readonly data: Uint8Array;
  /** The data as a number, where it has 4 or 8 bytes. */
  readonly value: bigint | undefined;
}

/** Contents of a note, told apart by `kind`. */
export type NoteContent =
  | { readonly kind: "build-id"; readonly id: string }
  | {
      readonly kind: "abi-tag";
      /** An `ELF_NOTE_OS_` value, and its usual name. */
      readonly os: number;
      readonly osName: string;
      /** Earliest kernel, `3.2.0`. */
      readonly version: string;
    }
  | { readonly kind: "gnu-property"; readonly properties: readonly GnuProperty[] }
  | { readonly kind: "gold-version"; readonly text: string }
  | {
      readonly kind: "stapsdt";
      /** Address of the probe's instruction. */
      readonly pc: bigint;
      /** Address of `.stapsdt.base` when the note was made; the difference to where it is now corrects the others. */
      readonly base: bigint;
      /** Address of the counter that arms the probe, 0 for none. */
      readonly semaphore: bigint;
      readonly provider: string;
      readonly name: string;
      /** Arguments as assembler operands: `-4@%eax 8@%rdi`. */
      readonly args: string;
    }
  | { readonly kind: "metadata"; readonly json: string }
  | CoreNoteContent
  | { readonly kind: "unknown" };

const OS_NAMES: Readonly<Record<number, string>> = {
  [ELF_NOTE_OS.ELF_NOTE_OS_LINUX]: "Linux",
  [ELF_NOTE_OS.ELF_NOTE_OS_GNU]: "Hurd",
  [ELF_NOTE_OS.ELF_NOTE_OS_SOLARIS2]: "Solaris",
  [ELF_NOTE_OS.ELF_NOTE_OS_FREEBSD]: "kFreeBSD",
};

/** Decodes a note; `kind: "unknown"` for an owner or type that is not known. */
export function decodeNote(image: ElfImage, note: NoteRecord): NoteContent {
  const { owner, type, desc } = note;
  if (owner === "GNU") return decodeGnu(image, note);
  if (owner === "stapsdt" && type === NT_STAPSDT.NT_STAPSDT) return decodeStapsdt(image, note);
  if (
    owner === "FDO" &&
    (type === NT_FDO.NT_FDO_PACKAGING_METADATA || type === NT_FDO.NT_FDO_DLOPEN_METADATA)
  ) {
    return { kind: "metadata", json: text(desc) };
  }
  if (owner === "CORE" || (owner === "LINUX" && type === NT_CORE.NT_FILE)) return decodeCoreNote(image, note);
  return { kind: "unknown" };
}

function decodeGnu(image: ElfImage, note: NoteRecord): NoteContent {
  const { type, desc } = note;
  switch (type) {
    case NT_GNU.NT_GNU_BUILD_ID:
      return { kind: "build-id", id: hex(desc) };
    case NT_GNU.NT_GNU_GOLD_VERSION:
      return { kind: "gold-version", text: text(desc) };
    case NT_GNU.NT_GNU_ABI_TAG: {
      const cursor = new Cursor(desc, image.little, image.fault(`${note.part} ABI tag`));
      const os = cursor.u32();
      const version = `${cursor.u32()}.${cursor.u32()}.${cursor.u32()}`;
      return { kind: "abi-tag", os, osName: OS_NAMES[os] ?? `0x${os.toString(16)}`, version };
    }
    case NT_GNU.NT_GNU_PROPERTY_TYPE_0:
      return { kind: "gnu-property", properties: decodeProperties(image, note) };
    default:
      return { kind: "unknown" };
  }
}

/** [Linux Extensions to gABI, "Program Property Note"]: each padded to the class's word. */
function decodeProperties(image: ElfImage, note: NoteRecord): GnuProperty[] {
  const cursor = new Cursor(note.desc, image.little, image.fault(`${note.part} properties`));
  const properties: GnuProperty[] = [];
  while (cursor.remaining > 0) {
    const type = cursor.u32();
    const data = cursor.take(cursor.u32());
    cursor.align(image.is64 ? 8 : 4);
    const number = new Cursor(data, image.little, image.fault(note.part));
    const value = data.length === 4 ? BigInt(number.u32()) : data.length === 8 ? number.u64() : undefined;
    properties.push({ type, name: propertyName(type, image.machine), data, value });
  }
  return properties;
}

/** [systemtap wiki, "UserSpaceProbeImplementation"]. */
function decodeStapsdt(image: ElfImage, note: NoteRecord): NoteContent {
  const cursor = new Cursor(note.desc, image.little, image.fault(`${note.part} probe`));
  const address = () => (image.is64 ? cursor.u64() : BigInt(cursor.u32()));
  const pc = address();
  const base = address();
  const semaphore = address();
  const provider = cursor.string();
  const name = cursor.string();
  return { kind: "stapsdt", pc, base, semaphore, provider, name, args: cursor.string() };
}

/** Text up to the first NUL or the end. */
function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decodeUtf8(bytes, 0, end < 0 ? bytes.length : end);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
