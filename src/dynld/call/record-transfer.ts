/** Structures by value, on their way into native code and out of it. */
import type { NativeRecord, NativeScalar } from "../../host/typed.ts";
import type { CRecord } from "../ctype.ts";
import { MEMORY, Memory } from "./memory.ts";
import type { ValueModel } from "./model.ts";
import { type RecordEncoder, recordEncoder } from "./record-encoder.ts";
import { recordShape } from "./record-shape.ts";
import { layoutOf, type Pieces, piecesOf, RecordView } from "./record-view.ts";
import { sameRecord } from "./same-record.ts";
import type { Incoming, Outgoing } from "./transfer-form.ts";

/** Registers that give structures back, on x86-64: larger ones the caller has room for. [x86-64 psABI 3.2.3] */
const LARGEST_RESULT = 16;

/**
 * How structures of a type go in by value: views, or plain objects with their members.
 * @throws DynldError DYNLD_UNSUPPORTED of one that can't be passed by value
 */
export function outgoingRecord(model: ValueModel, record: CRecord, where: string): Outgoing {
  const shape = recordShape(record, where);
  let encode: RecordEncoder | undefined;
  const encoded = (given: unknown, memory: Memory, place: string): Memory => {
    encode ??= recordEncoder(model.layout(record));
    encode(given, memory, place);
    return memory;
  };
  const isView = (given: unknown): given is RecordView =>
    given instanceof RecordView &&
    (layoutOf(given).record === record || sameRecord(layoutOf(given).record, record));
  const word = wordOf(shape);
  if (word !== undefined) {
    return {
      shape: word.shape,
      convert: (given, place) =>
        word.load(
          isView(given) ? given[MEMORY].view : encoded(given, Memory.allocateSmall(shape.size), place).view,
        ),
    };
  }
  const split = (memory: Memory): Pieces => {
    const { buffer, byteOffset } = memory.view;
    return Object.fromEntries(
      shape.pieces.map(({ offset, size }, index) => [
        `p${index}`,
        new Uint8Array(buffer, byteOffset + offset, size),
      ]),
    );
  };
  return {
    shape,
    convert: (given, place) =>
      isView(given) ? piecesOf(given, split) : split(encoded(given, Memory.allocateSmall(shape.size), place)),
  };
}

/**
 * How structures of a type come out by value, as views of memory of their own.
 * @param isResult whether it is what a call gives, and not what a callback is given
 * @throws DynldError DYNLD_UNSUPPORTED
 */
export function incomingRecord(
  model: ValueModel,
  record: CRecord,
  where: string,
  isResult: boolean,
): Incoming {
  const shape = recordShape(record, where);
  const { size, pieces } = shape;
  const viewOf = (memory: Memory): object => model.record(record, memory, false);
  const word = wordOf(shape);
  if (word !== undefined) {
    return {
      shape: word.shape,
      form: "converted",
      convert: (raw) => {
        const memory = Memory.allocateSmall(size);
        word.store(memory.view, raw as number | bigint);
        return viewOf(memory);
      },
    };
  }
  if (isResult && size > LARGEST_RESULT && process.arch === "x64") {
    return { shape: "void", form: "through memory", size, convert: (memory) => viewOf(memory as Memory) };
  }
  return {
    shape,
    form: "converted",
    convert: (raw) => {
      const parts = Object.values(raw as Record<string, ArrayBufferView<ArrayBuffer>>);
      const memory = Memory.allocateSmall(size);
      const { bytes } = memory;
      parts.forEach(({ buffer, byteOffset, byteLength }, index) => {
        bytes.set(new Uint8Array(buffer, byteOffset, byteLength), pieces[index]?.offset ?? 0);
      });
      return viewOf(memory);
    },
  };
}

/** A structure that travels as an integer of its size does. */
interface Word {
  readonly shape: NativeScalar;
  readonly load: (view: DataView) => number | bigint;
  readonly store: (view: DataView, raw: number | bigint) => void;
}

function wordOf({ size, pieces: [first, ...others] }: NativeRecord): Word | undefined {
  return first?.form === "bytes" && others.length === 0 && first.size === size ? WORDS[size] : undefined;
}

const WORDS: Readonly<Record<number, Word>> = {
  1: {
    shape: "uint8",
    load: (view) => view.getUint8(0),
    store: (view, raw) => view.setUint8(0, Number(raw)),
  },
  2: {
    shape: "uint16",
    load: (view) => view.getUint16(0, true),
    store: (view, raw) => view.setUint16(0, Number(raw), true),
  },
  4: {
    shape: "uint32",
    load: (view) => view.getUint32(0, true),
    store: (view, raw) => view.setUint32(0, Number(raw), true),
  },
  8: {
    shape: "int64",
    load: (view) => view.getBigInt64(0, true),
    store: (view, raw) => {
      if (typeof raw === "bigint") view.setBigInt64(0, raw, true);
      else {
        view.setInt32(0, raw, true);
        view.setInt32(4, Math.floor(raw / 2 ** 32), true);
      }
    },
  },
};
