/** Numbers on their way into native code and out of it. */
import type { NativeScalar } from "../../host/typed.ts";
import { valueKind } from "../ctype/value-kind.ts";
import type { CType } from "../ctype.ts";
import { boolConvert, floatConvert, type IntegerForm, integerConvert, integerForm } from "./numbers.ts";
import type { Incoming, Outgoing } from "./transfer-form.ts";

/** How numbers of a type go in; `undefined` of other types. */
export function outgoingNumber(type: CType): (Outgoing & { readonly shape: NativeScalar }) | undefined {
  const form = integerForm(type);
  if (form !== undefined) {
    return { shape: integerShape(form), test: integerTest(form), convert: integerConvert(type, form) };
  }
  const value = valueKind(type);
  if (value.kind === "boolean" && value.size === 1) {
    return { shape: "bool", test: 'typeof $ === "boolean"', convert: boolConvert(type) };
  }
  if (value.kind !== "number") return undefined;
  const shape = value.size === 4 ? "float" : "double";
  return { shape, test: 'typeof $ === "number"', convert: floatConvert(type) };
}

/** How numbers of a type come out; `undefined` of other types. */
export function incomingNumber(type: CType): Incoming | undefined {
  const shape = outgoingNumber(type)?.shape;
  if (shape === undefined) return undefined;
  return { shape, form: integerForm(type)?.isWide === true ? "wide" : "as it is", convert: (raw) => raw };
}

function integerShape({ bits, isSigned }: IntegerForm): NativeScalar {
  return `${isSigned ? "int" : "uint"}${bits}` as NativeScalar;
}

function integerTest({ bits, isSigned, isWide }: IntegerForm): string {
  if (isWide) return `typeof $ === "bigint" && BigInt.as${isSigned ? "Int" : "Uint"}N(64, $) === $`;
  const shift = 32 - bits;
  const clipped = isSigned
    ? shift === 0
      ? "($ | 0)"
      : `($ << ${shift} >> ${shift})`
    : shift === 0
      ? "($ >>> 0)"
      : `($ & ${2 ** bits - 1})`;
  return `typeof $ === "number" && ${clipped} === $`;
}
