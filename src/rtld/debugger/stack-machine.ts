/** How machines keep their stacks, as far as code does it without saying so. */
import { EM } from "../../elf/constants/machine.ts";

/** How a machine keeps its frames. */
export interface StackMachine {
  readonly machine: number;
  /** Bytes of an address. */
  readonly word: 4 | 8;
  /** DWARF numbers of the frame pointer, the stack pointer and the instruction pointer. */
  readonly fp: number;
  readonly sp: number;
  readonly ip: number;
  /** DWARF number of the register that calls leave the return address in; `undefined` where that is on the stack. */
  readonly link: number | undefined;
  /** `mov %rsp,%rbp`, as both ways to write it. */
  readonly moves: readonly string[];
  /** What marks where branches may lead. */
  readonly endbr: string;
}

/** x86_64. */
const X86_64_STACK: StackMachine = {
  machine: EM.EM_X86_64,
  word: 8,
  fp: 6,
  sp: 7,
  ip: 16,
  link: undefined,
  moves: ["48,89,e5", "48,8b,ec"],
  endbr: "f3,f,1e,fa",
};
/** i386. */
const I386_STACK: StackMachine = {
  machine: EM.EM_386,
  word: 4,
  fp: 5,
  sp: 4,
  ip: 8,
  link: undefined,
  moves: ["89,e5", "8b,ec"],
  endbr: "f3,f,1e,fb",
};
/** AArch64: code keeps the caller's frame pointer and return address side by side [AAPCS64, "The Frame Pointer"]. */
const AARCH64_STACK: StackMachine = {
  machine: EM.EM_AARCH64,
  word: 8,
  fp: 29,
  sp: 31,
  ip: 32,
  link: 30,
  moves: [],
  endbr: "",
};

const STACKS: readonly StackMachine[] = [X86_64_STACK, I386_STACK, AARCH64_STACK];

/** How a machine keeps its frames; `undefined` if that is not known. */
export function stackOf(machine: number): StackMachine | undefined {
  return STACKS.find((one) => one.machine === machine);
}
