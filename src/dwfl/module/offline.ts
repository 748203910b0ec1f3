/** Files as modules that run nowhere: ELF files, and archives with a module for each member. */
import { basename } from "node:path";
import { type ArchiveMember, isArchive } from "../../elf/archive.ts";
import { ElfFile } from "../../elf/file.ts";
import { isElf } from "../../elf/header.ts";
import { hostDecompressors, type OpenedArchive, openArchive, openElf, openSource } from "../../host/file.ts";
import type { OfflineSpace } from "./layout.ts";
import type { ModuleFile, ModuleReport } from "./report.ts";

/** The file at a path, for a module that closes it. */
export function openFile(path: string): ModuleFile {
  const file = openElf(path);
  return { elf: file.elf, path, close: () => file.close() };
}

/** A file that somebody else opened, and closes. */
export function borrowedFile(elf: ElfFile, path: string | undefined): ModuleFile {
  return { elf, path, close: () => {} };
}

/**
 * The modules of a file: itself, or the ELF members of an archive, under the name `archive(member)`.
 *
 * @throws HostError if the file can't be read, ElfError if it is an archive and malformed
 */
export function offlineReports(path: string, name: string, space: OfflineSpace): ModuleReport[] {
  if (!startsAsArchive(path)) return [{ name, path, open: () => openFile(path), place: { space } }];
  const archive = new SharedArchive(path);
  try {
    return archive.elfMembers().map((member) => ({
      name: `${name}(${basename(member.name)})`,
      path,
      open: () => archive.openMember(member),
      place: { space },
    }));
  } finally {
    archive.close();
  }
}

function startsAsArchive(path: string): boolean {
  const { source, close } = openSource(path);
  try {
    return isArchive(source.read(0, Math.min(8, source.size)));
  } finally {
    close();
  }
}

/** An archive that is open as long as a member of it is. */
class SharedArchive {
  readonly #path: string;
  #opened: OpenedArchive | undefined;
  #users = 1;

  constructor(path: string) {
    this.#path = path;
    this.#opened = openArchive(path);
  }

  elfMembers(): ArchiveMember[] {
    return this.#archive().members.filter((member) => {
      if (member.size < 4) return false;
      return isElf(member.open().read(0, 4));
    });
  }

  openMember({ offset }: ArchiveMember): ModuleFile {
    this.#users++;
    try {
      const source = this.#archive().memberAt(offset).open();
      const elf = ElfFile.open(source, { decompressors: hostDecompressors() });
      let closed = false;
      const close = () => {
        if (!closed) this.close();
        closed = true;
      };
      return { elf, path: this.#path, close };
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    this.#users--;
    if (this.#users > 0) return;
    this.#opened?.close();
    this.#opened = undefined;
  }

  #archive() {
    this.#opened ??= openArchive(this.#path);
    return this.#opened.archive;
  }
}
