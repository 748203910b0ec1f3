/** Values that native functions return, as text and JSON. */
import { text } from "../../dynld/call/bindings.ts";
import { RecordView, snapshot } from "../../dynld/call/record-view.ts";
import { bare, type CBareType, type CRecord, type CType, isRecord } from "../../dynld/ctype.ts";

/** Nameless structures in one another before they are taken for a loop. */
const DEEPEST = 64;

/** A value as C and JavaScript write it: constants of enumerations by name, addresses in hexadecimal. */
export function valueText(value: unknown, type: CType | undefined): string {
  const found = type === undefined ? undefined : bare(type);
  if (value === null) return "null";
  if (typeof value === "bigint" || typeof value === "number") return numberText(value, found);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "declaration" in value ? String(value.declaration) : "a function";
  if (typeof value !== "object") return String(value);
  if (value instanceof RecordView) {
    return found?.kind === "pointer"
      ? `&${valueText(snapshot(value), found.target)}`
      : valueText(snapshot(value), type);
  }
  const element = found?.kind === "array" ? found.element : undefined;
  if (isList(value) && isChar(element))
    return JSON.stringify(text(Uint8Array.from(value as ArrayLike<number>)));
  if (isList(value)) return `[${Array.from(value, (one) => valueText(one, element)).join(", ")}]`;
  const members = Object.entries(value).map(([name, member]) => {
    const of = found !== undefined && isRecord(found) ? memberType(found, name, 0) : undefined;
    return `${name}: ${valueText(member, of)}`;
  });
  return `{${members.join(", ")}}`;
}

/** A value for JSON: what is a `bigint` is a string of decimal digits, what is no number of JSON one of its name. */
export function valueJson(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "function") return valueText(value, undefined);
  if (value instanceof RecordView) return valueJson(snapshot(value));
  if (typeof value !== "object" || value === null) return value;
  if (isList(value)) return Array.from(value, valueJson);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, valueJson(member)]));
}

function numberText(value: bigint | number, type: CBareType | undefined): string {
  if (type?.kind === "pointer" && typeof value === "bigint") return `0x${value.toString(16)}`;
  if (type?.kind === "enum" && (typeof value === "bigint" || Number.isInteger(value))) {
    const constant = type.enumerators.find((one) => one.value === BigInt(value));
    if (constant !== undefined) return constant.name;
  }
  return Object.is(value, -0) ? "-0" : String(value);
}

function isList(value: object): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value);
}

function isChar(type: CType | undefined): boolean {
  const found = type === undefined ? undefined : bare(type);
  return found?.kind === "base" && found.name === "char";
}

/** The type of a member, or of one of a nameless structure in it. */
function memberType(record: CRecord, name: string, depth: number): CType | undefined {
  const own = record.members.find((member) => member.name === name);
  if (own !== undefined || depth > DEEPEST) return own?.type;
  for (const member of record.members) {
    const inner = bare(member.type);
    if (member.name !== undefined || !isRecord(inner)) continue;
    const found = memberType(inner, name, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
