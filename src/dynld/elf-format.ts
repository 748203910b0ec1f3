/** Relocatable ELF objects as modules of dynld(10.2). */
import { readSize64, readU16 } from "../bytes/endian.ts";
import { DynldError } from "../errors.ts";
import type { ModuleFormat } from "./dynobj.ts";
import { ExportTable } from "./export-table.ts";
import { NativeModule } from "./module.ts";
import type { ModuleStream } from "./stream.ts";

const MAGIC = [0x7f, 0x45, 0x4c, 0x46];
/** Bytes and fields of an `Elf64_Ehdr` and an `Elf64_Shdr`. */
const EHDR_SIZE = 64;
const E_SHOFF = 40;
const E_SHENTSIZE = 58;
const E_SHNUM = 60;
const SHDR_SIZE = 64;
const SH_TYPE = 4;
const SH_OFFSET = 24;
const SH_SIZE = 32;
const SHT_NOBITS = 8;
/** The largest object that is read: far more than any compiler makes. */
const LIMIT = 2 ** 31;

/** Bindery's own modules, and objects of compilers: what begins as ELF does. */
export const ELF_FORMAT: ModuleFormat = {
  name: "ELF",
  recognizes: (start) => start.length >= MAGIC.length && MAGIC.every((byte, i) => start[i] === byte),
  load: (stream, request) => {
    const table = new ExportTable();
    for (const symbol of request.exports) table.add(symbol);
    const name = stream.name ?? "module";
    const { maxsize = 0, policy, exceptions } = request;
    return NativeModule.load(
      { name, bytes: readObject(stream) },
      {
        table,
        maxsize,
        ...(policy === undefined ? {} : { policy }),
        ...(exceptions === undefined ? {} : { exceptions }),
      },
    );
  },
};

/** Takes a whole ELF file from a stream, and no more: its end is that of its last part. */
function readObject(stream: ModuleStream): Uint8Array {
  let bytes = stream.take(EHDR_SIZE);
  const upTo = (end: number): void => {
    if (end <= bytes.length) return;
    if (!(end <= LIMIT)) {
      const place = stream.name === undefined ? {} : { file: stream.name };
      throw new DynldError(
        "DYNLD_TOO_BIG",
        place,
        `found a part that ends at ${end}, expected at most ${LIMIT}`,
      );
    }
    const more = stream.take(end - bytes.length);
    const joined = new Uint8Array(bytes.length + more.length);
    joined.set(bytes);
    joined.set(more, bytes.length);
    bytes = joined;
  };
  if (bytes.length < EHDR_SIZE) return bytes;
  const shoff = readSize64(bytes, E_SHOFF, true);
  const count = readU16(bytes, E_SHNUM, true);
  // Of other sizes, and of the other class and byte order, the reader will tell.
  if (readU16(bytes, E_SHENTSIZE, true) !== SHDR_SIZE) return bytes;
  upTo(shoff + count * SHDR_SIZE);
  let end = bytes.length;
  for (let i = 0; i < count; i++) {
    const at = shoff + i * SHDR_SIZE;
    if (at + SHDR_SIZE > bytes.length || bytes[at + SH_TYPE] === SHT_NOBITS) continue;
    end = Math.max(end, readSize64(bytes, at + SH_OFFSET, true) + readSize64(bytes, at + SH_SIZE, true));
  }
  // A part that ends behind the file is the reader's to refuse, unless it would take memory.
  upTo(Math.min(end, LIMIT));
  return bytes;
}
