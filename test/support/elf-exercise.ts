/** Asks a file everything that can be asked, as someone who trusts nothing would. */
import { type Archive, ElfFile, SHT } from "../../src/elf/index.ts";
import { ElfError } from "../../src/errors.ts";

/** What came of a question: an answer, or an error with a place. Any other exception is a finding, and is thrown on. */
function ask(errors: ElfError[], question: () => unknown): void {
  try {
    question();
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    errors.push(error);
  }
}

/** The errors that reading all of an ELF file met. */
export function exerciseElf(bytes: Uint8Array, name: string): ElfError[] {
  const errors: ElfError[] = [];
  let file: ElfFile | undefined;
  ask(errors, () => {
    file = ElfFile.open(bytes, { name });
  });
  if (file !== undefined) askAll(file, errors);
  return errors;
}

function askAll(file: ElfFile, errors: ElfError[]): void {
  ask(errors, () => file.segments.length);
  ask(errors, () => file.sections.length);
  let budget = 2000;
  const readable = (() => {
    try {
      return file.sections;
    } catch {
      return [];
    }
  })();
  for (const section of readable) {
    if (--budget < 0) break;
    ask(errors, () => section.name);
    ask(errors, () => section.rawBytes().length);
    ask(errors, () => section.bytes().length);
    ask(errors, () => section.typeName);
    if (section.type === SHT.SHT_SYMTAB || section.type === SHT.SHT_DYNSYM) {
      ask(errors, () => {
        const table = file.symbols(section);
        for (let i = 0; i < Math.min(table.length, 300); i++) ask(errors, () => table.at(i));
        ask(errors, () => table.sectionIndexes);
        ask(errors, () => table.values.length + table.sizes.length + table.nameOffsets.length);
        ask(errors, () => table.indexesOf("caller"));
      });
    }
    if (section.type === SHT.SHT_RELA || section.type === SHT.SHT_REL || section.type === SHT.SHT_RELR) {
      ask(errors, () => {
        const table = file.relocations(section);
        for (let i = 0; i < Math.min(table.length, 300); i++)
          ask(errors, () => [table.at(i), table.typeName(i)]);
        ask(errors, () => table.sorted);
        ask(errors, () => table.lowerBound(100, 3));
      });
    }
  }
  ask(errors, () => file.sectionsNamed(".text").length);
  ask(errors, () => {
    for (const section of readable.slice(0, 50)) file.addressToOffset(section.addr);
  });
  ask(errors, () => file.offsetToAddress(64));
  ask(errors, () => file.sectionAt(0x1000n));
  ask(errors, () => file.interpreter());
  ask(errors, () => {
    for (const note of file.notes()) ask(errors, () => note.content);
  });
  ask(errors, () => file.buildId());
  ask(errors, () => file.groups());
  ask(errors, () => {
    const dynamic = file.dynamic();
    for (const entry of dynamic?.entries.slice(0, 300) ?? []) ask(errors, () => dynamic?.stringOf(entry));
  });
  ask(errors, () => {
    const table = file.dynsym();
    for (let i = 0; i < Math.min(table?.length ?? 0, 300); i++) ask(errors, () => table?.at(i));
  });
  ask(errors, () => {
    for (const table of file.dynamicRelocations()) {
      for (let i = 0; i < Math.min(table.length, 300); i++) ask(errors, () => table.at(i));
    }
  });
  ask(errors, () => file.versions().definitions);
  ask(errors, () => file.hashTables());
  for (const name of ["caller", "table", "absent"]) {
    ask(errors, () => file.hashTables().sysv?.lookupAll(name));
    ask(errors, () => file.hashTables().gnu?.lookupAll(name));
  }
  ask(errors, () => file.hashTables().sysv?.chainLengths());
  ask(errors, () => file.hashTables().gnu?.chainLengths());
  ask(errors, () => file.hashTables().gnu?.symbolCount());
}

/** The errors that reading all of an archive met. */
export function exerciseArchive(open: () => Archive): ElfError[] {
  const errors: ElfError[] = [];
  ask(errors, () => {
    const archive = open();
    ask(errors, () => archive.symbols());
    for (const member of archive.members) {
      ask(errors, () => {
        const source = member.open();
        return source.read(0, Math.min(source.size, 64));
      });
    }
  });
  return errors;
}
