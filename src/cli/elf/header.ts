/** The ELF header as text and JSON. */
import { DF_1, DT, type ElfFile, ET, fileTypeName, machineName, osAbiName } from "../../elf/index.ts";
import { headerFlagsText } from "./flags.ts";
import { bare, hex, jsonConstant, jsonHex, type Lines, type View } from "./view.ts";

const FILE_TYPES: ReadonlyMap<number, string> = new Map([
  [ET.ET_NONE, "NONE (None)"],
  [ET.ET_REL, "REL (Relocatable file)"],
  [ET.ET_EXEC, "EXEC (Executable file)"],
  [ET.ET_DYN, "DYN (Shared object file)"],
  [ET.ET_CORE, "CORE (Core file)"],
]);

/** Full names of the machines that readers meet most; others are shown by their constant. */
const MACHINES: ReadonlyMap<string, string> = new Map([
  ["EM_386", "Intel 80386"],
  ["EM_X86_64", "Advanced Micro Devices X86-64"],
  ["EM_ARM", "ARM"],
  ["EM_AARCH64", "AArch64"],
  ["EM_RISCV", "RISC-V"],
  ["EM_PPC", "PowerPC"],
  ["EM_PPC64", "PowerPC64"],
  ["EM_S390", "IBM S/390"],
  ["EM_MIPS", "MIPS R3000"],
  ["EM_LOONGARCH", "LoongArch"],
  ["EM_SPARCV9", "Sparc v9"],
  ["EM_BPF", "Linux BPF"],
  ["EM_NONE", "None"],
]);

const ABIS: ReadonlyMap<string, string> = new Map([
  ["ELFOSABI_NONE", "UNIX - System V"],
  ["ELFOSABI_SYSV", "UNIX - System V"],
  ["ELFOSABI_GNU", "UNIX - GNU"],
  ["ELFOSABI_LINUX", "UNIX - GNU"],
  ["ELFOSABI_FREEBSD", "UNIX - FreeBSD"],
  ["ELFOSABI_STANDALONE", "Standalone App"],
]);

/** `DYN (Position-Independent Executable file)`; a broken dynamic section does not hide the header. */
export function fileType(elf: ElfFile): string {
  const { type } = elf.header;
  if (type === ET.ET_DYN && isPie(elf)) {
    return "DYN (Position-Independent Executable file)";
  }
  return FILE_TYPES.get(type) ?? bare(fileTypeName(type), "ET_");
}

function isPie(elf: ElfFile): boolean {
  try {
    const flags = elf.dynamic()?.get(DT.DT_FLAGS_1) ?? 0n;
    return (flags & BigInt(DF_1.DF_1_PIE)) !== 0n;
  } catch {
    return false;
  }
}

export function* headerText({ elf }: View): Lines {
  const { header } = elf;
  const { stored } = header;
  const row = (label: string, value: string): string => `  ${`${label}:`.padEnd(34)} ${value}`;
  const counted = (inHeader: number, real: number): string =>
    inHeader === real ? String(real) : `${inHeader} (${real})`;
  const abi = osAbiName(header.osAbi);
  const machine = machineName(header.machine);
  yield "ELF Header:";
  yield `  Magic:   ${[...header.ident].map((byte) => `${hex(byte, 2)} `).join("")}`;
  yield row("Class", header.is64 ? "ELF64" : "ELF32");
  yield row("Data", `2's complement, ${header.little ? "little" : "big"} endian`);
  yield row("Version", header.ident[6] === 1 ? "1 (current)" : String(header.ident[6]));
  yield row("OS/ABI", ABIS.get(abi) ?? abi);
  yield row("ABI Version", String(header.abiVersion));
  yield row("Type", fileType(elf));
  yield row("Machine", MACHINES.get(machine) ?? machine);
  yield row("Version", `0x${hex(header.version)}`);
  yield row("Entry point address", `0x${hex(header.entry)}`);
  yield row("Start of program headers", `${header.phoff} (bytes into file)`);
  yield row("Start of section headers", `${header.shoff} (bytes into file)`);
  yield row("Flags", `0x${hex(header.flags)}${headerFlagsText(header.machine, header.flags)}`);
  yield row("Size of this header", `${header.ehsize} (bytes)`);
  yield row("Size of program headers", `${header.phentsize} (bytes)`);
  yield row("Number of program headers", counted(stored.phnum, header.phnum));
  yield row("Size of section headers", `${header.shentsize} (bytes)`);
  yield row("Number of section headers", counted(stored.shnum, header.shnum));
  yield row("Section header string table index", counted(stored.shstrndx, header.shstrndx));
}

export function headerJson({ elf }: View): unknown {
  const { header } = elf;
  return {
    class: header.is64 ? 64 : 32,
    data: header.little ? "little" : "big",
    osAbi: jsonConstant(header.osAbi, osAbiName(header.osAbi)),
    abiVersion: header.abiVersion,
    type: jsonConstant(header.type, fileTypeName(header.type)),
    machine: jsonConstant(header.machine, machineName(header.machine)),
    version: header.version,
    entry: jsonHex(header.entry),
    phoff: header.phoff,
    shoff: header.shoff,
    flags: header.flags,
    ehsize: header.ehsize,
    phentsize: header.phentsize,
    phnum: header.phnum,
    shentsize: header.shentsize,
    shnum: header.shnum,
    shstrndx: header.shstrndx,
  };
}
