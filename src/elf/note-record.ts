/** A note as it is stored, before its contents are decoded. */
export interface NoteRecord {
  /** Whose note it is: `GNU`, `stapsdt`, `CORE`. */
  readonly owner: string;
  /** `n_type`; what it means depends on the owner. */
  readonly type: number;
  /** `n_desc`: the contents, a view. */
  readonly desc: Uint8Array;
  /** What holds the note: a section's name or a segment. */
  readonly part: string;
  /** Offset of the note in `part`. */
  readonly offset: number;
  /** `NT_GNU_BUILD_ID` and so on, as the owner names its types. */
  readonly typeName: string;
}
