/** A live process: what is mapped into it [proc(5)]. */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { HOST_LITTLE } from "../../bytes/endian.ts";
import { AT } from "../../elf/constants/note.ts";
import { HostError } from "../../errors.ts";
import { whyEmpty } from "../../host/process-state.ts";
import type { ModuleReport } from "../module/report.ts";
import { readAuxVector } from "./auxv.ts";
import { type Mapping, mappedModules } from "./mapped-file.ts";
import type { MemoryReader } from "./memory-image.ts";
import { readText, readTextIfAny } from "./text-file.ts";
import { vdsoReport } from "./vdso.ts";

/** Where to look for the process. */
export interface ProcessOptions {
  /** Directory of the process file system; `/proc` by default. */
  readonly proc?: string;
}

/** `start-end perms offset device inode path`. */
const LINE = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) [0-9a-f:]+ \d+ +(.*)$/;

/** The modules of a live process, in order of address. @throws HostError if it can't be looked at */
export function processReports(pid: number, { proc = "/proc" }: ProcessOptions): ModuleReport[] {
  const directory = directoryOf(join(proc, String(pid)), pid);
  const lines = readMaps(readText(join(directory, "maps")));
  using memory = new ProcessMemory(directory, pid);
  const files = lines.filter((one) => one.path.startsWith("/"));
  const modules = mappedModules(files, {
    memory,
    program: programAddress(join(directory, "auxv")),
    exactPath: ({ start, end }) => join(directory, "map_files", `${start.toString(16)}-${end.toString(16)}`),
    // As the process sees the path, and as we do.
    pathsOf: (path) => [join(directory, "root", path), path],
  });
  const own = lines.find((one) => one.path === "[vdso]");
  const vdso = own === undefined ? undefined : vdsoReport(own, memory);
  return vdso === undefined ? modules : [...modules, vdso];
}

/**
 * The directory of a process, or of another thread of it where the first has ended, which has nothing then.
 *
 * @throws HostError if it has no memory at all
 */
function directoryOf(directory: string, pid: number): string {
  if (readText(join(directory, "maps")) !== "") return directory;
  for (const tid of threadsIn(directory)) {
    const other = join(directory, "task", tid);
    if ((readTextIfAny(join(other, "maps")) ?? "") !== "") return other;
  }
  const why = whyEmpty(readTextIfAny(join(directory, "stat")) ?? "") ?? "found nothing mapped";
  throw new HostError("HOST_SYSCALL", "open", `process ${pid}: ${why}`);
}

function threadsIn(directory: string): string[] {
  try {
    return readdirSync(join(directory, "task"));
  } catch {
    return [];
  }
}

/** Where the program's headers are; `undefined` if the process may not be looked at so closely. */
function programAddress(path: string): bigint | undefined {
  try {
    return readAuxVector(readFileSync(path), HOST_LITTLE).get(AT.AT_PHDR);
  } catch {
    return undefined;
  }
}

/** The mappings that have a path, or a name in brackets. */
function readMaps(text: string): Mapping[] {
  const mappings: Mapping[] = [];
  for (const line of text.split("\n")) {
    const [, start, end, permissions = "", offset, path = ""] = LINE.exec(line) ?? [];
    if (start === undefined || path === "") continue;
    mappings.push({
      start: BigInt(`0x${start}`),
      end: BigInt(`0x${end}`),
      fileOffset: BigInt(`0x${offset}`),
      // The kernel escapes what would break the line.
      path: path.replaceAll("\\012", "\n"),
      executable: permissions[2] === "x",
    });
  }
  return mappings;
}

/** Memory of a live process. Kept open while modules are reported; they outlast that, and open it for each read. */
class ProcessMemory implements MemoryReader, Disposable {
  readonly name: string;
  readonly #directory: string;
  /** When the process was started: another one may have its number later. */
  readonly #started: string | undefined;
  #kept: number | undefined;

  constructor(directory: string, pid: number) {
    this.name = `memory of process ${pid}`;
    this.#directory = directory;
    this.#started = this.#startTime();
    this.#kept = this.#open();
  }

  [Symbol.dispose](): void {
    if (this.#kept !== undefined) closeSync(this.#kept);
    this.#kept = undefined;
  }

  read(address: bigint, length: number): Uint8Array | undefined {
    if (this.#kept !== undefined) return readAt(this.#kept, address, length);
    const descriptor = this.#startTime() === this.#started ? this.#open() : undefined;
    if (descriptor === undefined) return undefined;
    try {
      return readAt(descriptor, address, length);
    } finally {
      closeSync(descriptor);
    }
  }

  #open(): number | undefined {
    try {
      return openSync(join(this.#directory, "mem"), "r");
    } catch {
      return undefined;
    }
  }

  /** Field 22 of `stat`, counted behind the name, which may hold anything. */
  #startTime(): string | undefined {
    const text = readTextIfAny(join(this.#directory, "stat"));
    return text?.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  }
}

/** All of `length` bytes at an address; `undefined` if one of them is not mapped. */
function readAt(descriptor: number, address: bigint, length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length);
  try {
    for (let done = 0; done < length; ) {
      const count = readSync(descriptor, bytes, done, length - done, address + BigInt(done));
      if (count === 0) return undefined;
      done += count;
    }
    return bytes;
  } catch {
    return undefined;
  }
}
