/**
 * The cache directory of debuginfod clients, as elfutils lays it out [debuginfod-client-config(7), "CACHE"]:
 * `BUILDID/debuginfo` and `BUILDID/executable`, an empty file where servers did not have one, and control files with
 * a number of seconds each. Any number of clients may use it at once.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  ftruncateSync,
  futimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  type Stats,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { ElfError, HostError } from "../../errors.ts";

/** What servers have for a build id. */
export type DebuginfodKind = "debuginfo" | "executable";

/** The control files, and the seconds they hold unless someone changed them. */
const CONTROL = { cache_clean_interval_s: 86_400, max_unused_age_s: 604_800, cache_miss_s: 600 };

/** Files below a build id's directory that clients put there, those of downloads that were killed included. */
const ARTIFACT = /^(debuginfo|executable|source.*|section.*)(\.\w{6})?$/;

/** What the cache knows of a file. `missing`: servers did not have it so many seconds ago, and need not be asked again. */
export type CacheEntry = { readonly path: string } | { readonly path: undefined; readonly missing: number };

/** A file being downloaded. Nobody sees it before {@link keep}; after {@link drop} nothing is left of it. */
export interface CacheDownload {
  /** Where the bytes are for now. */
  readonly path: string;
  write(bytes: Uint8Array): void;
  /** Forgets the bytes written so far. */
  restart(): void;
  /** Puts the file in its place, last modified at `modified`; gives its path. */
  keep(modified: Date): string;
  drop(): void;
}

/** A cache directory. Every method throws a `HostError` `HOST_SYSCALL` where the file system refuses. */
export class DebuginfodCache {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** What is there of a file. A file found counts as used now. */
  lookUp(id: string, kind: DebuginfodKind): CacheEntry | undefined {
    const path = this.#pathOf(id, kind);
    const stat = statOf(path);
    if (stat === undefined) return undefined;
    if (stat.size > 0) {
      // Where the file system keeps no access times, clean() of any client would take the file for unused.
      attempt(() => utimesSync(path, new Date(), stat.mtime));
      return { path };
    }
    const age = secondsSince(stat.mtime);
    if (age <= this.#control("cache_miss_s"))
      return { path: undefined, missing: Math.max(0, Math.floor(age)) };
    attempt(() => unlinkSync(path));
    return undefined;
  }

  /** Remembers that servers do not have a file, unless another client has just put one there. */
  remember(id: string, kind: DebuginfodKind): void {
    const path = this.#pathOf(id, kind);
    call("mkdir", () => mkdirSync(dirname(path), { recursive: true, mode: 0o700 }));
    try {
      closeSync(openSync(path, "wx"));
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw hostError("open", error);
    }
  }

  /** Begins a file. End with {@link CacheDownload.keep} or {@link CacheDownload.drop}. */
  begin(id: string, kind: DebuginfodKind): CacheDownload {
    const target = this.#pathOf(id, kind);
    const path = `${target}.${randomBytes(3).toString("hex")}`;
    // Between the two, another client's cleaning may remove the directory; once more is enough.
    const create = () => {
      mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
      return openSync(path, "wx+", 0o600);
    };
    const descriptor = attempt(create) ?? call("open", create);
    let size = 0;
    let open = true;
    const close = () => {
      if (open) closeSync(descriptor);
      open = false;
    };
    return {
      path,
      write: (bytes) => {
        for (let done = 0; done < bytes.length; ) {
          const count = call("write", () => writeSync(descriptor, bytes, done, bytes.length - done, size));
          done += count;
          size += count;
        }
      },
      restart: () => {
        size = 0;
        call("ftruncate", () => ftruncateSync(descriptor));
      },
      keep: (modified) => {
        try {
          attempt(() => futimesSync(descriptor, new Date(), modified));
          attempt(() => fchmodSync(descriptor, 0o400)); // As elfutils: what is shared should not be written by chance.
          call("rename", () => renameSync(path, target));
        } finally {
          close();
        }
        return target;
      },
      drop: () => {
        close();
        attempt(() => unlinkSync(path));
        attempt(() => rmdirSync(dirname(path))); // Refused if anything else is in it.
      },
    };
  }

  /** Makes the directory and its control files if they are not there, and cleans it if that is due. */
  prepare(): void {
    call("mkdir", () => mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 }));
    call("mkdir", () => mkdirSync(this.path, { recursive: true }));
    const interval = this.#control("cache_clean_interval_s");
    const stamp = join(this.path, "cache_clean_interval_s");
    const cleaned = statOf(stamp)?.mtime;
    if (cleaned !== undefined && secondsSince(cleaned) < interval) return;
    attempt(() => utimesSync(stamp, new Date(), new Date())); // Before the work, so that others do not begin it too.
    this.#clean(this.#control("max_unused_age_s"));
  }

  /** Removes files not used for `age` seconds, and directories that are empty and as old. */
  #clean(age: number): void {
    for (const id of attempt(() => readdirSync(this.path)) ?? []) {
      if (!/^[0-9a-f]+$/.test(id)) continue;
      const directory = join(this.path, id);
      const modified = statOf(directory)?.mtime;
      for (const name of attempt(() => readdirSync(directory)) ?? []) {
        const file = join(directory, name);
        const stat = ARTIFACT.test(name) ? statOf(file) : undefined;
        if (stat?.isFile() && secondsSince(stat.atime) >= age) attempt(() => unlinkSync(file));
      }
      if (modified !== undefined && secondsSince(modified) >= age) attempt(() => rmdirSync(directory));
    }
  }

  /** Reads a control file, made with its default if it is not there. */
  #control(name: keyof typeof CONTROL): number {
    const path = join(this.path, name);
    const text = attempt(() => readFileSync(path, "latin1")) ?? "";
    if (text === "") attempt(() => writeFileSync(path, String(CONTROL[name]), { flag: "a" }));
    const number = Number.parseInt(text, 10);
    return Number.isNaN(number) ? CONTROL[name] : number;
  }

  #pathOf(id: string, kind: DebuginfodKind): string {
    if (!/^([0-9a-f]{2}){1,64}$/.test(id)) {
      throw new ElfError(
        "ELF_BAD_VALUE",
        {},
        `build id: found "${id}", expected hexadecimal of 1 to 64 bytes`,
      );
    }
    return join(this.path, id, kind);
  }
}

function secondsSince(time: Date): number {
  return (Date.now() - time.getTime()) / 1000;
}

function statOf(path: string): Stats | undefined {
  return attempt(() => statSync(path, { throwIfNoEntry: false }));
}

/** For what may fail because another client was faster, or does not matter. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}

function call<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw hostError(name, error);
  }
}

function hostError(name: string, error: unknown): HostError {
  const errno = error instanceof Error && "errno" in error ? Math.abs(Number(error.errno)) : undefined;
  return new HostError("HOST_SYSCALL", name, error instanceof Error ? error.message : String(error), errno);
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
