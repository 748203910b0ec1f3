/** How values of any type go into native code and come out of it. */
import { declaration } from "../ctype/declaration.ts";
import { isConst, valueKind } from "../ctype/value-kind.ts";
import type { CType } from "../ctype.ts";
import { refuse } from "./argument-error.ts";
import { typedArrayFor } from "./array-view.ts";
import { functionAddress } from "./function-address.ts";
import { Memory } from "./memory.ts";
import type { ValueModel } from "./model.ts";
import { incomingNumber, outgoingNumber } from "./number-transfer.ts";
import type { Convert } from "./numbers.ts";
import { isPointer, type PointerKind, pointerConvert, pointerReader, targetOf } from "./pointers.ts";
import { recordEncoder } from "./record-encoder.ts";
import { incomingRecord, outgoingRecord } from "./record-transfer.ts";
import { isPlain } from "./record-view.ts";
import type { Incoming, Lifetime, Outgoing } from "./transfer-form.ts";
import { unsupported } from "./unsupported.ts";

/**
 * How values of a type go in.
 * @param where the parameter, for errors
 * @throws DynldError DYNLD_UNSUPPORTED
 */
export function outgoing(model: ValueModel, type: CType, lifetime: Lifetime, where: string): Outgoing {
  const number = outgoingNumber(type);
  if (number !== undefined) return number;
  const value = valueKind(type);
  if (value.kind === "record") return outgoingRecord(model, value.type, where);
  if (isPointer(value)) return outgoingPointer(model, type, value, lifetime);
  throw unsupported(where, type);
}

/**
 * How values of a type come out.
 * @param isResult whether it is what a call gives, and not what a callback is given
 * @throws DynldError DYNLD_UNSUPPORTED
 */
export function incoming(model: ValueModel, type: CType, where: string, isResult: boolean): Incoming {
  const number = incomingNumber(type);
  if (number !== undefined) return number;
  const value = valueKind(type);
  if (value.kind === "void") return { shape: "void", form: "as it is", convert: same };
  if (value.kind === "string") return { shape: "string", form: "as it is", convert: same };
  if (value.kind === "record") return incomingRecord(model, value.type, where, isResult);
  if (!isPointer(value)) throw unsupported(where, type);
  const read = pointerReader(model, type, value);
  return {
    shape: "pointer",
    form: value.kind === "address" ? "as it is" : "converted",
    convert: (raw) => (raw === null ? null : read(raw as bigint)),
  };
}

function same(raw: unknown): unknown {
  return raw;
}

function outgoingPointer(model: ValueModel, type: CType, value: PointerKind, lifetime: Lifetime): Outgoing {
  const convert = pointerConvert(type, value);
  const plain: Outgoing = { shape: "pointer", convert: (given, where) => convert(given, where) };
  if (lifetime === "unknown") return plain;
  switch (value.kind) {
    case "string": {
      const expected = `a string or ${declaration(type)}`;
      return {
        shape: "string",
        test: 'typeof $ === "string"',
        convert: (given, where) => convert(given, where, expected),
      };
    }
    case "function":
      return outgoingFunction(model, type, value, convert);
    case "address": {
      const accepts = typedArrayFor(value.target);
      return accepts === undefined ? plain : { ...plain, accepts };
    }
    case "view": {
      if (!isConst(targetOf(type))) return plain;
      const { type: record } = value;
      let encode: ReturnType<typeof recordEncoder> | undefined;
      return {
        shape: "pointer",
        convert: (given, where) => {
          if (!isPlain(given)) return convert(given, where);
          const memory = Memory.allocateSmall(record.size ?? 0);
          encode ??= recordEncoder(model.layout(record));
          encode(given, memory, where);
          return memory.view;
        },
      };
    }
  }
}

/** A function of JavaScript's lives for the call; one that is to live longer is made a callback first. */
function outgoingFunction(
  model: ValueModel,
  type: CType,
  value: Extract<PointerKind, { kind: "function" }>,
  convert: Convert,
): Outgoing {
  let form: ReturnType<ValueModel["callback"]>;
  try {
    form = model.callback(value.type);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return {
      shape: "pointer",
      convert: (given, where) =>
        typeof given === "function" && functionAddress(given) === undefined
          ? refuse(where, given, `the address of a ${declaration(type)}, since ${why}`)
          : convert(given, where),
    };
  }
  let last: unknown;
  let lastNative: unknown;
  return {
    shape: form.signature,
    convert: (given, where) => {
      // Most calls are given the function that the one before was.
      if (given === last && given !== undefined) return lastNative;
      if (typeof given !== "function" || functionAddress(given) !== undefined) return convert(given, where);
      last = given;
      lastNative = form.wrap(given as (...args: never[]) => unknown);
      return lastNative;
    },
  };
}
