/** `bindery/rtld`: a controlling process follows another one's run-time linker, after librtld_db. */
export type { CoreOptions } from "../dwfl/process/core.ts";
export { HostError, RemoteError, type RemoteErrorCode, RtldError, type RtldErrorCode } from "../errors.ts";
export type { SpawnOptions } from "../host/spawn-stopped.ts";
export { RtldAgent } from "./agent.ts";
export type { BindingEvent, BindingOptions } from "./binding-watch.ts";
export type { Binding } from "./bindings.ts";
export {
  RD_FLG_MEM_OBJECT,
  RD_FLG_PI_PLTBOUND,
  RD_VERSION,
  type RdEventMsg,
  type RdNotify,
  type RdPltInfo,
  rd_err_e,
  rd_event_e,
  rd_notify_e,
  rd_skip_e,
  rd_state_e,
} from "./constants.ts";
export type { Frame } from "./debugger/backtrace.ts";
export type { Breakpoint, BreakpointPlace } from "./debugger/breakpoint.ts";
export type { CodeMap, CodePlace } from "./debugger/code-map.ts";
export { Debugger } from "./debugger/debugger.ts";
export type { LinkerWatch } from "./debugger/linker-watch.ts";
export { type DebuggerEvent, type DebuggerListener, STOP_SIGNALS, type Stop } from "./debugger/stop.ts";
export {
  type FollowOptions,
  followLinker,
  type LinkerEvent,
  type LinkerListener,
  type RelocationEvent,
} from "./follow.ts";
export { GuardedTarget } from "./guard/target.ts";
export type { LinkMapChange } from "./link-maps.ts";
export type { LoadObject, LoadSegment } from "./load-object.ts";
export type { LoaderProbe } from "./probes.ts";
export { CoreProcess } from "./proc/core.ts";
export type { ProcessFacts } from "./proc/facts.ts";
export { LiveProcess } from "./proc/live.ts";
export { ObservedProcess } from "./proc/observed.ts";
export type { DataModel, LogListener, ProcService } from "./proc/service.ts";
export { type RegisterName, Registers } from "./registers.ts";
export type { RemoteFiles } from "./remote/facts.ts";
export { type RemoteOptions, RemoteTarget } from "./remote/target.ts";
export type { ControlledProcess, Origin, TargetEvent } from "./target/controlled.ts";
export type { ProcessEvent } from "./target/event.ts";
export { Target, type TargetOptions, type TargetSpawnOptions } from "./target/target.ts";
