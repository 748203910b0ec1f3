/** Options of the subcommands of `bindery dwarf`, as commander gives them. */

/** Where the user says that a section is: `--place SECTION=ADDRESS`. */
export interface SectionPlace {
  /** Its name, or its number. */
  readonly section: string;
  readonly address: bigint;
}

/** What all take. */
export interface DumpOptions {
  readonly relocatable?: true;
  readonly place?: readonly SectionPlace[];
  readonly stats?: true;
  readonly json?: true;
  readonly jobs?: number;
  readonly progress?: boolean;
}

/** Of what is shown by units. */
export interface UnitOptions extends DumpOptions {
  readonly split?: true;
  readonly unit?: number;
}

/** Of what is shown by entries. */
export interface EntryOptions extends UnitOptions {
  readonly die?: number;
  readonly depth?: number;
}

export interface FramesOptions extends DumpOptions {
  readonly instructions?: true;
  readonly header?: true;
  readonly pc?: string;
}

export interface NamesOptions extends DumpOptions {
  readonly name?: string;
}

export interface TypesOptions extends UnitOptions {
  readonly die?: number;
  readonly name?: string;
}
