/** When a signature fits: the seed's rule, a strict one, and exceptions by name. */

/**
 * What a signature of 0, which stands for a type that nobody knows, is good for:
 * - `lenient`: it fits anything, as in the seed;
 * - `strict`: it fits nothing.
 */
export type SignaturePolicy = "lenient" | "strict";

/** How symbols are checked. */
export interface SignatureRules {
  /** For all symbols that have no rule of their own; `lenient` when left out. */
  readonly policy?: SignaturePolicy;
  /** Rules of single symbols; `unchecked` compares nothing. */
  readonly exceptions?: ReadonlyMap<string, SignaturePolicy | "unchecked">;
  /**
   * Takes a structure, union or enumeration that one side only declares for any of its tag: where signatures differ, the
   * types are compared so, if both are known. False when left out; of ELF modules alone.
   */
  readonly completions?: boolean;
}

/** What a check came to: it fits, the two differ, or one is 0 and the policy is strict. */
export type SignatureVerdict = "fits" | "differs" | "unknown";

/** Compares what a user of a symbol expects with what its owner provides. */
export function checkSignature(
  name: string,
  expected: bigint,
  provided: bigint,
  rules: SignatureRules = {},
): SignatureVerdict {
  const policy = rules.exceptions?.get(name) ?? rules.policy ?? "lenient";
  if (policy === "unchecked") return "fits";
  if (expected === 0n || provided === 0n) return policy === "strict" ? "unknown" : "fits";
  return expected === provided ? "fits" : "differs";
}
