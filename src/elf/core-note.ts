/** Notes of Linux core files [Linux, include/uapi/linux/elfcore.h and fs/binfmt_elf.c]. */
import { Cursor } from "../bytes/cursor.ts";
import { decodeUtf8 } from "../bytes/text.ts";
import { EM } from "./constants/machine.ts";
import { auxTypeName, NT_CORE } from "./constants/note.ts";
import type { ElfImage } from "./image.ts";
import type { NoteRecord } from "./note-record.ts";

/** A file that was mapped into the process. */
export interface FileMapping {
  readonly start: bigint;
  readonly end: bigint;
  /** Where in the file the mapping starts, in bytes. */
  readonly fileOffset: bigint;
  readonly path: string;
}

/** Contents of a core file's note, told apart by `kind`. */
export type CoreNoteContent =
  | {
      readonly kind: "prstatus";
      /** Signal that the thread had when it was dumped. */
      readonly signal: number;
      /** Thread id; parent, group and session of its process. */
      readonly pid: number;
      readonly ppid: number;
      readonly pgrp: number;
      readonly sid: number;
      /** General registers, as the machine's `elf_gregset_t` lays them out. A view. */
      readonly registers: Uint8Array;
    }
  | {
      readonly kind: "prpsinfo";
      /** `R`, `S`, `D` … */
      readonly state: string;
      readonly uid: number;
      readonly gid: number;
      readonly pid: number;
      readonly ppid: number;
      readonly pgrp: number;
      readonly sid: number;
      /** Name of the executable, at most 15 bytes. */
      readonly fname: string;
      /** Start of the command line, at most 79 bytes. */
      readonly psargs: string;
    }
  | {
      readonly kind: "siginfo";
      readonly signo: number;
      readonly errno: number;
      readonly code: number;
      readonly address: bigint;
    }
  | {
      readonly kind: "auxv";
      readonly entries: readonly { readonly type: number; readonly name: string; readonly value: bigint }[];
    }
  | { readonly kind: "file-mappings"; readonly pageSize: bigint; readonly mappings: readonly FileMapping[] }
  | { readonly kind: "unknown" };

/** Decodes a note of owner `CORE`. */
export function decodeCoreNote(image: ElfImage, note: NoteRecord): CoreNoteContent {
  const cursor = new Cursor(note.desc, image.little, image.fault(`${note.part} ${note.typeName}`));
  switch (note.type) {
    case NT_CORE.NT_PRSTATUS:
      return decodeStatus(image, cursor);
    case NT_CORE.NT_PRPSINFO:
      return decodeProcess(image, cursor);
    case NT_CORE.NT_SIGINFO:
      return decodeSiginfo(image, cursor);
    case NT_CORE.NT_AUXV:
      return decodeAuxv(image, cursor);
    case NT_CORE.NT_FILE:
      return decodeFiles(image, cursor);
    default:
      return { kind: "unknown" };
  }
}

function word(image: ElfImage, cursor: Cursor): bigint {
  return image.is64 ? cursor.u64() : BigInt(cursor.u32());
}

/** `struct elf_prstatus`: siginfo, cursig, two signal sets, four ids, four times, registers, fpvalid. */
function decodeStatus(image: ElfImage, cursor: Cursor): CoreNoteContent {
  const size = image.is64 ? 8 : 4;
  cursor.skip(12);
  const signal = cursor.u16();
  cursor.skip(2 + 2 * size);
  const [pid, ppid, pgrp, sid] = [cursor.i32(), cursor.i32(), cursor.i32(), cursor.i32()];
  cursor.skip(4 * 2 * size);
  // fpvalid is an int, padded to a word.
  const registers = cursor.take(Math.max(0, cursor.remaining - size));
  return { kind: "prstatus", signal, pid, ppid, pgrp, sid, registers };
}

/** `struct elf_prpsinfo`; ids of users have 16 bits on the 32-bit machines where the structure has 124 bytes. */
function decodeProcess(image: ElfImage, cursor: Cursor): CoreNoteContent {
  const short = !image.is64 && cursor.bytes.length === 124;
  cursor.skip(1);
  const state = String.fromCharCode(cursor.u8());
  cursor.skip(image.is64 ? 14 : 6);
  const uid = short ? cursor.u16() : cursor.u32();
  const gid = short ? cursor.u16() : cursor.u32();
  const [pid, ppid, pgrp, sid] = [cursor.i32(), cursor.i32(), cursor.i32(), cursor.i32()];
  const fname = fixedText(cursor.take(16));
  const psargs = fixedText(cursor.take(80));
  return { kind: "prpsinfo", state, uid, gid, pid, ppid, pgrp, sid, fname, psargs };
}

function decodeSiginfo(image: ElfImage, cursor: Cursor): CoreNoteContent {
  const [signo, second, third] = [cursor.i32(), cursor.i32(), cursor.i32()];
  // MIPS has si_code before si_errno.
  const [errno, code] = image.machine === EM.EM_MIPS ? [third, second] : [second, third];
  if (image.is64) cursor.skip(4);
  return { kind: "siginfo", signo, errno, code, address: word(image, cursor) };
}

function decodeAuxv(image: ElfImage, cursor: Cursor): CoreNoteContent {
  const entries: { type: number; name: string; value: bigint }[] = [];
  while (cursor.remaining > 0) {
    const type = Number(word(image, cursor));
    const value = word(image, cursor);
    entries.push({ type, name: auxTypeName(type), value });
    if (type === 0) break;
  }
  return { kind: "auxv", entries };
}

/** Count, page size, `count` ranges in pages, then as many paths. */
function decodeFiles(image: ElfImage, cursor: Cursor): CoreNoteContent {
  const count = Number(word(image, cursor));
  const pageSize = word(image, cursor);
  const least = image.is64 ? 25 : 13;
  if (count * least > cursor.remaining) {
    throw image.error(
      "ELF_BAD_VALUE",
      "NT_FILE",
      0,
      `found ${count} mappings in ${cursor.remaining} bytes, expected at least ${least} bytes each`,
    );
  }
  const ranges = Array.from({ length: count }, () => {
    const [start, end, page] = [word(image, cursor), word(image, cursor), word(image, cursor)];
    return { start, end, fileOffset: page * pageSize };
  });
  return {
    kind: "file-mappings",
    pageSize,
    mappings: ranges.map((one) => ({ ...one, path: cursor.string() })),
  };
}

function fixedText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decodeUtf8(bytes, 0, end < 0 ? bytes.length : end);
}
