/** What is asked: addresses as they are written. */
/** An address as it was written. */
export type Asked =
  /** A number. */
  | { readonly kind: "number"; readonly text: string; readonly value: bigint }
  /** A name of a section or symbol, and bytes from there. */
  | { readonly kind: "name"; readonly text: string; readonly name: string; readonly value: bigint }
  | { readonly kind: "senseless"; readonly text: string };

/** Numbers are hexadecimal, with 0x or without, as binutils has it. */
export function parseAsked(text: string): Asked {
  const trimmed = text.trim();
  if (/^(?:0x)?[0-9a-f]{1,16}$/i.test(trimmed)) {
    return { kind: "number", text: trimmed, value: BigInt(`0x${trimmed.replace(/^0x/i, "")}`) };
  }
  const [, name, offset] = /^(.+?)(?:\+(?:0x)?([0-9a-f]{1,16}))?$/i.exec(trimmed) ?? [];
  if (name === undefined || /\s/.test(name)) return { kind: "senseless", text: trimmed };
  return { kind: "name", text: trimmed, name, value: BigInt(`0x${offset ?? "0"}`) };
}
