/** Names that are bound all at once, as a linker has them: columns over one string table. */

/** Symbols by position, in columns of at least {@link length} entries. */
export interface SymbolBatch {
  readonly length: number;
  /** Names in UTF-8, each with a NUL behind it; copied whole. */
  readonly strings: Uint8Array;
  /** Where each name begins in {@link strings}. */
  readonly names: Int32Array;
  /** Distances from the object's base, in bytes. */
  readonly values: Int32Array;
  /** Bytes that each covers. */
  readonly sizes: Int32Array;
  /** `st_info`: `STT_FUNC`, `STT_OBJECT`, `STT_GNU_IFUNC` or `STT_NOTYPE`; `STB_GLOBAL`, `STB_WEAK` or `STB_LOCAL`. */
  readonly infos: Uint8Array;
  /** `st_other`: the visibility. */
  readonly others: Uint8Array;
}
