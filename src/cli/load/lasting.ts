/** Arguments as calls take them: what pointers lead to is in memory, which is there as long as the call. */
import { encodeUtf8 } from "../../bytes/text.ts";
import { ArgumentError } from "../../dynld/call/argument-error.ts";
import { bare, type CPointer, type CRecord, type CType, isRecord } from "../../dynld/ctype.ts";
import type { NativeModule } from "../../dynld/module.ts";
import type { Literal } from "./literal.ts";

type List = Extract<Literal, readonly unknown[]>;
type Members = Extract<Literal, { readonly [member: string]: Literal }>;

/** Nameless structures in one another before they are taken for a loop. */
const DEEPEST = 64;

/**
 * A value of a type. Text, an array or a structure that is given for a pointer gets memory of its own, also within others.
 * @throws ArgumentError
 */
export function lasting(module: NativeModule, type: CType, value: Literal): unknown {
  const found = bare(type);
  if (typeof value === "string") {
    return found.kind === "pointer" && areBytes(found.target) ? encodeUtf8(`${value}\0`) : value;
  }
  if (typeof value !== "object" || value === null) return value;
  if (found.kind === "pointer") return pointedTo(module, found, value);
  if (isList(value)) {
    return found.kind === "array" ? value.map((one) => lasting(module, found.element, one)) : value;
  }
  return isRecord(found) ? membersIn(module, found, value) : value;
}

function pointedTo(module: NativeModule, { target, form }: CPointer, value: List | Members): unknown {
  const found = bare(target);
  if (found.size === undefined) return value;
  if (isList(value)) {
    const isNothing = value.length === 0 && form !== "*";
    if (isNothing) throw new ArgumentError(form, "found no element, expected one to refer to");
    return module.type(target).array(value.map((one) => lasting(module, target, one)));
  }
  return isRecord(found) ? module.type(found).create(membersIn(module, found, value)) : value;
}

function membersIn(module: NativeModule, record: CRecord, value: Members): Readonly<Record<string, unknown>> {
  const given = Object.entries(value).map(([name, one]) => {
    const type = memberType(record, name, 0);
    return [name, type === undefined ? one : lasting(module, type, one)] as const;
  });
  return Object.fromEntries(given);
}

function memberType({ members }: CRecord, wanted: string, depth: number): CType | undefined {
  const named = members.find(({ name }) => name === wanted);
  if (named !== undefined || depth >= DEEPEST) return named?.type;
  for (const { name, type } of members) {
    const inner = bare(type);
    const found = name === undefined && isRecord(inner) ? memberType(inner, wanted, depth + 1) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether text may be where a pointer to a type leads. */
function areBytes(type: CType): boolean {
  const found = bare(type);
  return found.kind === "void" || (found.kind === "base" && found.size === 1 && found.encoding !== "bool");
}

function isList(value: List | Members): value is List {
  return Array.isArray(value);
}
