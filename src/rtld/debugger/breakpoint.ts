/** Breakpoints that a user set: by address, or by a name that may not be there yet. */

/** What a breakpoint is set at. */
export interface BreakpointPlace {
  /** Symbol that the address counts from; `undefined` for a plain address. */
  readonly symbol: string | undefined;
  /** Bytes from the symbol, or the address. */
  readonly offset: bigint;
}

/** One breakpoint. */
export class Breakpoint {
  readonly place: BreakpointPlace;
  /** Where it is; `undefined` while what has its symbol is not loaded. */
  address: bigint | undefined;
  /** Address of its symbol, which may be of code that chooses the function. */
  symbolAddress: bigint | undefined;
  /** Whether its symbol is of such code. */
  isIndirect = false;
  /** Whether its symbol is one that a library has for itself: that of another one, which shows it to others, goes before. */
  isProvisional = false;

  constructor(place: BreakpointPlace) {
    this.place = place;
  }

  /** Whether it waits for its symbol to be loaded, or made. */
  get isPending(): boolean {
    return this.address === undefined;
  }

  /** Whether it is where the function is chosen: what is chosen, nobody knows yet. */
  get isAtResolver(): boolean {
    return this.isIndirect && this.address === this.symbolAddress;
  }

  /** How it was asked for: `main`, `main+0x4`, `0x401136`. */
  get text(): string {
    const { symbol, offset } = this.place;
    if (symbol === undefined) return `0x${offset.toString(16)}`;
    return offset === 0n ? symbol : `${symbol}+0x${offset.toString(16)}`;
  }
}

/** Who needs a stop at an address: one instruction is replaced there, however many do. */
export class BreakpointSites<Owner> {
  readonly #insert: (address: bigint) => void;
  readonly #remove: (address: bigint) => void;
  readonly #owners = new Map<bigint, Set<Owner>>();

  /**
   * @param insert puts the instruction; may throw
   * @param remove takes it away
   */
  constructor(insert: (address: bigint) => void, remove: (address: bigint) => void) {
    this.#insert = insert;
    this.#remove = remove;
  }

  /** Whether an owner needs a stop at an address. */
  has(address: bigint, owner: Owner): boolean {
    return this.#owners.get(address)?.has(owner) === true;
  }

  /** Those who need a stop at an address. */
  at(address: bigint): Iterable<Owner> {
    return this.#owners.get(address) ?? [];
  }

  /** @throws what `insert` throws; then nothing changed */
  add(address: bigint, owner: Owner): void {
    const owners = this.#owners.get(address) ?? new Set();
    if (owners.size === 0) this.#insert(address);
    this.#owners.set(address, owners.add(owner));
  }

  /** Where it was not needed, nothing happens. */
  delete(address: bigint, owner: Owner): void {
    const owners = this.#owners.get(address);
    if (owners?.delete(owner) !== true || owners.size > 0) return;
    this.#owners.delete(address);
    this.#remove(address);
  }

  /** Forgets all: the memory that had them is gone. */
  clear(): void {
    this.#owners.clear();
  }
}
