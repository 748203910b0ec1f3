/** First stop: the C library of this process, as a file. */
import { fileTypeName, machineName } from "../../elf/index.ts";
import { dlsym, linkMaps, RTLD_DEFAULT } from "../../host/dl.ts";
import { openElf } from "../../host/file.ts";
import { fact, heading, hex, say } from "./print.ts";

export function showElf(): void {
  heading("1. Reading ELF");
  const libc = linkMaps().find(({ name }) => /\/libc[.-]/.test(name));
  if (libc === undefined) throw new Error("this process has no libc in its link map");
  say(`The C library of this process is ${libc.name}. Only what a question needs is read from it.`);
  using file = openElf(libc.name);
  const { elf } = file;
  const symbols = elf.dynsym();
  fact("type", `${fileTypeName(elf.header.type)}, ${machineName(elf.header.machine)}`);
  fact("build id", elf.buildId() ?? "none");
  fact("sections", elf.sections.length);
  fact("dynamic symbols", symbols?.length ?? 0);
  const qsort = symbols === undefined ? undefined : [...symbols].find(({ name }) => name === "qsort");
  if (qsort !== undefined) {
    fact(
      "qsort in the file",
      `${hex(qsort.value)}, ${qsort.size} bytes, version ${qsort.version?.name ?? "none"}`,
    );
    fact("  + where it is mapped", libc.address + qsort.value);
    fact("  = what dlsym says", dlsym(RTLD_DEFAULT, "qsort") ?? 0n);
  }
}
