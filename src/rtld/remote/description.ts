/** Target descriptions: XML in which a stub says which registers there are [GDB manual, "Target Description Format"]. */
import { EM } from "../../elf/constants/machine.ts";

/** A register as the stub has it. */
export interface RemoteRegister {
  readonly name: string;
  /** By which it is asked for, and in whose order it lies in the packet of all. */
  readonly number: number;
  /** How many bytes it has. */
  readonly size: number;
}

/** What a description says. */
export interface TargetDescription {
  /** `i386:x86-64`; empty if it does not say. */
  readonly architecture: string;
  /** In the order of their numbers. */
  readonly registers: readonly RemoteRegister[];
}

/** Most files that a description includes, in all; gdb's own have less than 20. */
const MOST_FILES = 100;
/** Most registers; those of the largest machines are some hundreds. */
const MOST_REGISTERS = 65536;
/** Largest register, in bits: those of scalable vectors have 2048. */
const LARGEST = 65536;

/**
 * Puts a description together.
 *
 * @param file text of a file that it names, the first one `target.xml`
 * @returns `undefined` for one that makes no sense
 */
export function readDescription(file: (name: string) => string): TargetDescription | undefined {
  let count = 0;
  const registers = new Map<number, RemoteRegister>();
  let architecture = "";
  let next = 0;
  const visit = (text: string): boolean => {
    if (++count > MOST_FILES) return false;
    const plain = text.replace(/<!--[\s\S]*?-->/g, "").replace(/<!DOCTYPE[^>[]*(\[[^\]]*\])?[^>]*>/, "");
    for (const [, element = "", attributes = ""] of plain.matchAll(
      /<(xi:include|reg|architecture)\b([^>]*)>/g,
    )) {
      if (element === "architecture") {
        architecture = /<architecture>\s*([^<]*?)\s*<\/architecture>/.exec(plain)?.[1] ?? architecture;
        continue;
      }
      const value = attributesOf(attributes);
      if (element === "xi:include") {
        const name = value.get("href");
        if (name === undefined || !visit(file(name))) return false;
        continue;
      }
      const bits = Number(value.get("bitsize"));
      const number = value.has("regnum") ? Number(value.get("regnum")) : next;
      if (!isCount(bits, LARGEST) || !isCount(number, MOST_REGISTERS)) return false;
      registers.set(number, { name: value.get("name") ?? "", number, size: Math.ceil(bits / 8) });
      next = number + 1;
    }
    return true;
  };
  if (!visit(file("target.xml"))) return undefined;
  return { architecture, registers: [...registers.values()].sort((a, b) => a.number - b.number) };
}

const isCount = (value: number, most: number): boolean =>
  Number.isInteger(value) && value >= 0 && value <= most;

function attributesOf(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/([\w:.-]+)\s*=\s*["']([^"']*)["']/g)].map(([, key = "", value = ""]) => [key, value]),
  );
}

const ARCHITECTURES: readonly (readonly [RegExp, number])[] = [
  [/^i386:x86-64/, EM.EM_X86_64],
  [/^i386/, EM.EM_386],
  [/^aarch64/, EM.EM_AARCH64],
  [/^arm/, EM.EM_ARM],
  [/^riscv/, EM.EM_RISCV],
  [/^s390/, EM.EM_S390],
  [/^powerpc:(common64|.*64)/, EM.EM_PPC64],
  [/^powerpc/, EM.EM_PPC],
];

/** The machine of an architecture, an `EM_` value; `EM_NONE` for one that is not known. */
export function machineOfArchitecture(architecture: string): number {
  return ARCHITECTURES.find(([name]) => name.test(architecture))?.[1] ?? EM.EM_NONE;
}

const rows = (names: string, size: number): (readonly [string, number])[] =>
  names.split(" ").map((name) => [name, size] as const);

/** What stubs without descriptions have in the packet of all registers [gdb/features]. */
const PLAIN: ReadonlyMap<number, readonly (readonly [string, number])[]> = new Map([
  [
    EM.EM_X86_64,
    [
      ...rows("rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip", 8),
      ...rows("eflags cs ss ds es fs gs", 4),
    ],
  ],
  [EM.EM_386, rows("eax ecx edx ebx esp ebp esi edi eip eflags cs ss ds es fs gs", 4)],
  [
    EM.EM_AARCH64,
    [...Array.from({ length: 31 }, (_, i) => [`x${i}`, 8] as const), ...rows("sp pc", 8), ...rows("cpsr", 4)],
  ],
]);

/** The registers that a stub without description has, by what its machine is known to be. */
export function plainRegisters(machine: number): readonly RemoteRegister[] {
  return (PLAIN.get(machine) ?? []).map(([name, size], number) => ({ name, number, size }));
}
