/** The files that a module is made of: relocatable objects, and members of archives where something needs them. */
import { type ByteSource, bufferSource } from "../../bytes/source.ts";
import { Archive, isArchive } from "../../elf/archive.ts";
import { ET, fileTypeName } from "../../elf/constants/header.ts";
import { machineName } from "../../elf/constants/machine.ts";
import { SHN, SHT } from "../../elf/constants/section.ts";
import { STB } from "../../elf/constants/symbol.ts";
import { ElfFile } from "../../elf/file.ts";
import { codeRelocations } from "../../elf/machine/relocate/registry.ts";
import type { ElfSection } from "../../elf/section.ts";
import type { SymbolTable } from "../../elf/symbol.ts";
import { linkError, readingModule } from "./fault.ts";

/** Bytes that tell an archive. */
const MAGIC_SIZE = 8;

/** A file as a program gives it. */
export interface ModuleFile {
  /** How messages call it. */
  readonly name: string;
  /** Its contents, which must not change while they are in use. */
  readonly bytes: Uint8Array;
  /** Of a thin archive: the contents of a member, by its path relative to the archive's directory. */
  readonly member?: MemberReader;
}

/** Reads a file that a thin archive names. @throws HostError for what can't be read */
export type MemberReader = (path: string) => Uint8Array;

/** A file that is read as far as it is needed. */
export interface SourceFile {
  readonly name: string;
  readonly source: ByteSource;
  /** The open file that it is, whole. */
  readonly descriptor?: number;
  /** As {@link ModuleFile.member}. */
  readonly member?: MemberReader;
}

export type LinkFile = ModuleFile | SourceFile;

/** One relocatable object on its way into a module. */
export interface LinkInput {
  readonly name: string;
  /** The open file that it is, whole, where it is not in memory. */
  readonly file: { readonly descriptor: number; readonly size: number } | undefined;
  readonly elf: ElfFile;
  readonly symtab: SymbolTable | undefined;
  /** Index of the symbol table's section; 0 without one. */
  readonly symtabIndex: number;
  /** Index of the first symbol that is not local. */
  readonly firstGlobal: number;
  readonly sections: readonly ElfSection[];
}

/** Opens one relocatable object. @throws DynldError DYNLD_BAD_MAGIC, DYNLD_BAD_VALUE, DYNLD_TRUNCATED */
function openObject(file: LinkFile): LinkInput {
  return readingModule(() => {
    if (isBitcode(magicOf(file))) {
      const what = "found intermediate code of LLVM, expected machine code: compile without -flto";
      throw linkError("DYNLD_BAD_MAGIC", file.name, undefined, 0, what);
    }
    const elf = ElfFile.open(contentsOf(file), { name: file.name });
    const { type, machine } = elf.header;
    if (type !== ET.ET_REL) {
      throw linkError(
        "DYNLD_BAD_MAGIC",
        file.name,
        "ELF header",
        16,
        `found ${fileTypeName(type)}, expected a relocatable file (ET_REL)`,
      );
    }
    if (codeRelocations(machine).length === 0) {
      throw linkError(
        "DYNLD_BAD_MAGIC",
        file.name,
        "ELF header",
        18,
        `found ${machineName(machine)}, expected a machine whose code can be relocated`,
      );
    }
    const { sections } = elf;
    const table = sections.find((section) => section.type === SHT.SHT_SYMTAB);
    return {
      name: file.name,
      file: openFileOf(file),
      elf,
      symtab: table === undefined ? undefined : elf.symbols(table),
      symtabIndex: table?.index ?? 0,
      firstGlobal: table?.info ?? 0,
      sections,
    };
  });
}

function contentsOf(file: LinkFile): Uint8Array | ByteSource {
  return "bytes" in file ? file.bytes : file.source;
}

function openFileOf(file: LinkFile): LinkInput["file"] {
  if (!("source" in file) || file.descriptor === undefined) return undefined;
  return { descriptor: file.descriptor, size: file.source.size };
}

/** What a file begins with, as far as it tells an archive. */
function magicOf(file: LinkFile): Uint8Array {
  if ("bytes" in file) return file.bytes;
  const { source } = file;
  return source.read(0, Math.min(source.size, MAGIC_SIZE));
}

