/** What the command line says; commander fills it in. */
export interface LiveOptions {
  readonly name: string;
  readonly directory?: string;
  readonly perf?: "map" | "jitdump";
}
