/** What a core file leaves out: bytes that the process had from files, and did not change. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import type { AuxVector } from "../../dwfl/process/auxv.ts";
import type { CoreOptions } from "../../dwfl/process/core.ts";
import type { CoreMemory } from "../../dwfl/process/core-memory.ts";
import { readLinkMap, readString } from "../../dwfl/process/link-map.ts";
import { AT } from "../../elf/constants/note.ts";
import { PF, PT } from "../../elf/constants/segment.ts";
import type { FileMapping } from "../../elf/core-note.ts";
import { BinderyError } from "../../errors.ts";
import { FileSource, openElf } from "../../host/file.ts";
import type { DataModel } from "./service.ts";
import { fileBelow } from "./sysroot.ts";

/** What is known of a core file. */
export interface CoreFacts {
  /** What was dumped. */
  readonly memory: CoreMemory;
  readonly auxv: AuxVector;
  readonly model: DataModel;
  /** `NT_FILE`: what was mapped; none where the core file does not say, as those of emulators. */
  readonly mappings: readonly FileMapping[];
}

/** The files of a process that left a core file. They stay open; the caller closes them. */
export class CoreFiles {
  readonly #facts: CoreFacts;
  readonly #options: CoreOptions;
  readonly #opened = new Map<string, FileSource | undefined>();
  /** As `NT_FILE` has them, or made out of the program's headers and the link map. */
  #mappings: FileMapping[] | undefined;

  constructor(facts: CoreFacts, options: CoreOptions) {
    this.#facts = facts;
    this.#options = options;
  }

  /** Memory that was dumped, else from the files; `undefined` if neither has it. */
  read(address: bigint, length: number): Uint8Array | undefined {
    const { memory } = this.#facts;
    const dumped = memory.read(address, length);
    if (dumped !== undefined || !memory.isLeftOut(address + BigInt(length) - 1n)) return dumped;
    return this.#readFile(address, length);
  }

  /** Path here of a file that the process had under a path; of the program for the empty path. */
  path(path: string): string | undefined {
    const { executable, sysroot = "/" } = this.#options;
    if (path !== "") return fileBelow(sysroot, path, this.#facts.model.machine);
    if (executable !== undefined) return executable;
    const { auxv, memory, mappings } = this.#facts;
    const headers = auxv.get(AT.AT_PHDR) ?? 0n;
    const program =
      mappings.find((one) => headers >= one.start && headers < one.end)?.path ??
      readString(memory, auxv.get(AT.AT_EXECFN) ?? 0n);
    if (program === undefined || program === "") return undefined;
    const inside = join(sysroot, program);
    // An emulator runs a program from anywhere, and takes only its libraries from another root.
    return existsSync(inside) ? inside : program;
  }

  /** Closes all files. Twice is harmless. */
  close(): void {
    for (const file of this.#opened.values()) file?.close();
    this.#opened.clear();
  }

  #readFile(address: bigint, length: number): Uint8Array | undefined {
    if (this.#mappings === undefined) this.#findMappings();
    const mapping = this.#mappings?.find((one) => address >= one.start && address < one.end);
    if (mapping === undefined || address + BigInt(length) > mapping.end) return undefined;
    const offset = Number(mapping.fileOffset + (address - mapping.start));
    const file = this.#open(mapping.path);
    return file === undefined || offset + length > file.size ? undefined : file.read(offset, length);
  }

  #open(path: string): FileSource | undefined {
    if (!this.#opened.has(path)) {
      const program = this.path("");
      const isProgram = program !== undefined && basename(program) === basename(path);
      const named = isProgram ? program : this.path(path);
      this.#opened.set(path, named === undefined ? undefined : unlessWrong(() => FileSource.open(named)));
    }
    return this.#opened.get(path);
  }

  #findMappings(): void {
    const { auxv, memory, model, mappings } = this.#facts;
    this.#mappings = [...mappings];
    if (mappings.length > 0) return;
    const program = this.path("");
    if (program === undefined) return;
    this.#add(program, program, undefined);
    // What is found now is read through what was found before.
    const reader = { name: memory.name, read: (at: bigint, size: number) => this.read(at, size) };
    const entries = unlessWrong(() => readLinkMap(reader, auxv, model)) ?? [];
    for (const { name, bias } of entries.slice(1)) {
      const path = name.startsWith("/") ? this.path(name) : undefined;
      if (path !== undefined) this.#add(name, path, bias);
    }
  }

  /** Segments of a file that can't have changed. @param bias of the program, where AT_PHDR says it, `undefined` */
  #add(name: string, path: string, bias: bigint | undefined): void {
    using file = unlessWrong(() => openElf(path));
    if (file === undefined) return;
    const headers = this.#facts.auxv.get(AT.AT_PHDR) ?? 0n;
    const { segments } = file.elf;
    const own = segments.find((one) => one.type === PT.PT_PHDR)?.vaddr ?? headers;
    for (const { type, flags, vaddr, offset, filesz } of segments) {
      if (type !== PT.PT_LOAD || (flags & PF.PF_W) !== 0) continue;
      const start = vaddr + (bias ?? headers - own);
      const end = start + BigInt(filesz);
      this.#mappings?.push({ start, end, fileOffset: BigInt(offset), path: name });
    }
  }
}

function unlessWrong<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof BinderyError) return undefined;
    throw error;
  }
}
