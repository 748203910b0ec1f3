/** What the bits of `e_flags` mean, for the machines whose ABI is chosen by them. */
import { EM } from "../../elf/index.ts";

/** `, ` and the meaning, as readelf appends it; empty for other machines. */
export function headerFlagsText(machine: number, flags: number): string {
  const meanings = meaningsOf(machine, flags);
  return meanings.map((meaning) => `, ${meaning}`).join("");
}

function meaningsOf(machine: number, flags: number): string[] {
  switch (machine) {
    case EM.EM_ARM:
      return arm(flags);
    case EM.EM_RISCV:
      return riscv(flags);
    case EM.EM_PPC64:
      // [64-bit ELF V2 ABI for Power, 3.1]
      return (flags & 3) === 0 ? [] : [`abiv${flags & 3}`];
    default:
      return [];
  }
}

/** [ELF for the Arm Architecture, "ELF Header"] */
function arm(flags: number): string[] {
  const version = flags >>> 24;
  return [
    ...(version === 0 ? ["GNU EABI"] : [`Version${version} EABI`]),
    ...((flags & 0x0080_0000) !== 0 ? ["BE8"] : []),
    ...(version === 5 && (flags & 0x200) !== 0 ? ["soft-float ABI"] : []),
    ...(version === 5 && (flags & 0x400) !== 0 ? ["hard-float ABI"] : []),
  ];
}

/** [RISC-V ELF psABI, "File Header"] */
function riscv(flags: number): string[] {
  const floats = ["soft-float ABI", "single-float ABI", "double-float ABI", "quad-float ABI"];
  return [
    ...((flags & 0x1) !== 0 ? ["RVC"] : []),
    ...((flags & 0x8) !== 0 ? ["RVE"] : []),
    floats[(flags >>> 1) & 3] ?? "",
    ...((flags & 0x10) !== 0 ? ["TSO"] : []),
  ];
}
