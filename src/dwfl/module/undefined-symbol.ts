/** Where the symbols are that a relocatable module needs of the others. */
import { STB } from "../../elf/constants/symbol.ts";
import { KERNEL, moduleName } from "../kernel/files.ts";
import { moduleDependencies } from "../kernel/modinfo.ts";
import type { Module } from "./module.ts";

/**
 * Address of the symbol that other modules define for one. A kernel module says itself of which modules it needs
 * something: these and the kernel are asked then. Else all are asked in the order they were reported, save modules of a
 * kernel that nobody opened yet.
 */
export function findDefinition(module: Module, name: string, modules: readonly Module[]): bigint | undefined {
  for (const other of candidates(module, modules)) {
    if (other === module || other.error !== undefined) continue;
    const found = other.symbols.named(name).find((one) => one.binding !== STB.STB_LOCAL);
    if (found?.address !== undefined) return found.address;
  }
  return undefined;
}

function candidates(module: Module, modules: readonly Module[]): readonly Module[] {
  const needed = moduleDependencies(module.elf);
  if (needed === undefined) return modules.filter((one) => one.isOpen || !one.isKernelModule);
  const names = new Set([KERNEL, ...needed.map(moduleName)]);
  return modules.filter((one) => names.has(one.name));
}
