/** How the tour speaks: a heading a stop, prose, and what was found, indented. */
const isTerminal = process.stdout.isTTY === true;

export function heading(text: string): void {
  console.log(isTerminal ? `\n\u001b[1m${text}\u001b[0m` : `\n${text}\n${"=".repeat(text.length)}`);
}

export function say(text: string): void {
  console.log(text);
}

export function show(text: string): void {
  for (const line of text.split("\n")) console.log(`    ${line}`.trimEnd());
}

/** A fact: what it is called, and what it is. */
export function fact(name: string, value: string | number | bigint): void {
  show(`${name.padEnd(22)} ${typeof value === "bigint" ? hex(value) : value}`);
}

export function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
