/**
 * What the caller may ask of a live object, with its defaults, checked.
 */

import type { CommonInformation } from "../dwarf/write/frame.ts";
import { STB, STT, STV } from "../elf/constants/symbol.ts";
import { DlbindError } from "../errors.ts";
import type { Backing } from "./backing.ts";
import { type Capacities, MAX_IMAGE, REGION_ALIGN, type ThreadBlock } from "./layout.ts";
import { MAX_NAME } from "./strings.ts";

/**
 * Profiler outputs that each publish feeds; see perf-report(1) and perf-inject(1).
 *
 * - `"map"`: `/tmp/perf-PID.map`. perf consults it only for code in memory without a file. So an object on a memfd then
 *   runs its text from such memory: storing code costs system calls, and uprobes can't be set on it. For an object on a
 *   file, perf reads the file's own symbols instead.
 * - `"jitdump"`: `jit-PID.dump` in the temporary directory, for `perf record -k mono` and `perf inject --jit`. It serves
 *   any backing, and names rightly what runs where other code was before.
 */
export type PerfOutput = "map" | "jitdump";

/** How a live object is made: capacities in bytes or counts, and who shall see it. */
export interface CreateOptions extends Partial<Capacities> {
  /** Version names that symbols may be bound under, as the loader must know them from the start. */
  readonly versions?: readonly string[];
  /** Ways to back the object, tried in order. Default: `"memfd"`. */
  readonly backing?: Backing | readonly Backing[];
  /** Whether `dlsym(RTLD_DEFAULT)` and later loaded objects find its symbols (`RTLD_GLOBAL`). Default: true. */
  readonly global?: boolean;
  /**
   * Address to ask the loader for, a multiple of 65,536. glibc's loader takes it where the memory is free and the program
   * itself is linked to fixed addresses; else the object lies where all do. Look at the base that it got.
   */
  readonly address?: bigint;
  /** A block of variables that each thread has of its own. It can't change later; `LiveObject.threads` tells of it. */
  readonly threads?: ThreadBlock;
  /** Profiler outputs. Default: none. */
  readonly perf?: readonly PerfOutput[];
}

/** Sparse, so generous: what is not used takes address space only. */
const DEFAULTS: Capacities = {
  text: 64 << 20,
  rodata: 16 << 20,
  data: 16 << 20,
  symbols: 1 << 16,
  names: 4 << 20,
  frames: 1 << 16,
};

/** Bytes a name takes at most, in the mean, when only the number of symbols is given. */
const MEAN_NAME = 64;

/** Capacities with defaults filled in. @throws DlbindError when one is no count or all together are too much */
export function checkCapacities(name: string, options: CreateOptions): Capacities {
  const asked = { ...DEFAULTS };
  if (options.symbols !== undefined && options.names === undefined) {
    asked.names = Math.max(DEFAULTS.names, options.symbols * MEAN_NAME);
  }
  for (const key of Object.keys(DEFAULTS) as (keyof Capacities)[]) {
    const value = options[key];
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new DlbindError(
        "DLBIND_BAD_ARGUMENT",
        name,
        `capacity ${key}: found ${value}, expected a whole number above 0`,
      );
    }
    asked[key] = value;
  }
  // Half of text again is the table that leads unwinders to call frames.
  const tables = Math.ceil(asked.text / 2) + asked.names + asked.symbols * 38 + asked.frames * 64 + (1 << 20);
  const total = asked.text + asked.rodata + asked.data + tables;
  if (total > MAX_IMAGE) {
    throw new DlbindError(
      "DLBIND_BAD_ARGUMENT",
      name,
      `capacities: ${total} bytes together, expected less than 2 GiB, the reach of a relative address`,
    );
  }
  return asked;
}

/** An address that an image may be made for; 0 is none. */
export function checkAddress(name: string, address: bigint): bigint {
  if (address >= 0n && address < 1n << 47n && address % BigInt(REGION_ALIGN) === 0n) return address;
  throw new DlbindError(
    "DLBIND_BAD_ARGUMENT",
    name,
    `address 0x${address.toString(16)}: expected a multiple of ${REGION_ALIGN} below 2^47`,
  );
}

