/** Signatures of functions and variables: 64 bits over the canonical text of their types. */
import type { CTypeReader } from "../ctype/read.ts";
import { bare, type CSymbol } from "../ctype.ts";
import { EntryEmitter } from "./emit-entry.ts";
import { type TypeGroup, TypeGroups } from "./groups.ts";
import { digestOf } from "./hash.ts";

/** A symbol with its signature. */
export interface SignedSymbol {
  readonly symbol: CSymbol;
  /** Never 0. */
  readonly signature: bigint;
  /**
   * What the signature is the hash of: `f` of a function or `v` of a variable, bytes of an address, and the type; its
   * structures are in {@link groups}.
   */
  readonly text: string;
  /** Groups of definitions that the text refers to; those refer to more. */
  readonly groups: readonly TypeGroup[];
}

/** Makes signatures. What several types are made of is gone into once. */
export class Signatures {
  readonly #groups: TypeGroups;

  /** @param reader of the types of all symbols: their signatures are made sooner then */
  constructor(reader?: CTypeReader) {
    this.#groups = new TypeGroups(reader && new EntryEmitter(reader));
  }

  /**
   * The signature of a symbol.
   * @throws DynldError DYNLD_BAD_TYPE for a type that is made of itself without a structure between; DwarfError where debug
   *   information is damaged
   */
  of(symbol: CSymbol): SignedSymbol {
    const { kind, addressSize, type } = symbol;
    const pieces = this.#groups.pieces((emitter) => {
      emitter.text(`${kind === "function" ? "f" : "v"}${addressSize}`);
      emitter.type(kind === "function" ? bare(type) : type);
    });
    const { text, uses: groups } = this.#groups.finish(pieces);
    return { symbol, signature: BigInt(`0x${digestOf(text)}`), text, groups };
  }
}

/** The groups that texts are made of, each behind those that it uses. */
export function groupsOf(signed: Iterable<{ readonly groups: readonly TypeGroup[] }>): TypeGroup[] {
  const done = new Map<string, TypeGroup>();
  const path: { readonly group: TypeGroup; next: number }[] = [];
  for (const { groups } of signed) {
    for (const root of groups) {
      if (!done.has(root.digest)) path.push({ group: root, next: 0 });
      for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
        const used = top.group.uses[top.next++];
        if (used === undefined) {
          done.set(top.group.digest, top.group);
          path.pop();
        } else if (!done.has(used.digest)) path.push({ group: used, next: 0 });
      }
    }
  }
  return [...done.values()];
}

/** All that a signature stands for: the definitions, each behind what it refers to, and the text of the symbol. */
export function fullText(signed: SignedSymbol): string {
  const lines = groupsOf([signed]).map(
    ({ digest, text }) => `${digest} ${text.replaceAll("\n", `\n${" ".repeat(17)}`)}`,
  );
  return [...lines, signed.text].join("\n");
}

/** A signature as tools print it: 16 digits. */
export function signatureText(signature: bigint): string {
  return signature.toString(16).padStart(16, "0");
}
