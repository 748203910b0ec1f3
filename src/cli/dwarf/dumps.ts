/** The parts of debug information that can be shown, by the names of the subcommands; what shows one is loaded when it runs. */
import type { Dump } from "./dump.ts";
import type { DumpOptions } from "./options.ts";

/** What there is to show. */
export type DumpName =
  | "info"
  | "lines"
  | "ranges"
  | "locs"
  | "frames"
  | "frames-header"
  | "aranges"
  | "names"
  | "types"
  | "macros";

const MAKERS: Readonly<Record<DumpName, (options: DumpOptions) => Promise<Dump<unknown>>>> = {
  info: async (options) => (await import("./show/info.ts")).infoDump(options),
  lines: async (options) => (await import("./show/lines.ts")).linesDump(options),
  ranges: async (options) => (await import("./show/ranges.ts")).rangesDump(options),
  locs: async (options) => (await import("./show/locs.ts")).locsDump(options),
  frames: async (options) => (await import("./show/frames.ts")).framesDump(options),
  "frames-header": async () => (await import("./show/frame-header.ts")).HEADER,
  aranges: async () => (await import("./show/aranges.ts")).ARANGES,
  names: async (options) => (await import("./show/names.ts")).namesDump(options),
  types: async (options) => (await import("./show/types.ts")).typesDump(options),
  macros: async (options) => (await import("./show/macros.ts")).macrosDump(options),
};

/** @throws UsageError for options that make no sense together */
export async function loadDump(name: DumpName, options: DumpOptions): Promise<Dump<unknown>> {
  return MAKERS[name](options);
}
