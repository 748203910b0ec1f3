/** What the command line selects; commander fills it in. */
export interface ElfOptions {
  readonly all?: boolean;
  readonly fileHeader?: boolean;
  readonly headers?: boolean;
  readonly segments?: boolean;
  readonly sections?: boolean;
  readonly sectionGroups?: boolean;
  readonly symbols?: boolean;
  readonly dynSyms?: boolean;
  readonly relocs?: boolean;
  readonly dynamic?: boolean;
  readonly notes?: boolean;
  readonly versions?: boolean;
  readonly hash?: boolean;
  readonly demangle?: boolean;
  readonly json?: boolean;
}
