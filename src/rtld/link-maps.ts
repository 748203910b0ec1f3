/** The link maps of all namespaces, kept from one reading to the next. */
import { RtldError } from "../errors.ts";
import { LoadObject, type LoadObjectHost } from "./load-object.ts";
import type { Namespace } from "./rendezvous.ts";

/** Most objects that are followed in one namespace. */
const MOST_OBJECTS = 1_000_000;

/** What came and went between two readings. */
export interface LinkMapChange {
  readonly added: readonly LoadObject[];
  readonly removed: readonly LoadObject[];
}

/** Objects by the addresses of their link maps, in the order of the list. */
type ObjectList = Map<bigint, LoadObject>;

/** What was read of one namespace. */
interface Reading {
  /** What was known and is there still. */
  readonly before: ObjectList;
  /** What is behind that. */
  readonly more: ObjectList;
  readonly added: readonly LoadObject[];
  readonly removed: readonly LoadObject[];
}

/** Reads link maps, and keeps the objects of those that are still the same. */
export class LinkMaps {
  readonly #name: string;
  readonly #host: LoadObjectHost;
  /** By namespace. */
  #known: readonly ObjectList[] = [];
  /** By namespace, address of the last link map. */
  #last: readonly bigint[] = [];

  /** @param name what messages call the process */
  constructor(name: string, host: LoadObjectHost) {
    this.#name = name;
    this.#host = host;
  }

  /** All objects of the last reading, namespace by namespace. */
  get objects(): readonly LoadObject[] {
    return [...this.known()];
  }

  /** As {@link objects}, one after another. */
  *known(): Generator<LoadObject> {
    for (const list of this.#known) yield* list.values();
  }

  /** Whether nothing was read yet. */
  get isEmpty(): boolean {
    return this.#known.length === 0;
  }

  /** The object that an address is in, as of the last reading. */
  objectAt(address: bigint): LoadObject | undefined {
    for (const object of this.known()) if (object.has(address)) return object;
    return undefined;
  }

  /**
   * Reads what changed.
   *
   * @param onlyAdded nothing was removed since the last reading: only what is behind the last object known is read, as
   * loaders append what they load
   * @throws RtldError `RD_ERR` if a list leads back into itself or out of memory; what was known stays then
   */
  update(namespaces: readonly Namespace[], onlyAdded: boolean): LinkMapChange {
    const readings = namespaces.map((one) => (onlyAdded ? this.#tail(one) : undefined) ?? this.#whole(one));
    const gone = this.#known.slice(namespaces.length).flatMap((list) => [...list.values()]);
    this.#last = readings.map(({ more }, lmid) => lastKey(more) ?? this.#last[lmid] ?? 0n);
    this.#known = readings.map(({ before, more }) => {
      if (before.size === 0) return more;
      for (const [at, object] of more) before.set(at, object);
      return before;
    });
    return {
      added: readings.flatMap((one) => one.added),
      removed: [...gone, ...readings.flatMap((one) => one.removed)],
    };
  }

  /** What is behind the last object known; `undefined` if none is, or another list is there now. */
  #tail({ lmid, map }: Namespace): Reading | undefined {
    const [before, last = 0n] = [this.#known[lmid], this.#last[lmid]];
    if (before === undefined || last === 0n || before.keys().next().value !== map) return undefined;
    const more = this.#walk(lmid, this.#host.rendezvous.nextLinkMap(last), before);
    if (more === undefined) return undefined;
    return { before, more, added: [...more.values()], removed: [] };
  }

  #whole({ lmid, map }: Namespace): Reading {
    const known: ObjectList = this.#known[lmid] ?? new Map();
    const before: ObjectList = new Map();
    const more = this.#walk(lmid, map, before) ?? before;
    return {
      before,
      more,
      added: [...more.values()].filter((one) => known.get(one.linkMap) !== one),
      removed: [...known.values()].filter((one) => more.get(one.linkMap) !== one),
    };
  }

  /** The list from `first` on, which is behind what is in `before`; `undefined` if one of those is there again, which was moved. */
  #walk(lmid: number, first: bigint, before: ObjectList): ObjectList | undefined {
    const found: ObjectList = new Map();
    for (let at = first; at !== 0n; ) {
      if (before.has(at)) return undefined;
      const count = before.size + found.size;
      if (found.has(at) || count === MOST_OBJECTS) {
        const what = `link map of namespace ${lmid}: found entry 0x${at.toString(16)} twice`;
        throw new RtldError("RD_ERR", this.#name, what);
      }
      const what = `link map of namespace ${lmid}, entry ${count + 1}`;
      const [bias = 0n, nameAddr = 0n, dynamic = 0n, next = 0n] = this.#host.rendezvous.words(at, 4, what);
      const fields = { at, bias, nameAddr, dynamic };
      const same = this.#known[lmid]?.get(at);
      const isSame = same?.isSame(fields) === true;
      found.set(at, isSame ? same : new LoadObject(this.#host, fields, lmid, lmid === 0 && count === 0));
      at = next;
    }
    return found;
  }
}

function lastKey(list: ObjectList): bigint | undefined {
  let last: bigint | undefined;
  for (const key of list.keys()) last = key;
  return last;
}
