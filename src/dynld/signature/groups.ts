/**
 * Definitions in groups: those that lead back to one another are one group, all others are alone. A group has a text and
 * the digest of it; a definition of another group is referred to by that, `@0123456789abcdef`, one of the same group by
 * its number, `#0`. So the text of each definition is made and hashed once, whoever leads to it.
 */
import { DynldError } from "../../errors.ts";
import { type CDefined, definitionPieces, Emitter, type Pieces } from "./emit.ts";
import type { EntryEmitter } from "./emit-entry.ts";
import { digestOf } from "./hash.ts";

/** Definitions looked at to tell those of one group apart; programs stay far below. */
const MOST_WORK = 1 << 24;

const NO_PIECES: Pieces = [];

/** Definitions that lead back to one another. */
export interface TypeGroup {
  /** Of {@link text}: 16 digits. */
  readonly digest: string;
  /** One line for each definition, `\n` between them. */
  readonly text: string;
  /** Definitions in it. */
  readonly count: number;
  /** Groups that the text refers to, each once, by their digests. */
  readonly uses: readonly TypeGroup[];
}

/** A definition on the way into its group. */
interface Node {
  /** None once its group is made. */
  pieces: Pieces;
  readonly number: number;
  lowest: number;
  isOpen: boolean;
  /** Whether it is of the group that is being made. */
  isInside: boolean;
  group: TypeGroup | undefined;
  /** What stands for it in texts; while its group is made, in those of the group. */
  reference: string;
}

/** A group, and what stands for its definitions, in the order that they were met in. */
interface MetGroup {
  readonly group: TypeGroup;
  readonly references: readonly string[];
}

/** The groups of all definitions that were met so far. */
export class TypeGroups {
  readonly #nodes = new Map<CDefined, Node>();
  readonly #byDigest = new Map<string, TypeGroup>();
  /** By the texts of the definitions, in which they are numbered in the order that they were met in. */
  readonly #met = new Map<string, MetGroup>();
  readonly #emitter = new Emitter();
  readonly #entries: EntryEmitter | undefined;
  #count = 0;
  #written: Pieces = [];

  /** @param entries writes the definitions that it can */
  constructor(entries?: EntryEmitter) {
    this.#entries = entries;
  }

  /** Text with the references in it, and the groups that they lead to. */
  finish(pieces: Pieces): { text: string; uses: readonly TypeGroup[] } {
    const uses = new Set<TypeGroup>();
    let text = "";
    for (const piece of pieces) {
      if (typeof piece === "string") text += piece;
      else {
        const node = this.#visit(piece);
        const { group } = node;
        if (group === undefined) continue;
        uses.add(group);
        text += node.reference;
      }
    }
    return { text, uses: sorted(uses) };
  }

