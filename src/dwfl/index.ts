/** `bindery/dwfl`: so far, separate debug files: by build id, debug link, supplementary link and debuginfod. */

export {
  type DebuginfodAnswer,
  DebuginfodClient,
  type DebuginfodListeners,
  type DebuginfodResult,
} from "./debuginfod.ts";
export { type DebuginfodProgress, type ProgressListener, stderrProgress } from "./debuginfod-progress.ts";
export { type DebuginfodSettings, type Environment, settingsFromEnvironment } from "./debuginfod-settings.ts";
export {
  type FindOptions,
  findDebugFile,
  findLocalDebugFile,
  findLocalSupplementaryFile,
  findSupplementaryFile,
  type LocalFindOptions,
} from "./find.ts";
export { describeAttempt, type FindAttempt, type FindResult, type FindWay } from "./find-attempt.ts";
