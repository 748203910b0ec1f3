/** What makes a module's bytes right for where they lie: from its relocation records, or from what mkmod made of them. */
import type { FoundImport } from "./imports.ts";
import type { SectionPlan, SegmentName } from "./sections.ts";

/** Segments' addresses. */
export type SegmentAddresses = Readonly<Record<SegmentName, number>>;
/** Segments' contents; of data, without its zeros or with them. */
export type SegmentBytes = Readonly<Record<SegmentName, Uint8Array>>;

/** Where threads have their blocks. */
export interface ThreadPlace {
  /** Number of the blocks for `__tls_get_addr`. */
  readonly module: bigint;
  /** From the thread pointer to the block, where that is the same in all threads. */
  readonly distance: number;
}

/** A module's sections, copied to where they are to be relocated. */
export interface Placement {
  readonly bytes: SegmentBytes;
  readonly at: SegmentAddresses;
  /** Offset of the stubs in text. */
  readonly stubs: number;
  readonly threads: ThreadPlace;
}

/** Functions and their call-frame records, by position, sorted by function. */
export interface FrameColumns {
  /** Offsets of the functions in text. */
  readonly starts: Int32Array;
  /** Offsets of their records in read-only data. */
  readonly records: Int32Array;
}

export interface Relocator {
  readonly imports: readonly FoundImport[];
  /** Words of the global offset table, which begins read-only data. */
  readonly entries: number;
  /** Bytes of the stubs, which end text. */
  readonly stubSize: number;
  /** The module must lie in the lowest 2 GiB. */
  readonly isLow: boolean;
  /** Its thread-local variables are reached from the thread pointer: their block must be at one distance in all threads. */
  readonly isStatic: boolean;
  /** Addresses of imported data that must be within 2 GiB of the module. */
  readonly near: readonly bigint[];
  /** Whether {@link storeIndirect} has something to do. */
  readonly hasIndirect: boolean;
  /** Whether it is made for sections that are placed so. */
  fits(sections: SectionPlan): boolean;
  /** @throws DynldError DYNLD_OVERFLOW, DYNLD_BAD_RELOCATION */
  relocate(placement: Placement): void;
  /** Stores what a resolver told in the entries that stubs jump through. Only after {@link relocate}. */
  storeIndirect(bytes: SegmentBytes, resolve: (address: number) => bigint): void;
  /** Records of call frames, once all is relocated. */
  frames(placement: Pick<Placement, "bytes" | "at">): FrameColumns;
}