  /** The pieces of what `emit` writes. @throws DynldError DYNLD_BAD_TYPE */
  pieces(emit: (emitter: Emitter) => void): Pieces {
    try {
      emit(this.#emitter);
    } finally {
      this.#written = this.#emitter.take();
    }
    return this.#written;
  }

  #visit(root: CDefined): Node {
    const known = this.#nodes.get(root);
    if (known?.group !== undefined) return known;
    try {
      return this.#search(root);
    } catch (error) {
      for (const [type, node] of this.#nodes) if (node.group === undefined) this.#nodes.delete(type);
      this.#emitter.take();
      throw error;
    }
  }

  /** Puts a definition and what it leads to into groups: Tarjan's strongly connected components, without recursion. */
  #search(root: CDefined): Node {
    const first = this.#open(root);
    const stack: Node[] = [first];
    const path: { readonly node: Node; next: number }[] = [{ node: first, next: 0 }];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { node } = top;
      const piece = node.pieces[top.next++];
      if (piece === undefined) {
        path.pop();
        const above = path.at(-1)?.node;
        if (above !== undefined) above.lowest = Math.min(above.lowest, node.lowest);
        if (node.lowest === node.number) this.#close(stack.splice(stack.lastIndexOf(node)));
      } else if (typeof piece !== "string") {
        const met = this.#nodes.get(piece);
        if (met === undefined) {
          const next = this.#open(piece);
          stack.push(next);
          path.push({ node: next, next: 0 });
        } else if (met.isOpen) node.lowest = Math.min(node.lowest, met.number);
      }
    }
    return first;
  }

  #open(type: CDefined): Node {
    const pieces = this.#entries?.definition(type) ?? definitionPieces(type, this.#emitter);
    const number = this.#count++;
    const node: Node = {
      pieces,
      number,
      lowest: number,
      isOpen: true,
      isInside: false,
      group: undefined,
      reference: "",
    };
    this.#nodes.set(type, node);
    return node;
  }

  /**
   * Makes a group of definitions that lead back to one another. Most were met before, in another unit that includes the same
   * header, and mostly from the same one first: their texts with references by that order tell.
   */
  #close(nodes: readonly Node[]): void {
    for (let order = 0; order < nodes.length; order++) {
      const node = nodes[order];
      if (node === undefined) break;
      node.reference = `#${order}`;
      node.isInside = true;
    }
    const byOrder = nodes.map((node) => this.#textOf(node));
    const met = byOrder.length === 1 ? (byOrder[0] ?? "") : byOrder.join("\n");
    let known = this.#met.get(met);
    if (known === undefined) {
      known = this.#group(nodes, byOrder);
      this.#met.set(met, known);
    }
    for (let order = 0; order < nodes.length; order++) {
      const node = nodes[order];
      if (node === undefined) break;
      node.group = known.group;
      node.reference = known.references[order] ?? "";
      node.isOpen = false;
      node.isInside = false;
      node.pieces = NO_PIECES;
    }
  }

  #group(nodes: readonly Node[], byOrder: readonly string[]): MetGroup {
    const uses = new Set<TypeGroup>();
    for (const { pieces } of nodes) {
      for (const piece of pieces) {
        const group = typeof piece === "string" ? undefined : this.#nodes.get(piece)?.group;
        if (group !== undefined) uses.add(group);
      }
    }
    let texts = byOrder;
    let ranks: Map<Node, number> | undefined;
    if (nodes.length > 1) {
      ranks = this.#rank(nodes);
      const lines: string[] = [];
      for (const node of nodes) node.reference = `#${ranks.get(node) ?? 0}`;
      for (const node of nodes) lines[ranks.get(node) ?? 0] ??= this.#textOf(node);
      texts = lines;
    }
    const text = texts.join("\n");
    const digest = digestOf(text);
    let group = this.#byDigest.get(digest);
    if (group === undefined) {
      group = { digest, text, count: texts.length, uses: sorted(uses) };
      this.#byDigest.set(digest, group);
    }
    const { count } = group;
    const references = nodes.map((node) => `@${digest}${count === 1 ? "" : `.${ranks?.get(node) ?? 0}`}`);
    return { group, references };
  }

  #rank(nodes: readonly Node[]): Map<Node, number> {
    const inner = (piece: CDefined): Node | undefined => {
      const node = this.#nodes.get(piece);
      return node?.isInside === true ? node : undefined;
    };
    for (const node of nodes) node.reference = "#";
    const keys = new Map(nodes.map((node) => [node, this.#textOf(node)]));
    return rankNodes(nodes, keys, inner);
  }

  /** The text of a definition, with the references that stand in the nodes now. */
  #textOf({ pieces }: Node): string {
    let text = "";
    for (const piece of pieces) text += typeof piece === "string" ? piece : this.#nodes.get(piece)?.reference;
    return text;
  }
}

function sorted(groups: Iterable<TypeGroup>): TypeGroup[] {
  return [...groups].sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

/**
 * Numbers the definitions of a group from 0 by what they are, never by the order they were met in. Those that nothing
 * tells apart, however far one goes into them, are the same type and get the same number.
 * @param texts of the nodes, in which references within the group are all alike
 */
function rankNodes(
  nodes: readonly Node[],
  texts: ReadonlyMap<Node, string>,
  inner: (piece: CDefined) => Node | undefined,
): Map<Node, number> {
  let ranks = ranked(nodes, (node) => texts.get(node) ?? "");
  let work = 0;
  for (let classes = 0; classes < ranks.size; ) {
    const { ranks: before, size } = ranks;
    classes = size;
    if (size === nodes.length) break;
    work += nodes.length;
    if (work > MOST_WORK) {
      const what = `found ${nodes.length} types that lead back to one another and are too much alike to be told apart`;
      throw new DynldError("DYNLD_BAD_TYPE", {}, what);
    }
    // Tells apart what is alike so far by what it leads to.
    const next = ranked(nodes, (node) => {
      const own = String(before.get(node)).padStart(8, "0");
      if (ranks.alone.has(before.get(node) ?? 0)) return own;
      let key = own;
      for (const piece of node.pieces) {
        const to = typeof piece === "string" ? undefined : inner(piece);
        if (to !== undefined) key += `,${before.get(to)}`;
      }
      return key;
    });
    ranks = next;
  }
  return ranks.ranks;
}

interface Ranks {
  readonly ranks: Map<Node, number>;
  /** How many there are. */
  readonly size: number;
  /** Those that one definition has. */
  readonly alone: ReadonlySet<number>;
}

function ranked(nodes: readonly Node[], keyOf: (node: Node) => string): Ranks {
  const classes = new Map<string, Node[]>();
  for (const node of nodes) {
    const key = keyOf(node);
    const same = classes.get(key);
    if (same === undefined) classes.set(key, [node]);
    else same.push(node);
  }
  const ranks = new Map<Node, number>();
  const alone = new Set<number>();
  const sorted = [...classes].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [rank, [, same]] of sorted.entries()) {
    for (const node of same) ranks.set(node, rank);
    if (same.length === 1) alone.add(rank);
  }
  return { ranks, size: sorted.length, alone };
}
