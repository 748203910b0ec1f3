/** Writes a JSON document in pieces: one string of a whole symbol table can be longer than JavaScript allows. */

/** Containers nested deeper than this are small, and printed whole. */
const MAX_DEPTH = 5;

/** The text of `JSON.stringify(value, null, 2)`, an array element or object member at a time. */
export function* jsonPieces(value: unknown, indent = "", depth = 0): Generator<string, void, undefined> {
  const isArray = Array.isArray(value);
  if (depth >= MAX_DEPTH || typeof value !== "object" || value === null) {
    yield (JSON.stringify(value, null, 2) ?? "null").replaceAll("\n", `\n${indent}`);
    return;
  }
  // As JSON.stringify does, a member without a value is left out.
  const entries = Object.entries(value).filter(([, item]) => isArray || item !== undefined);
  if (entries.length === 0) {
    yield isArray ? "[]" : "{}";
    return;
  }
  const inner = `${indent}  `;
  let opening = isArray ? "[\n" : "{\n";
  for (const [key, item] of entries) {
    yield opening + inner + (isArray ? "" : `${JSON.stringify(key)}: `);
    yield* jsonPieces(item, inner, depth + 1);
    opening = ",\n";
  }
  yield `\n${indent}${isArray ? "]" : "}"}`;
}
