/** Constants and records of rtld_db.h [Linker and Libraries Guide, "Support Interfaces"]. */
import type { RtldErrorCode } from "../errors.ts";

/** `rd_err_e`: what calls answer in C. Here `RD_OK` is a return, and the others are thrown. */
export const rd_err_e = {
  RD_ERR: 0,
  RD_OK: 1,
  RD_NOCAPAB: 2,
  RD_DBERR: 3,
  RD_NOBASE: 4,
  RD_NODYNAM: 5,
  RD_NOMAPS: 6,
} as const satisfies Record<RtldErrorCode | "RD_OK", number>;
/** One of `rd_err_e`, by name. */
export type rd_err_e = keyof typeof rd_err_e;

/** `rd_event_e`: what a run-time linker tells of. */
export const rd_event_e = { RD_NONE: 0, RD_PREINIT: 1, RD_POSTINIT: 2, RD_DLACTIVITY: 3 } as const;
/** One of `rd_event_e`, by name. */
export type rd_event_e = keyof typeof rd_event_e;

/** `rd_notify_e`: how it is told. */
export const rd_notify_e = { RD_NOTIFY_BPT: 0, RD_NOTIFY_AUTOBPT: 1, RD_NOTIFY_SYSCALL: 2 } as const;
/** One of `rd_notify_e`, by name. */
export type rd_notify_e = keyof typeof rd_notify_e;

/** `rd_state_e`: what the link maps are in. */
export const rd_state_e = { RD_NOSTATE: 0, RD_CONSISTENT: 1, RD_ADD: 2, RD_DELETE: 3 } as const;
/** One of `rd_state_e`, by name. */
export type rd_state_e = keyof typeof rd_state_e;

/** `rd_skip_e`: how to come past an entry of a procedure linkage table. */
export const rd_skip_e = {
  RD_RESOLVE_NONE: 0,
  RD_RESOLVE_STEP: 1,
  RD_RESOLVE_TARGET: 2,
  RD_RESOLVE_TARGET_STEP: 3,
} as const;
/** One of `rd_skip_e`, by name. */
export type rd_skip_e = keyof typeof rd_skip_e;

/** Bit of {@link RdPltInfo.flags}: the entry is bound, and `baddr` is where it leads. */
export const RD_FLG_PI_PLTBOUND = 0x0001;
/** Bit of an object's flags: it is in memory only, as the kernel's own library is. */
export const RD_FLG_MEM_OBJECT = 0x0001;
/** The only version of the interface, and the latest. */
export const RD_VERSION = 1;

/** `rd_notify_t`: how the controlling process learns of an event. */
export type RdNotify =
  /** A thread comes to this address: a breakpoint goes there. */
  | { readonly type: "RD_NOTIFY_BPT"; readonly bptaddr: bigint }
  /** The same, where the program has the breakpoint instruction itself. */
  | { readonly type: "RD_NOTIFY_AUTOBPT"; readonly bptaddr: bigint }
  /** The run-time linker calls the system by this number. */
  | { readonly type: "RD_NOTIFY_SYSCALL"; readonly syscallno: number };

/** `rd_event_msg_t`: which event it was. */
export interface RdEventMsg {
  readonly type: rd_event_e;
  /** `RD_NOSTATE` unless the type is `RD_DLACTIVITY`. */
  readonly state: rd_state_e;
}

/** `rd_plt_info_t`: how to come past an entry of a procedure linkage table. */
export interface RdPltInfo {
  /**
   * `RD_RESOLVE_NONE`: it is none. `RD_RESOLVE_STEP`: by `nstep` instructions. `RD_RESOLVE_TARGET`: run up to `target`.
   * `RD_RESOLVE_TARGET_STEP`: run up to `target`, then by `nstep` instructions.
   */
  readonly skipMethod: rd_skip_e;
  readonly nstep: number;
  /** 0 where there is none to run to. */
  readonly target: bigint;
  /** Where a bound entry leads; 0 for others. */
  readonly baddr: bigint;
  /** {@link RD_FLG_PI_PLTBOUND} or 0. */
  readonly flags: number;
}
