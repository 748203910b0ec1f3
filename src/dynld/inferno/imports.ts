/** Finds a module's imports in the table that a program offers. */
import type { DynldError, DynldErrorCode } from "../../errors.ts";
import { closestNames } from "../closest.ts";
import { type DynsymLike, dynfindsym } from "../dynsym.ts";
import { checkSignature, type SignatureRules } from "../policy.ts";
import type { InfernoImport } from "./dynamic.ts";
import { infernoError, placeOf } from "./errstr.ts";

/** Undefined symbols that get names to choose from: each costs a pass over the table. */
const MAX_GUESSES = 16;

/** The entries of the table that the imports are, in their order, and the addresses that they have there. */
export interface ResolvedImports {
  readonly entries: readonly DynsymLike[];
  readonly addresses: Uint32Array;
}

/** What is wrong with one import. */
interface Problem {
  readonly code: DynldErrorCode;
  readonly wanted: InfernoImport;
  readonly errstr: string;
  readonly what: string;
}

/**
 * Looks all imports up in a table sorted by name.
 *
 * @throws DynldError for the first one that is not there or does not fit; its `also` has the others
 */
export function resolveImports(
  imports: readonly InfernoImport[],
  table: readonly DynsymLike[],
  rules: SignatureRules,
  file: string | undefined,
): ResolvedImports {
  const entries: DynsymLike[] = [];
  const addresses = new Uint32Array(imports.length);
  const problems: Problem[] = [];
  for (const [index, wanted] of imports.entries()) {
    const entry = dynfindsym(wanted.name, table);
    if (entry === undefined) {
      problems.push(undefinedSymbol(wanted, problems.length < MAX_GUESSES ? table : []));
      continue;
    }
    const problem = misfit(wanted, entry, rules);
    if (problem !== undefined) problems.push(problem);
    entries.push(entry);
    addresses[index] = Number(BigInt.asUintN(32, BigInt(entry.addr)));
  }
  const [first, ...others] = problems;
  if (first === undefined) return { entries, addresses };
  const also = others.map((problem) => asError(problem, file, []));
  throw asError(first, file, also);
}

function undefinedSymbol(wanted: InfernoImport, table: readonly DynsymLike[]): Problem {
  const names = closestNames(
    wanted.name,
    table.map((entry) => entry.name),
  );
  const what = names.length === 0 ? "" : `the table has ${names.join(", ")}`;
  return { code: "DYNLD_UNDEFINED_SYMBOL", wanted, errstr: `undefined symbol: ${wanted.name}`, what };
}

function misfit(wanted: InfernoImport, entry: DynsymLike, rules: SignatureRules): Problem | undefined {
  const { name } = wanted;
  const sig = BigInt(entry.sig);
  const pair = `${wanted.sig.toString(16)} != ${sig.toString(16)}`;
  switch (checkSignature(name, BigInt(wanted.sig), sig, rules)) {
    case "differs": {
      const errstr = `signature mismatch: ${name} (${pair})`;
      return { code: "DYNLD_SIGNATURE_MISMATCH", wanted, errstr, what: "" };
    }
    case "unknown": {
      const errstr = `unchecked symbol: ${name} (${pair})`;
      const what = "found a signature of 0, which the policy does not let pass";
      return { code: "DYNLD_UNCHECKED_SYMBOL", wanted, errstr, what };
    }
    case "fits": {
      const address = BigInt(entry.addr);
      if (address >= 0n && address < 1n << 32n) return undefined;
      const errstr = `address out of range: ${name}`;
      const what = `found 0x${address.toString(16)}, expected 32 bits`;
      return { code: "DYNLD_BAD_ARGUMENT", wanted, errstr, what };
    }
  }
}

function asError(problem: Problem, file: string | undefined, also: readonly DynldError[]): DynldError {
  const { code, wanted, errstr, what } = problem;
  return infernoError(code, placeOf(file, "dynamic section", wanted.at), errstr, what, {
    symbol: wanted.name,
    also,
  });
}
