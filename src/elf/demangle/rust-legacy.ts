/** Rust's first mangling: an Itanium nested name whose last part is a hash [rustc `symbol_mangling::legacy`]. */
import { NOT_MANGLED } from "./parser.ts";

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["SP", "@"],
  ["BP", "*"],
  ["RF", "&"],
  ["LT", "<"],
  ["GT", ">"],
  ["LP", "("],
  ["RP", ")"],
  ["C", ","],
]);

/** What the optimizer appends to names that it copies between units, such as `.llvm.1234` or `.0`. */
const SUFFIX = /(?<=17h[0-9a-f]{16}E)\.[\w.@]+$/;

/** Whether a name has the shape of a Rust symbol and is not C++: it ends with a hash of 16 hexadecimal digits. */
export function isRustLegacy(mangled: string): boolean {
  const [, hash] = /^_ZN.*17h([0-9a-f]{16})E$/.exec(mangled.replace(SUFFIX, "")) ?? [];
  // A C++ name such as `h0000000000000000` is conceivable; a hash has more variety.
  return hash !== undefined && new Set(hash).size >= 5;
}

/** The path without its hash: `core::fmt::Formatter::new`. */
export function demangleRustLegacy(mangled: string): string {
  const text = mangled.replace(SUFFIX, "");
  const parts: string[] = [];
  let at = "_ZN".length;
  while (text.charAt(at) !== "E") {
    const [digits] = /^[1-9][0-9]*/.exec(text.slice(at, at + 6)) ?? [];
    if (digits === undefined) {
      throw NOT_MANGLED;
    }
    const start = at + digits.length;
    at = start + Number(digits);
    if (at >= text.length) {
      throw NOT_MANGLED;
    }
    parts.push(text.slice(start, at));
  }
  if (at !== text.length - 1) {
    throw NOT_MANGLED;
  }
  return parts.slice(0, -1).map(plainText).join("::");
}

function plainText(part: string): string {
  const plain = part.startsWith("_$") ? part.slice(1) : part;
  return plain.replaceAll(/\$([A-Za-z0-9]+)\$|\.\./g, (whole, code: string | undefined) => {
    if (code === undefined) {
      return "::";
    }
    const [, point] = /^u([0-9a-f]{1,6})$/.exec(code) ?? [];
    const value = point === undefined ? undefined : Number.parseInt(point, 16);
    const printable = value !== undefined && value >= 0x20 && value !== 0x7f && value <= 0x10ffff;
    return ESCAPES.get(code) ?? (printable ? String.fromCodePoint(value) : whole);
  });
}
