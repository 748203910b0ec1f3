/** The header of an Inferno module: eight words, always big-endian. [a.out(10.6)] */
import { readU32 } from "../../bytes/endian.ts";
import type { ModuleStream } from "../stream.ts";
import { ERRSTR, infernoError, placeOf } from "./errstr.ts";
import { INFERNO_MACHINES, type InfernoMachine, infernoMachine } from "./machine.ts";

/** Bytes of the header. */
const HEADER_SIZE = 32;

/** The words of the header; sizes are bytes. */
export interface InfernoHeader {
  readonly magic: number;
  readonly text: number;
  readonly data: number;
  readonly bss: number;
  /** Bytes of the symbol table, which a loader skips. */
  readonly syms: number;
  /** Image offset of the export table. */
  readonly entry: number;
  /** Bytes of the table from places to stack pointers, which a loader skips. */
  readonly spsz: number;
  /** Bytes of the table from places to lines, which a loader skips. */
  readonly pcsz: number;
}

/** Whether a file that starts with these bytes is a module for one of Inferno's machines. */
export function isInfernoModule(start: Uint8Array): boolean {
  return start.length >= 4 && infernoMachine(readU32(start, 0, false)) !== undefined;
}

/**
 * Reads the header that `stream` stands at.
 *
 * @throws DynldError `DYNLD_TRUNCATED`, `DYNLD_BAD_MAGIC` or `DYNLD_BAD_VALUE`
 */
export function readHeader(stream: ModuleStream): { header: InfernoHeader; machine: InfernoMachine } {
  const bytes = stream.take(HEADER_SIZE);
  if (bytes.length < HEADER_SIZE) {
    throw infernoError(
      "DYNLD_TRUNCATED",
      placeOf(stream.name, "header", bytes.length),
      ERRSTR.reading,
      `found ${bytes.length} bytes, expected a header of ${HEADER_SIZE}`,
    );
  }
  const word = (index: number) => readU32(bytes, index * 4, false);
  const machine = infernoMachine(word(0));
  if (machine === undefined) {
    const known = INFERNO_MACHINES.map(({ name, magic }) => `${magic.toString(16)} (${name})`);
    throw infernoError(
      "DYNLD_BAD_MAGIC",
      placeOf(stream.name, "header", 0),
      ERRSTR.magic,
      `found ${word(0).toString(16).padStart(8, "0")}, expected one of ${known.join(", ")}`,
    );
  }
  const header: InfernoHeader = {
    magic: word(0),
    text: word(1),
    data: word(2),
    bss: word(3),
    syms: word(4),
    entry: word(5),
    spsz: word(6),
    pcsz: word(7),
  };
  const { entry } = header;
  const size = imageSize(header);
  if (entry >= size || entry % 4 !== 0) {
    const found = `found 0x${entry.toString(16)}`;
    throw infernoError(
      "DYNLD_BAD_VALUE",
      placeOf(stream.name, "header", 20),
      ERRSTR.entry,
      `${found}, expected a multiple of 4 below the image's size of 0x${size.toString(16)}`,
    );
  }
  return { header, machine };
}

/** Bytes of text, data and bss together. */
export function imageSize(header: InfernoHeader): number {
  return header.text + header.data + header.bss;
}