/** What clang -flto makes: LLVM's bitcode, with or without its wrapper. */
function isBitcode([a, b, c, d]: Uint8Array): boolean {
  return (
    (a === 0x42 && b === 0x43 && c === 0xc0 && d === 0xde) ||
    (a === 0xde && b === 0xc0 && c === 0x17 && d === 0x0b)
  );
}

/** Machine, class and order of bytes. */
function formOf({ elf }: LinkInput): string {
  const { machine, is64, little } = elf.image;
  return `${machineName(machine)}, ELF${is64 ? 64 : 32}${little ? "" : ", big-endian"}`;
}

/** Checks that all files are for one machine. */
function checkMachine([first, ...others]: readonly LinkInput[]): void {
  if (first === undefined) return;
  const expected = formOf(first);
  for (const input of others) {
    const found = formOf(input);
    if (found === expected) continue;
    const what = `found ${found}, expected ${expected} as in ${first.name}`;
    throw linkError("DYNLD_BAD_MAGIC", input.name, "ELF header", 18, what);
  }
}

/** Global names of an object: those it defines go to `defined`, others to `wanted` unless they are weak. */
function noteNames(input: LinkInput, defined: Set<string>, wanted: Set<string>): void {
  const { symtab } = input;
  if (symtab === undefined) return;
  for (let i = input.firstGlobal; i < symtab.length; i++) {
    const name = symtab.name(i);
    if (symtab.sectionIndex(i) !== SHN.SHN_UNDEF) defined.add(name);
    else if (symtab.binding(i) !== STB.STB_WEAK) wanted.add(name);
  }
}

/**
 * Opens the files of a module. Of an archive those members come along that define what the others leave undefined; of
 * archives alone, all members.
 *
 * @throws DynldError if one is no relocatable object, or for another machine
 */
export function openInputs(files: readonly LinkFile[]): LinkInput[] {
  const inputs: LinkInput[] = [];
  const archives: LinkFile[] = [];
  for (const file of files) {
    if (isArchive(magicOf(file))) archives.push(file);
    else inputs.push(openObject(file));
  }
  const members = archives.flatMap(openMembers);
  if (inputs.length === 0) inputs.push(...members);
  else if (members.length > 0) pullMembers(inputs, members);
  if (inputs.length === 0) {
    const [archive] = archives;
    const what =
      archive === undefined ? "found no file, expected one" : "found no object file in the archive";
    throw linkError("DYNLD_BAD_ARGUMENT", archive?.name, undefined, undefined, what);
  }
  checkMachine(inputs);
  return inputs;
}

function openMembers(file: LinkFile): LinkInput[] {
  const { name: archiveName, member: readMember } = file;
  const resolve = readMember && ((path: string) => bufferSource(readMember(path), path));
  const sources = readingModule(() => {
    const archive = Archive.open(contentsOf(file), {
      name: archiveName,
      ...(resolve === undefined ? {} : { resolve }),
    });
    return archive.members.map((member) => ({ name: member.name, source: member.open() }));
  });
  const objects: LinkInput[] = [];
  for (const { name, source } of sources) {
    const bytes = source.read(0, source.size);
    // Archives of Rust hold a member of metadata too.
    if (bytes[0] !== 0x7f) continue;
    objects.push(openObject({ name: `${archiveName}(${name})`, bytes }));
  }
  return objects;
}

/** As linkers do: the first member that defines a wanted name comes in, and what it wants is wanted then. */
function pullMembers(inputs: LinkInput[], members: readonly LinkInput[]): void {
  const defined = new Set<string>();
  const wanted = new Set<string>();
  for (const input of inputs) noteNames(input, defined, wanted);
  const definedBy = new Map<string, LinkInput>();
  for (const member of members) {
    const names = new Set<string>();
    noteNames(member, names, new Set());
    for (const name of names) if (!definedBy.has(name)) definedBy.set(name, member);
  }
  const taken = new Set<LinkInput>();
  // A set is walked on over what is added to it meanwhile.
  for (const name of wanted) {
    const member = defined.has(name) ? undefined : definedBy.get(name);
    if (member === undefined || taken.has(member)) continue;
    taken.add(member);
    inputs.push(member);
    noteNames(member, defined, wanted);
  }
}
