/** The types that arguments have where no prototype says what is expected. */
import { bare, type CBase, type CFunction, type CParameter, type CType } from "../ctype.ts";

const INT: CBase = { kind: "base", name: "int", encoding: "signed", size: 4 };
const DOUBLE: CBase = { kind: "base", name: "double", encoding: "float", size: 8 };

/** A type as arguments without a parameter have it. [C17 6.5.2.2] */
export function promoted(type: CType): CType {
  const found = bare(type);
  if (found.kind !== "base" && found.kind !== "enum") return type;
  const isFloat = found.kind === "base" && found.encoding === "float";
  if (isFloat) return found.size < DOUBLE.size ? DOUBLE : type;
  return (found.size ?? 0) < INT.size ? INT : type;
}

/** A function's parameters as its callers pass them: a definition of old C declares `float` and is given `double`. */
export function passedParameters({ parameters, isPrototyped }: CFunction): readonly CParameter[] {
  return isPrototyped ? parameters : parameters.map(({ name, type }) => ({ name, type: promoted(type) }));
}
