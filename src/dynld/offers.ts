/** What a load finds in the table of the program: looked up once, compared by type, and in use while the module is there. */
import { DynldError } from "../errors.ts";
import { dlsym, RTLD_DEFAULT } from "../host/dl.ts";
import type { ExportTable, OfferedSymbol } from "./export-table.ts";
import { throwAll } from "./link/fault.ts";
import type { ImportSource } from "./link/imports.ts";
import type { ModuleLink } from "./link/link.ts";
import type { ModuleTypes } from "./module-types.ts";
import { checkSignature, type SignatureRules } from "./policy.ts";
import { explainMismatch } from "./signature/explain.ts";
import { signatureText } from "./signature/signature.ts";
import { THREAD_END_FUNCTIONS, type ThreadEnds } from "./thread-ends.ts";

/** An import of a module, in use while the module is there. */
export interface Use {
  readonly symbol: OfferedSymbol;
  readonly address: bigint;
  readonly release: () => void;
}

/** What finds a thread's block, of which compilers know that every program has it. */
const THREADS_FUNCTION = "__tls_get_addr";

/** A table as one load sees it: each name is looked up once. */
export class Offers implements ImportSource {
  readonly #table: ExportTable;
  readonly #found = new Map<string, OfferedSymbol>();

  constructor(table: ExportTable) {
    this.#table = table;
  }

  find(name: string): OfferedSymbol | undefined {
    let found = this.#found.get(name);
    if (found !== undefined) return found;
    found = offeredBy(this.#table, name);
    if (found !== undefined) this.#found.set(name, found);
    return found;
  }

  names(): Iterable<string> {
    return this.#table.names();
  }
}

function offeredBy(table: ExportTable, name: string): OfferedSymbol | undefined {
  const found = table.find(name);
  if (found !== undefined || name !== THREADS_FUNCTION) return found;
  const address = dlsym(RTLD_DEFAULT, name);
  return address === undefined ? undefined : { name, sig: 0n, address, isData: false };
}

/**
 * Takes what a module imports into use.
 * @param ends what the module registers destructors of thread-local objects with, if it has its own
 * @throws DynldError DYNLD_UNDEFINED_SYMBOL
 */
export function useOf(offers: Offers, name: string, ends: ThreadEnds | undefined): Use {
  const symbol = offers.find(name);
  if (symbol === undefined) throw new DynldError("DYNLD_UNDEFINED_SYMBOL", {}, `undefined symbol: ${name}`);
  const address = THREAD_END_FUNCTIONS.has(name) ? ends?.entry : undefined;
  if (address !== undefined) return { symbol, address, release: () => {} };
  const taken = symbol.acquire?.();
  return { symbol, address: taken?.address ?? symbol.address, release: taken?.release ?? (() => {}) };
}

/** By which rules types are compared, and how messages call the module. */
type TypeRules = SignatureRules & { readonly file: string };

/** Compares what the module expects of its imports with what the table has. @throws DynldError with all that differ */
export function checkTypes(request: TypeRules, link: ModuleLink, types: ModuleTypes, offers: Offers): void {
  const problems: DynldError[] = [];
  for (const { name } of link.imports) {
    // No source declares it.
    if (name === THREADS_FUNCTION) continue;
    const offered = offers.find(name);
    const rule = request.exceptions?.get(name) ?? request.policy ?? "lenient";
    // The type that is expected need not be gone into when there is nothing to compare it with.
    if (offered === undefined || rule === "unchecked" || (rule === "lenient" && offered.sig === 0n)) continue;
    const expected = types.signature(name);
    const verdict = checkSignature(name, expected, offered.sig, request);
    if (verdict === "fits") continue;
    const pair = `module expects ${signatureText(expected)}, program provides ${signatureText(offered.sig)}`;
    const place = { file: request.file };
    if (verdict === "unknown") {
      const what = `unchecked symbol: ${name}: ${pair}, and a signature of 0 is not let pass`;
      problems.push(new DynldError("DYNLD_UNCHECKED_SYMBOL", place, what, { symbol: name }));
      continue;
    }
    const wanted = types.symbol(name);
    const found = offered.type?.();
    const completions = request.completions === true || offered.isOpen === true;
    const areKnown = wanted !== undefined && found !== undefined;
    const why = areKnown ? explainMismatch(wanted, found, { completions }) : undefined;
    if (areKnown && completions && why === undefined) continue;
    const hint =
      why?.difference.kind === "completion" ? "; with completions, one is taken for the other" : "";
    const what = `${why?.message ?? `signature mismatch: ${name}: ${pair}`}${hint}`;
    problems.push(new DynldError("DYNLD_SIGNATURE_MISMATCH", place, what, { symbol: name, cause: why }));
  }
  throwAll(problems);
}
