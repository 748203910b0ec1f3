/** Kernels: the one that runs, and those of which only the files are there. */
import { DwflError } from "../errors.ts";
import { KERNEL, listModules } from "./kernel-files.ts";
import type { DeadKernelOptions } from "./kernel-options.ts";
import type { OfflineSpace } from "./layout.ts";
import type { ModuleReport, ReportedPlace } from "./module-report.ts";
import { openFile } from "./offline.ts";

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
    return { name, path, open: () => openFile(path), place };
  };
  const kernel = vmlinux === undefined ? [] : [report(KERNEL, vmlinux)];
  files.delete(KERNEL);
  return [...kernel, ...[...files].map(([name, path]) => report(name, path))];
}
