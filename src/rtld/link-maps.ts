/** The link maps of all namespaces, kept from one reading to the next. */
import { RtldError } from "../errors.ts";
import { type LinkMapFields, LoadObject, type LoadObjectHost } from "./load-object.ts";
import type { Namespace } from "./rendezvous.ts";

/** Most objects that are followed in one namespace. */
const MOST_OBJECTS = 1_000_000;

/** What came and went between two readings. */
export interface LinkMapChange {
  readonly added: readonly LoadObject[];
  readonly removed: readonly LoadObject[];
}

/** Reads link maps, and keeps the objects of those that are still the same. */
export class LinkMaps {
  readonly #name: string;
  readonly #host: LoadObjectHost;
  /** By namespace, in the order of the list. */
  readonly #known: LoadObject[][] = [];

  /** @param name what messages call the process */
  constructor(name: string, host: LoadObjectHost) {
    this.#name = name;
    this.#host = host;
  }

  /** All objects of the last reading, namespace by namespace. */
  get objects(): readonly LoadObject[] {
    return this.#known.flat();
  }

  /**
   * Reads what changed.
   *
   * @param onlyAdded nothing was removed since the last reading: only what is behind the last object known is read, as
   * loaders append what they load
   * @throws RtldError `RD_ERR` if a list leads back into itself or out of memory; what was known stays then
   */
  update(namespaces: readonly Namespace[], onlyAdded: boolean): LinkMapChange {
    const lists: LoadObject[][] = [];
    const added: LoadObject[] = [];
    const removed = this.#known.slice(namespaces.length).flat();
    for (const { lmid, map } of namespaces) {
      const known = this.#known[lmid] ?? [];
      const last = known.at(-1);
      if (onlyAdded && last !== undefined && known[0]?.linkMap === map) {
        const more = this.#read(lmid, this.#next(last.linkMap), known);
        lists.push(more.length === 0 ? known : [...known, ...more]);
        added.push(...more);
      } else {
        const list = this.#read(lmid, map, []);
        const [before, after] = [new Set(known), new Set(list)];
        lists.push(list);
        added.push(...list.filter((one) => !before.has(one)));
        removed.push(...known.filter((one) => !after.has(one)));
      }
    }
    this.#known.splice(0, Number.POSITIVE_INFINITY, ...lists);
    return { added, removed };
  }

  #next(at: bigint): bigint {
    return this.#host.rendezvous.words(at, 4, "link map")[3] ?? 0n;
  }

  #read(lmid: number, first: bigint, before: readonly LoadObject[]): LoadObject[] {
    if (first === 0n) return [];
    const known = new Map((this.#known[lmid] ?? []).map((one) => [one.linkMap, one]));
    const seen = new Set(before.map((one) => one.linkMap));
    const objects: LoadObject[] = [];
    for (let at = first; at !== 0n; ) {
      if (seen.has(at) || seen.size === MOST_OBJECTS) {
        const what = `link map of namespace ${lmid}: found entry 0x${at.toString(16)} twice`;
        throw new RtldError("RD_ERR", this.#name, what);
      }
      seen.add(at);
      const what = `link map of namespace ${lmid}, entry ${seen.size}`;
      const [bias = 0n, nameAddr = 0n, dynamic = 0n, next = 0n] = this.#host.rendezvous.words(at, 4, what);
      const fields: LinkMapFields = { at, bias, nameAddr, dynamic };
      const same = known.get(at);
      const isProgram = lmid === 0 && seen.size === 1;
      objects.push(
        same?.isSame(fields) === true ? same : new LoadObject(this.#host, fields, lmid, isProgram),
      );
      at = next;
    }
    return objects;
  }
}
