/** Names and comments of TypeScript. */

const RESERVED = new Set(
  (
    "break case catch class const continue debugger default delete do else enum export extends false finally for function " +
    "if import in instanceof new null return super switch this throw true try typeof var void while with let static yield " +
    "await async implements interface package private protected public any unknown never string number bigint boolean " +
    "symbol object undefined eval arguments"
  ).split(" "),
);

/** A name that TypeScript takes, as much like the given one as can be. */
export function identifier(name: string): string {
  const plain = name.replace(/[^\p{ID_Continue}$]+/gu, "_").replace(/^(?![\p{ID_Start}$_])/u, "_");
  return RESERVED.has(plain) ? `${plain}_` : plain;
}

/** A name of a property, in quotes if it must be. */
export function propertyName(name: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) ? name : JSON.stringify(name);
}

/** A doc comment of one or more lines. */
export function comment(lines: readonly string[], indent = ""): string {
  const safe = lines.map((line) => line.replaceAll("*/", "*\\/").replaceAll(/[\n\r\u2028\u2029]+/g, " "));
  if (safe.length === 1) return `${indent}/** ${safe[0]} */`;
  return [`${indent}/**`, ...safe.map((line) => `${indent} * ${line}`), `${indent} */`].join("\n");
}
