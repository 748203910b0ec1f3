/** Files that are mapped into a process: from the list of mappings to modules. */
import { statSync } from "node:fs";
import { basename } from "node:path";
import type { FileMapping } from "../../elf/core-note.ts";
import { isElf } from "../../elf/header.ts";
import { BinderyError, DwflError } from "../../errors.ts";
import { openElf, openSource } from "../../host/file.ts";
import { type AddressSpan, loadedSpan } from "../module/layout.ts";
import { borrowedFile, openFile } from "../module/offline.ts";
import type { ModuleFile, ModuleReport } from "../module/report.ts";
import { imageAt, isElfAt, type MemoryImage, type MemoryReader } from "./memory-image.ts";

/** A mapping of a file into memory. */
export interface Mapping extends FileMapping {
  /** Code is executed from it; `undefined` if that is not known. */
  readonly executable: boolean | undefined;
}

/** One file in memory: mappings of it that follow one another. */
interface MappedFile {
  readonly path: string;
  readonly mappings: readonly Mapping[];
  readonly image: MemoryImage | undefined;
}

/** Where the files of mappings are found. */
export interface MappedFileOptions {
  readonly memory: MemoryReader;
  /** Paths that a path in the process leads to, the best first. */
  readonly pathsOf: (path: string) => readonly string[];
  /** A path of the file of a mapping itself, whatever its path leads to now. */
  readonly exactPath?: (mapping: Mapping) => string;
  /** An address in the program itself, if there is one known: that of its program headers. */
  readonly program: bigint | undefined;
}

/** What the kernel writes behind the path of a file that has none any more. */
const DELETED = / \(deleted\)$/;

/** A module for each ELF file among mappings that are in order of address; other files are passed over. */
export function mappedModules(mappings: readonly Mapping[], options: MappedFileOptions): ModuleReport[] {
  return groups(mappings, options)
    .filter((file) => isProgram(file, options))
    .map((file) => mappedModule(file, options));
}

/** Consecutive mappings of one file; a second copy of it that follows at once is one of its own. */
function groups(mappings: readonly Mapping[], options: MappedFileOptions): MappedFile[] {
  const files: (MappedFile & { readonly mappings: Mapping[] })[] = [];
  for (const mapping of mappings) {
    const last = files.at(-1);
    if (last !== undefined && last.path === mapping.path && !beginsCopy(mapping, last, options)) {
      last.mappings.push(mapping);
      continue;
    }
    const { path, start, fileOffset } = mapping;
    const image = fileOffset === 0n ? imageAt(options.memory, start, basename(path)) : undefined;
    files.push({ path, mappings: [mapping], image });
  }
  return files;
}

/** Whether a mapping is the first of another copy: the start of the file, behind all that the copy before takes. */
function beginsCopy(
  { start, fileOffset }: Mapping,
  last: MappedFile,
  { pathsOf }: MappedFileOptions,
): boolean {
  const [first] = last.mappings;
  if (fileOffset !== 0n || first === undefined) return false;
  const span = last.image === undefined ? spanOnDisk(pathsOf(last.path)) : loadedSpan(last.image.elf);
  return span !== undefined && start - first.start >= span.end - span.start;
}

/** What the first readable file of several takes in memory. */
function spanOnDisk(paths: readonly string[]): AddressSpan | undefined {
  for (const path of paths) {
    const span = attempt(() => {
      using file = openElf(path);
      return loadedSpan(file.elf);
    });
    if (span !== undefined) return span;
  }
  return undefined;
}

/** Whether a mapped file is an ELF file, as far as can be told; of those that can't be read, whether code is run from it. */
function isProgram({ mappings, image }: MappedFile, { memory, pathsOf }: MappedFileOptions): boolean {
  if (image !== undefined) return true;
  const [first] = mappings;
  if (first === undefined) return false;
  const seen = first.fileOffset === 0n ? isElfAt(memory, first.start) : undefined;
  if (seen !== undefined) return seen;
  return mappings.some((one) => one.executable === true) || pathsOf(first.path).some(startsAsElf);
}

function startsAsElf(path: string): boolean {
  const found = attempt(() => {
    // A device may do something when it is opened.
    if (!isRegular(path)) return false;
    using file = openSource(path);
    return isElf(file.source.read(0, Math.min(4, file.source.size)));
  });
  return found === true;
}

function isRegular(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** What can't be read is as if it were not there. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof BinderyError) return undefined;
    throw error;
  }
}

function mappedModule({ path, mappings, image }: MappedFile, options: MappedFileOptions): ModuleReport {
  const { pathsOf, exactPath, program } = options;
  const [first] = mappings;
  const last = mappings.at(-1);
  if (first === undefined || last === undefined) throw new RangeError("a mapped file without mappings");
  const plain = path.replace(DELETED, "");
  const name = basename(plain);
  // What is at the path of a deleted file is another one, unless it can be shown to be the same.
  const others = image === undefined && plain !== path ? [] : pathsOf(plain);
  const paths = exactPath === undefined ? others : [exactPath(first), ...others];
  return {
    name,
    path: plain,
    open: () => openChecked(name, plain, paths, image),
    place: { address: first.start, fileOffset: first.fileOffset },
    buildId: image?.buildId,
    span: { start: first.start, end: last.end },
    isProgram: program !== undefined && program >= first.start && program < last.end,
  };
}

/**
 * Opens the first of several paths that has the file that is in memory: by build id, or where it has none by its segments.
 * Where none has it, the image in memory serves.
 *
 * @throws DwflError `DWFL_NO_FILE` if there is none of all these
 */
export function openChecked(
  name: string,
  path: string | undefined,
  paths: readonly string[],
  image: MemoryImage | undefined,
): ModuleFile {
  const tried: string[] = [];
  for (const place of paths) {
    let file: ModuleFile | undefined;
    try {
      file = openFile(place);
      const wrong = image === undefined ? undefined : difference(file, image);
      if (wrong === undefined) return { ...file, path: path ?? place };
      tried.push(`${place}: ${wrong}`);
    } catch (error) {
      if (!(error instanceof BinderyError)) throw error;
      tried.push(error.message);
    }
    file?.close();
  }
  if (image !== undefined) return borrowedFile(image.elf, undefined);
  const what = tried.length === 0 ? "found no path of its file" : `found no file of it: ${tried.join("; ")}`;
  throw new DwflError("DWFL_NO_FILE", name, what);
}

/** In what a file differs from the one in memory; `undefined` if it is the same as far as can be told. */
function difference({ elf }: ModuleFile, image: MemoryImage): string | undefined {
  const found = elf.buildId();
  if (image.buildId !== undefined || found !== undefined) {
    if (found === image.buildId) return undefined;
    return `build id: found ${found ?? "none"}, expected ${image.buildId ?? "none"} as in memory`;
  }
  const shape = (file: typeof elf) =>
    file.segments.map((one) => [one.type, one.offset, one.vaddr, one.filesz, one.memsz].join()).join(" ");
  return shape(elf) === shape(image.elf) ? undefined : "segments: found others than in memory";
}