/** A name that can be a file's and an ELF object's. */
export function checkObjectName(name: string): void {
  if (!/^[^/\0]{1,200}$/.test(name) || name === "." || name === "..") {
    throw new DlbindError(
      "DLBIND_BAD_ARGUMENT",
      JSON.stringify(name),
      "object name: expected 1 to 200 characters without slash or NUL",
    );
  }
}

export function checkVersions(name: string, versions: readonly string[]): void {
  for (const version of versions) {
    if (version === "" || version.includes("\0") || version.length >= MAX_NAME) {
      throw new DlbindError("DLBIND_BAD_ARGUMENT", name, `version ${JSON.stringify(version)}: not a name`);
    }
  }
  if (new Set(versions).size < versions.length) {
    throw new DlbindError("DLBIND_BAD_ARGUMENT", name, `versions: ${versions.join(", ")}: one stands twice`);
  }
}

/** Call-frame information of a function. */
export type Unwind =
  /** The code begins with `push rbp; mov rbp, rsp` and may end with `pop rbp; ret` or `leave; ret`. */
  | "frame-pointer"
  /** Call frame instructions by the caller, under {@link FRAME_CIE} or a common part of its own. */
  | { readonly instructions: Uint8Array; readonly cie?: CommonInformation; readonly lsda?: bigint };

/** What is said of a name when it is bound. */
export interface BindOptions {
  /** Bytes that the name covers. Default: from the address to the end of what was allocated. */
  readonly size?: number;
  /** `STT_FUNC`, `STT_OBJECT`, `STT_GNU_IFUNC` or `STT_NOTYPE`. Default: a function in text, an object elsewhere. */
  readonly type?: number;
  /** `STB_GLOBAL`, `STB_WEAK`, or `STB_LOCAL`, which only debuggers see. Default: `STB_GLOBAL`. */
  readonly binding?: number;
  /** `STV_DEFAULT`, `STV_PROTECTED`, `STV_HIDDEN` or `STV_INTERNAL`. Default: `STV_DEFAULT`. */
  readonly visibility?: number;
  /** One of the versions the object was created with. */
  readonly version?: string;
  /** With a version: only `dlvsym` finds this one (`name@VERSION`, not `name@@VERSION`). All versions of a name but one must be. */
  readonly hidden?: boolean;
  readonly unwind?: Unwind;
}

/** Checks what needs no state. */
export function checkBind(object: string, name: string, options: BindOptions, isText: boolean): void {
  const fail = (what: string): never => {
    throw new DlbindError("DLBIND_BAD_ARGUMENT", object, `bind ${name}: ${what}`);
  };
  const { type, binding = STB.STB_GLOBAL, visibility = STV.STV_DEFAULT } = options;
  if (type === STT.STT_TLS) {
    throw new DlbindError(
      "DLBIND_UNSUPPORTED",
      object,
      `bind ${name}: STT_TLS: the loader fixes an object's thread-local block when it maps the object`,
    );
  }
  const types: number[] = [STT.STT_NOTYPE, STT.STT_OBJECT, STT.STT_FUNC, STT.STT_GNU_IFUNC];
  if (type !== undefined && !types.includes(type))
    fail(`type ${type}: expected a function, object, ifunc or no type`);
  if (type === STT.STT_GNU_IFUNC && !isText) fail("STT_GNU_IFUNC: the resolver does not lie in text");
  const bindings: number[] = [STB.STB_LOCAL, STB.STB_GLOBAL, STB.STB_WEAK];
  if (!bindings.includes(binding)) fail(`binding ${binding}: expected STB_GLOBAL, STB_WEAK or STB_LOCAL`);
  if (!Number.isInteger(visibility) || visibility < 0 || visibility > 3)
    fail(`visibility ${visibility}: not an STV_ value`);
  if (options.hidden === true && options.version === undefined) fail("hidden: only a version can be hidden");
  if (options.unwind !== undefined && !isText) fail("unwind: only code has call frames");
}
