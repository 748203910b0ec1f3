/**
 * The file behind a live object, and the path under which the loader opens it.
 *
 * A memfd needs no directory, but has no path that names it: `/proc/PID/fd/N` says nothing to who reads a link map.
 * So a symbolic link with the object's name, in a private directory, leads there; where no such directory can be made, the
 * path in /proc serves. The directory lies in memory where there is a place for that, since a disk's journal takes longer
 * than all else here, and under the system's temporary one elsewhere. A file in a directory of the caller's is for perf,
 * which reads symbols from files, and for machines that don't let a memfd be executed.
 */
import {
  closeSync,
  constants,
  existsSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BinderyError, DlbindError } from "../errors.ts";
import { dlopen, type Handle } from "../host/dl.ts";
import { memfdCreate } from "../host/memory.ts";

/** Where the bytes of a live object live: in memory, or as a file of the object's name in a directory. */
export type Backing = "memfd" | { readonly directory: string; readonly keep?: boolean };

/** What `fill` put into the file, to be given up when the loader refuses it. */
export interface Contents {
  close(): void;
}

/** A file that the loader has opened. */
export interface OpenBacking<T extends Contents> {
  readonly contents: T;
  /** What dlopen was given, and what the link map says. */
  readonly path: string;
  readonly handle: Handle;
  /** True when it is in memory, where nobody else finds it by a path. */
  readonly inMemory: boolean;
  /** Closes the descriptor and removes the name. The loader's mappings are the loader's. */
  close(): void;
}

/**
 * Writes the image into a new file. `onDisk` is true when blocks must be taken before they are stored to, lest a full
 * disk kill the process.
 */
export type Fill<T extends Contents> = (fd: number, onDisk: boolean) => T;

/**
 * Makes the file, lets `fill` write the image, and opens it with the loader: the first way of `ways` that works.
 * @throws DlbindError DLBIND_NO_BACKING that names each way tried with its reason; nothing is left behind.
 */
export function openBacking<T extends Contents>(
  name: string,
  size: number,
  ways: readonly Backing[],
  flags: number,
  fill: Fill<T>,
): OpenBacking<T> {
  const refusals: string[] = [];
  for (const way of ways) {
    const where = way === "memfd" ? "memfd" : `file in ${way.directory}`;
    try {
      const file = way === "memfd" ? createMemfd(name, size) : createFile(name, size, way);
      return load(file, flags, fill);
    } catch (error) {
      if (!(error instanceof BinderyError) && !isSystemError(error)) throw error;
      refusals.push(`${where}: ${error.message}`);
    }
  }
  throw new DlbindError("DLBIND_NO_BACKING", name, `no way to back the object: ${refusals.join("; ")}`);
}

/** An empty file of the right size with the path for the loader, and the name to remove at the end. */
interface NewFile {
  readonly fd: number;
  readonly path: string;
  /** True for a memfd: it has no file system that could be full. */
  readonly inMemory: boolean;
  readonly ownName: string | undefined;
  readonly keep: boolean;
}

function createMemfd(name: string, size: number): NewFile {
  const fd = memfdCreate(`bindery:${name}`, size);
  const target = `/proc/${process.pid}/fd/${fd}`;
  const link = linkTo(target, name);
  return { fd, path: link ?? target, inMemory: true, ownName: link, keep: false };
}

function createFile(name: string, size: number, way: Exclude<Backing, "memfd">): NewFile {
  const path = join(way.directory, `${name}.so`);
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o755);
  try {
    ftruncateSync(fd, size);
    return { fd, path, inMemory: false, ownName: path, keep: way.keep === true };
  } catch (error) {
    release(fd, path);
    throw error;
  }
}

function load<T extends Contents>(file: NewFile, flags: number, fill: Fill<T>): OpenBacking<T> {
  let contents: T | undefined;
  try {
    contents = fill(file.fd, !file.inMemory);
    const handle = dlopen(file.path, flags);
    const close = (): void => release(file.fd, file.keep ? undefined : file.ownName);
    return { contents, path: file.path, handle, inMemory: file.inMemory, close };
  } catch (error) {
    contents?.close();
    release(file.fd, file.ownName);
    throw error;
  }
}

function release(fd: number, path: string | undefined): void {
  closeSync(fd);
  if (path !== undefined) rmSync(path, { force: true });
}

const LINKS = "bindery-";
let linkDirectory: string | undefined;

/** A symbolic link of that name, or `undefined` where none can be made. Two objects of one name get two links. */
function linkTo(target: string, name: string): string | undefined {
  try {
    linkDirectory ??= makeLinkDirectory();
    for (let copy = 1; ; copy++) {
      const path = join(linkDirectory, copy === 1 ? `${name}.so` : `${name}.${copy}.so`);
      try {
        symlinkSync(target, path);
        return path;
      } catch (error) {
        if (!isErrno(error, "EEXIST")) throw error;
      }
    }
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

/** Where directories of links may lie: where the user says, or in memory, or under the usual temporary directory. */
function linkPlaces(): string[] {
  return process.env.TMPDIR === undefined && existsSync(IN_MEMORY) ? [IN_MEMORY, tmpdir()] : [tmpdir()];
}

/** A file system in memory that most machines have, and some containers don't. */
const IN_MEMORY = "/dev/shm";

function makeLinkDirectory(): string {
  const places = linkPlaces();
  for (const place of places) sweepLinkDirectories(place);
  const directory = directoryIn(places);
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A directory in the first of the places that lets us make one. */
function directoryIn([place = tmpdir(), ...others]: readonly string[]): string {
  try {
    return mkdtempSync(join(place, `${LINKS}${pidNamespace()}-${process.pid}-`));
  } catch (error) {
    if (others.length === 0 || !isSystemError(error)) throw error;
    return directoryIn(others);
  }
}

/** Number of the namespace that process ids here belong to: another container may share the directory. */
function pidNamespace(): string {
  return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
}

/** Removes the directories of processes that were killed before they could do it. */
function sweepLinkDirectories(place: string): void {
  const ours = `${LINKS}${pidNamespace()}-`;
  for (const entry of readdirSync(place)) {
    if (!entry.startsWith(ours)) continue;
    const pid = Number.parseInt(entry.slice(ours.length), 10);
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    try {
      rmSync(join(place, entry), { recursive: true, force: true });
    } catch (error) {
      // Somebody else's; leaving it is all that can be done.
      if (!isSystemError(error)) throw error;
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !isErrno(error, "ESRCH");
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function isSystemError(error: unknown): error is Error {
  return error instanceof Error && "code" in error;
}
