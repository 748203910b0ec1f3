/** Why a process that is debugged stopped, and what happens to it meanwhile. */
import type { RtldError } from "../../errors.ts";
import type { RdEventMsg } from "../constants.ts";
import type { Breakpoint } from "./breakpoint.ts";

/** Why all threads are stopped now; `tid` is the thread that it is about. */
export type Stop =
  /** It is about to execute the instruction at a breakpoint. */
  | { readonly kind: "breakpoint"; readonly tid: number; readonly breakpoint: Breakpoint }
  /** It is about to get a signal. */
  | { readonly kind: "signal"; readonly tid: number; readonly signal: number }
  /** The instruction that was asked for is done. */
  | { readonly kind: "step"; readonly tid: number }
  /** Somebody asked for it, here or at the terminal. */
  | { readonly kind: "interrupt"; readonly tid: number }
  /** The process ended, by itself or by a signal; or it was let go of, and neither is known. */
  | { readonly kind: "exit"; readonly code: number | undefined; readonly signal: number | undefined };

/** What happens while a process runs, and does not stop it. */
export type DebuggerEvent =
  /** The run-time linker tells of something. */
  | { readonly kind: "linker"; readonly tid: number; readonly message: RdEventMsg }
  /** The run-time linker can't be followed, for one of the reasons that its agent knows. */
  | { readonly kind: "lost-linker"; readonly error: RtldError }
  /** The process executes another program. */
  | { readonly kind: "exec"; readonly tid: number }
  /** What has the symbol of a breakpoint was loaded, or made. */
  | { readonly kind: "bound"; readonly breakpoint: Breakpoint }
  /** What had the symbol of a breakpoint is gone: it waits for it again. */
  | { readonly kind: "unbound"; readonly breakpoint: Breakpoint };

/** Told of each, while the thread that it is about waits. */
export type DebuggerListener = (event: DebuggerEvent) => void;

/** Ordinary signals, which say nothing of a program's health: children that ended, timers, the C library's own. */
const PASSED: ReadonlySet<number> = new Set([14, 17, 23, 26, 27, 28, 29, 32, 33]);
/** Signals there are. */
const LAST_SIGNAL = 64;

/** Signals before which a process that is debugged stops: those before which gdb does. */
export const STOP_SIGNALS: readonly number[] = Array.from({ length: LAST_SIGNAL }, (_, i) => i + 1).filter(
  (signal) => !PASSED.has(signal),
);
