/** Demangles the symbol names of C++ and Rust. */
import { demangleItanium } from "./itanium.ts";
import { NOT_MANGLED } from "./parser.ts";
import { demangleRustLegacy, isRustLegacy } from "./rust-legacy.ts";
import { demangleRustV0 } from "./rust-v0.ts";

/** Longer names are not produced by compilers. */
const MAX_NAME = 1 << 17;

/**
 * A symbol's name as its source code writes it: C++ by the Itanium ABI (what GCC and Clang emit), Rust in its
 * legacy and its v0 mangling. The style is that of GNU c++filt.
 *
 * A name that is not mangled, or not understood, is returned as it is; this never throws. Recursion and the
 * length of the result are bounded.
 *
 * @param name a symbol's name, without a version (`@GLIBC_2.2.5`)
 */
export function demangle(name: string): string {
  const rule = ruleFor(name);
  if (rule === undefined || name.length > MAX_NAME) {
    return name;
  }
  try {
    return rule(name);
  } catch (error) {
    if (error === NOT_MANGLED) {
      return name;
    }
    throw error;
  }
}

function ruleFor(name: string): ((mangled: string) => string) | undefined {
  if (name.startsWith("_Z")) {
    return isRustLegacy(name) ? demangleRustLegacy : demangleItanium;
  }
  return name.startsWith("_R") ? demangleRustV0 : undefined;
}
