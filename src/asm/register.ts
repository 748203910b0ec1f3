/** Register names of x86-64 and the families they belong to, taken from iced's own enumeration. */
import { Register } from "iced-x86";

/** Registers that can stand in for one another in an encoding. */
export type RegisterFamily =
  | "r8"
  | "r16"
  | "r32"
  | "r64"
  | "ip"
  | "segment"
  | "xmm"
  | "ymm"
  | "zmm"
  | "mask"
  | "bound"
  | "control"
  | "debug"
  | "test"
  | "x87"
  | "mmx"
  | "tile";

/** First and last register of each family, in iced's order. */
const RANGES: readonly (readonly [RegisterFamily, Register, Register])[] = [
  ["r8", Register.AL, Register.R15L],
  ["r16", Register.AX, Register.R15W],
  ["r32", Register.EAX, Register.R15D],
  ["r64", Register.RAX, Register.R15],
  ["ip", Register.EIP, Register.RIP],
  ["segment", Register.ES, Register.GS],
  ["xmm", Register.XMM0, Register.XMM31],
  ["ymm", Register.YMM0, Register.YMM31],
  ["zmm", Register.ZMM0, Register.ZMM31],
  ["mask", Register.K0, Register.K7],
  ["bound", Register.BND0, Register.BND3],
  ["control", Register.CR0, Register.CR15],
  ["debug", Register.DR0, Register.DR15],
  ["x87", Register.ST0, Register.ST7],
  ["mmx", Register.MM0, Register.MM7],
  ["test", Register.TR0, Register.TR7],
  ["tile", Register.TMM0, Register.TMM7],
];

const BY_NAME = new Map<string, Register>();
const FAMILY = new Map<Register, RegisterFamily>();

for (const [family, first, last] of RANGES) {
  for (let register = first; register <= last; register++) {
    FAMILY.set(register, family);
    BY_NAME.set(Register[register].toLowerCase(), register);
  }
}
for (let n = 8; n <= 15; n++) {
  // Intel's manuals say R8L, gas and gdb say r8b; iced spells it R8L and prints r8b or r8l by syntax.
  const low = BY_NAME.get(`r${n}l`);
  if (low !== undefined) {
    BY_NAME.set(`r${n}b`, low);
  }
}
BY_NAME.set("st", Register.ST0);

/** The register of that name in any case, `undefined` when there is none. */
export function registerNamed(name: string): Register | undefined {
  return BY_NAME.get(name.toLowerCase());
}

/** The family of a register; `undefined` for `Register.None`. */
export function familyOf(register: Register): RegisterFamily | undefined {
  return FAMILY.get(register);
}

/** The n-th x87 register, as `st(n)` names it; `undefined` past 7. */
export function x87Register(n: bigint): Register | undefined {
  return n >= 0n && n <= 7n ? ((Register.ST0 + Number(n)) as Register) : undefined;
}
