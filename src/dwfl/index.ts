/**
 * `bindery/dwfl`: sessions over the modules of files, processes, core files and kernels; and separate debug files, by build
 * id, debug link, supplementary link and debuginfod.
 */

export { DwflError, type DwflErrorCode } from "../errors.ts";
export {
  type DebuginfodAnswer,
  DebuginfodClient,
  type DebuginfodListeners,
  type DebuginfodResult,
} from "./debuginfod/client.ts";
export { type DebuginfodProgress, type ProgressListener, stderrProgress } from "./debuginfod/progress.ts";
export { type DebuginfodSettings, type Environment, settingsFromEnvironment } from "./debuginfod/settings.ts";
export { describeAttempt, type FindAttempt, type FindResult, type FindWay } from "./find/attempt.ts";
export { type CompanionOptions, Companions } from "./find/companions.ts";
export {
  type FindOptions,
  findDebugFile,
  findLocalDebugFile,
  findLocalSupplementaryFile,
  findSupplementaryFile,
  type LocalFindOptions,
} from "./find/find.ts";
export type { DeadKernelOptions, KernelOptions } from "./kernel/options.ts";
export type { AddressSpan } from "./module/layout.ts";
export { Module, type ModuleHost } from "./module/module.ts";
export type { FilePlace } from "./module/placement.ts";
export type {
  ModuleFile,
  ModulePlace,
  ModuleReport,
  ReportedPlace,
  SectionAddress,
  UnknownPlace,
} from "./module/report.ts";
export { type ModuleSymbol, ModuleSymbols, type SymbolMatch } from "./module/symbols.ts";
export type { CoreOptions } from "./process/core.ts";
export type { ProcessOptions } from "./process/proc.ts";
export { Dwfl, type DwflOptions, type ModuleOptions } from "./session.ts";
export { type DecodedReference, type DecodeOptions, TraceDecoder } from "./symbolize/decode.ts";
export {
  type PlaceSymbol,
  PlaceSymbolizer,
  type SymbolizedFile,
  type SymbolizedFrame,
  type SymbolizedPlace,
} from "./symbolize/place.ts";
export {
  type CodeAddress,
  type SymbolizedAddress,
  type SymbolizeOptions,
  Symbolizer,
} from "./symbolize/symbolizer.ts";
export { type TraceReference, traceReferences } from "./symbolize/trace.ts";
