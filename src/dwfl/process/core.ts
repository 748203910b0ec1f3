/** A core file: what was mapped into the process. */
import { basename, join } from "node:path";
import { ET } from "../../elf/constants/header.ts";
import { AT } from "../../elf/constants/note.ts";
import type { FileMapping } from "../../elf/core-note.ts";
import type { ElfFile } from "../../elf/file.ts";
import { DwflError } from "../../errors.ts";
import { type AddressSpan, loadedSpan } from "../module/layout.ts";
import type { ModuleReport } from "../module/report.ts";
import type { AuxVector } from "./auxv.ts";
import { CoreMemory } from "./core-memory.ts";
import { readLinkMap, readString } from "./link-map.ts";
import { mappedModules, openChecked } from "./mapped-file.ts";
import { imageAt, isElfAt } from "./memory-image.ts";
import { vdsoReport } from "./vdso.ts";

/** Where the files are that the core file names. */
export interface CoreOptions {
  /** Path of the program, where it is not where the core file says. */
  readonly executable?: string;
  /** Directory that the paths in the core file count from; the root by default. */
  readonly sysroot?: string;
}

/** What the notes say. */
interface CoreNotes {
  readonly mappings: readonly FileMapping[] | undefined;
  readonly auxv: AuxVector;
  /** Name of the program, shortened. */
  readonly program: string | undefined;
}

/**
 * The modules that a core file speaks of, in order of address: from its list of mapped files, else the loader's own list in
 * the dumped memory, else from the ELF headers in it.
 *
 * @throws ElfError if it is malformed, DwflError if it is no core file, or says of no module
 */
export function coreReports(core: ElfFile, options: CoreOptions): ModuleReport[] {
  const name = core.name ?? "core file";
  if (core.header.type !== ET.ET_CORE) {
    throw new DwflError("DWFL_BAD_ARGUMENT", name, "found another kind of ELF file, expected a core file");
  }
  const memory = new CoreMemory(core);
  const notes = readNotes(core);
  const sources = [
    () => fromMappings(notes, memory, options),
    () => fromLinkMap(core, notes, memory, options),
  ];
  let modules: ModuleReport[] = [];
  for (const source of sources) {
    if (modules.length === 0) modules = source();
  }
  if (modules.length === 0) modules = fromHeaders(notes, memory);
  const vdso = vdsoOf(notes, memory);
  if (vdso !== undefined) modules.push(vdso);
  if (modules.length === 0) {
    const what =
      "found no NT_FILE note, no list of the loader and no ELF header in memory, expected one of them";
    throw new DwflError("DWFL_NO_MODULES", name, what);
  }
  return modules;
}

function readNotes(core: ElfFile): CoreNotes {
  let mappings: readonly FileMapping[] | undefined;
  const auxv = new Map<number, bigint>();
  let program: string | undefined;
  for (const { content } of core.notes()) {
    if (content.kind === "file-mappings") mappings ??= content.mappings;
    if (content.kind === "prpsinfo") program ??= content.fname;
    if (content.kind === "auxv") for (const { type, value } of content.entries) auxv.set(type, value);
  }
  return { mappings, auxv, program };
}

function fromMappings(
  { mappings = [], auxv }: CoreNotes,
  memory: CoreMemory,
  options: CoreOptions,
): ModuleReport[] {
  const { executable, sysroot = "/" } = options;
  const start = auxv.get(AT.AT_PHDR) ?? auxv.get(AT.AT_ENTRY);
  const program = mappings.find((one) => start !== undefined && start >= one.start && start < one.end)?.path;
  return mappedModules(
    [...mappings]
      .sort((a, b) => (a.start < b.start ? -1 : 1))
      .map((one) => ({ ...one, executable: memory.isExecutable(one.start) })),
    {
      memory,
      program: start,
      pathsOf: (path) =>
        executable !== undefined && path === program ? [executable] : [join(sysroot, path)],
    },
  );
}

function fromLinkMap(
  core: ElfFile,
  notes: CoreNotes,
  memory: CoreMemory,
  options: CoreOptions,
): ModuleReport[] {
  const { executable, sysroot = "/" } = options;
  const entries = readLinkMap(memory, notes.auxv, core.header) ?? [];
  const vdso = notes.auxv.get(AT.AT_SYSINFO_EHDR);
  const modules: ModuleReport[] = [];
  for (const [i, { name, bias }] of entries.entries()) {
    if (bias === vdso) continue;
    const path = i === 0 ? (executable ?? programPath(notes, memory)) : name;
    if (path === undefined || path === "") continue;
    const image = imageAt(memory, i === 0 ? (programHeader(notes.auxv) ?? bias) : bias, basename(path));
    const span = image === undefined ? undefined : loadedSpan(image.elf);
    const paths = i === 0 && executable !== undefined ? [executable] : [join(sysroot, path)];
    modules.push({
      name: basename(path),
      path,
      open: () => openChecked(basename(path), path, paths, image),
      place: { bias },
      buildId: image?.buildId,
      isProgram: i === 0,
      span: span === undefined ? undefined : { start: span.start + bias, end: span.end + bias },
    });
  }
  return modules;
}

/** Where the program's ELF header is, if its program headers are in the same page, as linkers put them. */
function programHeader(auxv: AuxVector): bigint | undefined {
  const at = auxv.get(AT.AT_PHDR);
  return at === undefined ? undefined : at - (at % (auxv.get(AT.AT_PAGESZ) ?? 4096n));
}

/** The path that the program was started by, if it is in memory and absolute. */
function programPath({ auxv, program }: CoreNotes, memory: CoreMemory): string | undefined {
  const at = auxv.get(AT.AT_EXECFN);
  const path = at === undefined ? undefined : readString(memory, at);
  return path?.startsWith("/") === true ? path : program;
}

/** A module for each ELF header at the start of a range of memory: without names, and with what was dumped of it. */
function fromHeaders({ auxv }: CoreNotes, memory: CoreMemory): ModuleReport[] {
  return memory.spans().flatMap((span) => {
    if (span.start === auxv.get(AT.AT_SYSINFO_EHDR)) return [];
    const name = `[0x${span.start.toString(16)}]`;
    const image = imageAt(memory, span.start, name);
    const own = image === undefined ? undefined : loadedSpan(image.elf);
    if (image === undefined || own === undefined) return [];
    const place: AddressSpan = { start: own.start + image.bias, end: own.end + image.bias };
    return [
      {
        name,
        path: undefined,
        open: () => openChecked(name, undefined, [], image),
        place: { bias: image.bias },
        span: place,
      },
    ];
  });
}

function vdsoOf({ auxv }: CoreNotes, memory: CoreMemory): ModuleReport | undefined {
  const at = auxv.get(AT.AT_SYSINFO_EHDR);
  const span = at === undefined ? undefined : memory.spanAt(at);
  return span === undefined || isElfAt(memory, span.start) !== true ? undefined : vdsoReport(span, memory);
}
