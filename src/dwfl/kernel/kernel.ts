/** Kernels: the one that runs, and those of which only the files are there. */
import { join } from "node:path";
import type { ElfFile } from "../../elf/file.ts";
import { DwflError } from "../../errors.ts";
import type { AddressSpan, OfflineSpace } from "../module/layout.ts";
import { openFile } from "../module/offline.ts";
import type { ModuleFile, ModulePlace, ModuleReport, ReportedPlace, UnknownPlace } from "../module/report.ts";
import { readText, readTextIfAny } from "../process/text-file.ts";
import { findVmlinux, KERNEL, listModules, moduleName, releaseModules, vmlinuxPaths } from "./files.ts";
import { type KernelSymbols, readKallsyms } from "./kallsyms.ts";
import { buildIdOfNotes } from "./notes.ts";
import type { DeadKernelOptions, KernelOptions } from "./options.ts";

/** Symbols that show by how much the kernel was moved from where it was linked (KASLR), the best first. */
const ANCHORS = ["_stext", "_text"];
const HIDDEN = "the kernel hides its addresses from this user (kptr_restrict)";

/** The modules of a kernel that does not run here. @throws HostError, DwflError */
export function deadKernelReports(options: DeadKernelOptions, space: OfflineSpace): ModuleReport[] {
  const { vmlinux, modules, places = {} } = options;
  const files = modules === undefined ? new Map<string, string>() : listModules(modules);
  if (vmlinux !== undefined) files.set(KERNEL, vmlinux);
  for (const name of Object.keys(places)) {
    if (files.has(name)) continue;
    throw new DwflError(
      "DWFL_BAD_ARGUMENT",
      name,
      "place: found no such module, expected one that is reported",
    );
  }
  const report = (name: string, path: string): ModuleReport => {
    const place: ReportedPlace = places[name] ?? (name === KERNEL ? { bias: 0n } : { space });
    return { name, path, open: () => openFile(path), place, isKernelModule: name !== KERNEL };
  };
  const kernel = vmlinux === undefined ? [] : [report(KERNEL, vmlinux)];
  files.delete(KERNEL);
  return [...kernel, ...[...files].map(([name, path]) => report(name, path))];
}

/** The running kernel, then its modules in the order of `/proc/modules`. @throws HostError if `/proc` can't be read */
export function kernelReports(options: KernelOptions): ModuleReport[] {
  const { proc = "/proc", sys = "/sys", sysroot = "/" } = options;
  const release = options.release ?? readText(join(proc, "sys/kernel/osrelease")).trimEnd();
  const symbols = readKallsyms(join(proc, "kallsyms"), ANCHORS);
  const path = options.vmlinux ?? findVmlinux(sysroot, release);
  const buildId = buildIdOfNotes(join(sys, "kernel/notes"));
  const kernel: ModuleReport = {
    name: KERNEL,
    path,
    open: () => {
      if (path !== undefined) return openRunning(KERNEL, path, buildId);
      const what = `found no vmlinux of ${release}, expected one as ${vmlinuxPaths(sysroot, release)[0]}`;
      throw new DwflError("DWFL_NO_FILE", KERNEL, what);
    },
    buildId,
    place: symbols === undefined ? { unknown: HIDDEN } : { locate: (elf) => kernelPlace(elf, symbols) },
    span: symbols?.span,
  };
  const loaded = readLoaded(readTextIfAny(join(proc, "modules")) ?? "");
  const files = loaded.length === 0 ? new Map<string, string>() : releaseModules(sysroot, release);
  return [kernel, ...loaded.map((one) => loadedReport(one, files.get(moduleName(one.name)), sys))];
}

/** A file of what runs. @throws DwflError `DWFL_NO_FILE` if it has another build id */
function openRunning(name: string, path: string, buildId: string | undefined): ModuleFile {
  const file = openFile(path);
  try {
    const found = buildId === undefined ? undefined : file.elf.buildId();
    if (found === buildId) return file;
    const what = `${path}: build id: found ${found ?? "none"}, expected ${buildId} of what runs`;
    throw new DwflError("DWFL_NO_FILE", name, what);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** The kernel was moved as a whole: by one symbol, where it is now and where it was linked. */
function kernelPlace(elf: ElfFile, symbols: KernelSymbols): ModulePlace | UnknownPlace {
  const table = elf.symtab();
  for (const [name, address] of symbols.addresses) {
    const [index] = table?.indexesOf(name) ?? [];
    if (table === undefined || index === undefined) continue;
    return { bias: BigInt.asUintN(64, address - table.value(index)) };
  }
  return { unknown: `found no symbol ${ANCHORS.join(" or ")} both in the kernel's list and in its file` };
}

/** A line of `/proc/modules`. */
interface LoadedModule {
  readonly name: string;
  /** From where its text is, as many bytes as it has in all; `undefined` if the kernel hides it. */
  readonly span: AddressSpan | undefined;
}

/** `name size users needers state address` [proc(5)]. */
function readLoaded(text: string): LoadedModule[] {
  const modules: LoadedModule[] = [];
  for (const line of text.split("\n")) {
    const [, name, size, address] = /^(\S+) (\d+) \S+ \S+ \S+ 0x([0-9a-f]+)/.exec(line) ?? [];
    if (name === undefined || size === undefined || address === undefined) continue;
    const start = BigInt(`0x${address}`);
    modules.push({ name, span: start === 0n ? undefined : { start, end: start + BigInt(size) } });
  }
  return modules;
}

function loadedReport({ name, span }: LoadedModule, path: string | undefined, sys: string): ModuleReport {
  const buildId = () => buildIdOfNotes(join(sys, "module", name, "notes/.note.gnu.build-id"));
  return {
    name,
    path,
    open: () => {
      if (path !== undefined) return openRunning(name, path, buildId());
      throw new DwflError(
        "DWFL_NO_FILE",
        name,
        "found no file of that name among the modules of the release",
      );
    },
    place:
      span === undefined
        ? { unknown: HIDDEN }
        : { sectionAddress: (section) => loadedSection(join(sys, "module", name, "sections", section.name)) },
    span,
    isKernelModule: true,
  };
}

/** Where the kernel put a section; `undefined` of those that it did not keep, and where it hides that. */
function loadedSection(path: string): bigint | undefined {
  const text = readTextIfAny(path)?.trim() ?? "";
  if (!/^0x[0-9a-f]+$/.test(text)) return undefined;
  const address = BigInt(text);
  return address === 0n ? undefined : address;
}
