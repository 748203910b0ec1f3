/** Types that JavaScript has nothing for are refused by their names, when they are used. */

import { DynldError } from "../../errors.ts";
import { declaration } from "../ctype/declaration.ts";
import { valueKind } from "../ctype/value-kind.ts";
import type { CType } from "../ctype.ts";
import type { Access } from "./model.ts";

/** An error that names what is of a type that can't be used. */
export function unsupported(where: string, type: CType, why = whyNot(type)): DynldError {
  const what = `found ${declaration(type)}, ${why}`;
  return new DynldError("DYNLD_UNSUPPORTED", {}, `${where}: ${what}`);
}

/** A value that is there and can't be read or written. */
export function unreadable(type: CType, size: number): Access {
  const refuse = (where: string): never => {
    throw unsupported(where, type);
  };
  return {
    size,
    read: () => refuse("member"),
    plain: () => `[${declaration(type)}]`,
    write: (_memory, _offset, _value, where) => refuse(where),
  };
}

function whyNot(type: CType): string {
  const value = valueKind(type);
  return value.kind === "refused"
    ? `expected a type that JavaScript has values for (${value.why})`
    : "expected a type that JavaScript has values for";
}
