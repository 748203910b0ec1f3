/** The machines that Inferno makes modules for: magic numbers, byte order, and what their loaders are called. */

/** How a machine's loader relocates: the word it patches, and how its branches are laid out. */
export type RelocationStyle = "386" | "arm" | "power";

/** One machine of Inferno's. */
export interface InfernoMachine {
  /** Inferno's `objtype`: `386`, `arm`, `power` … */
  readonly name: string;
  /** First word of a module for it: 0x80000000 | (4*b*b + 7), b being the machine's number in a.out(10.6). */
  readonly magic: number;
  /** Byte order of its memory, and so of the export table; what is in the rest of the file is always big-endian. */
  readonly little: boolean;
  /** Bytes that a step of 1 in the relocation stream is. */
  readonly unit: 1 | 4;
  /** `undefined` where Inferno's loader only says that it is not implemented. */
  readonly style: RelocationStyle | undefined;
}

/** `DYN_MAGIC|_MAGIC(b)` of a.out(10.6): the sign bit makes a module of an executable. */
function dynMagic(b: number): number {
  return (0x80000000 | (4 * b * b + 7)) >>> 0;
}

/** All of them. */
export const INFERNO_MACHINES: readonly InfernoMachine[] = [
  { name: "386", magic: dynMagic(11), little: true, unit: 1, style: "386" },
  { name: "arm", magic: dynMagic(20), little: true, unit: 4, style: "arm" },
  { name: "power", magic: dynMagic(21), little: false, unit: 4, style: "power" },
  { name: "mips", magic: dynMagic(16), little: false, unit: 4, style: undefined },
  { name: "mips-le (spim)", magic: dynMagic(22), little: true, unit: 4, style: undefined },
  { name: "sparc", magic: dynMagic(13), little: false, unit: 4, style: undefined },
];

/** The machine whose modules begin with `magic`, if it is one of Inferno's. */
export function infernoMachine(magic: number): InfernoMachine | undefined {
  return INFERNO_MACHINES.find((machine) => machine.magic === magic);
}
