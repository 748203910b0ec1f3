/** `.modinfo` of kernel modules: `name=value` texts [Linux, include/linux/module.h]. */
import { decodeUtf8, findNul } from "../../bytes/text.ts";
import { SHT } from "../../elf/constants/section.ts";
import type { ElfFile } from "../../elf/file.ts";

/**
 * Names of the modules that a kernel module needs symbols of, beside the kernel itself; `undefined` if the file is no
 * module that says so.
 */
export function moduleDependencies(elf: ElfFile): readonly string[] | undefined {
  const section = elf.sectionsNamed(".modinfo")[0];
  if (section === undefined || section.type === SHT.SHT_NOBITS) return undefined;
  const bytes = section.bytes();
  for (let at = 0; at < bytes.length; ) {
    const end = findNul(bytes, at);
    const text = decodeUtf8(bytes, at, end < 0 ? bytes.length : end);
    if (text.startsWith("depends="))
      return text
        .slice(8)
        .split(",")
        .filter((name) => name !== "");
    at = end < 0 ? bytes.length : end + 1;
  }
  return undefined;
}
