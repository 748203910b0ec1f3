/** Builds Inferno modules byte by byte, sound ones and, through what a field is said to be, unsound ones. */

const MAGIC = {
  "386": 0x800001eb,
  arm: 0x80000647,
  power: 0x800006eb,
  mips: 0x80000407,
  spim: 0x80000797,
  sparc: 0x800002ab,
} as const;

/** One relocation; `width` is that of the delta: 1, 2, 4, or 8, which no reader takes. */
export interface RelocationSpec {
  readonly at: number;
  readonly mode: number;
  readonly width?: 1 | 2 | 4 | 8;
}

/** A module to build. */
export interface ModuleSpec {
  readonly machine?: keyof typeof MAGIC;
  /** Words of text, in the machine's byte order. */
  readonly text?: readonly number[];
  readonly bss?: number;
  readonly imports?: readonly { readonly name: string; readonly sig?: number }[];
  /** In the order they are to have; addresses are image offsets. */
  readonly exports?: readonly { readonly name: string; readonly sig?: number; readonly addr: number }[];
  /** Of the text; those of the export table follow by themselves unless `bare`. */
  readonly relocations?: readonly RelocationSpec[];
  readonly bare?: boolean;
  /** Words of the header that are not what they should be, by index. */
  readonly header?: Readonly<Record<number, number>>;
  readonly relsize?: number;
  readonly nimport?: number;
  readonly nreloc?: number;
  /** Bytes between data and the dynamic section. */
  readonly symbols?: Uint8Array;
}

/** Bytes of a module. */
export function buildModule(spec: ModuleSpec): Uint8Array {
  const machine = spec.machine ?? "386";
  const little = machine === "386" || machine === "arm" || machine === "spim";
  const word = (value: number): number[] => {
    const bytes = [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff);
    return little ? bytes.reverse() : bytes;
  };
  const big = (value: number): number[] => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff);
  const text = (spec.text ?? [0]).flatMap(word);

  const exports = spec.exports ?? [];
  const names = [...new TextEncoder().encode(exports.map(({ name }) => `${name}\0`).join(""))];
  let nameAt = text.length + (exports.length + 1) * 12;
  const table = exports.flatMap(({ name, sig = 0, addr }) => {
    const entry = [...word(sig), ...word(addr), ...word(nameAt)];
    nameAt += new TextEncoder().encode(name).length + 1;
    return entry;
  });
  const data = [...table, ...Array<number>(12).fill(0), ...names];
  while (data.length % 4 !== 0) data.push(0);

  const ofTable = exports.flatMap((_, i) => [4, 8].map((at) => ({ at: text.length + i * 12 + at, mode: 0 })));
  const relocations: readonly RelocationSpec[] = [
    ...(spec.relocations ?? []),
    ...(spec.bare === true ? [] : ofTable),
  ];
  const unit = machine === "386" ? 1 : 4;
  let position = 0;
  const records = relocations.flatMap(({ at, mode, width = 2 }) => {
    const delta = (at - position) / unit;
    position = at;
    const bytes = width === 8 ? [...big(0), ...big(delta)] : big(delta).slice(4 - width);
    return [mode | ({ 1: 0, 2: 1, 4: 2, 8: 3 }[width] << 6), ...bytes];
  });
  const imports = (spec.imports ?? []).flatMap(({ name, sig = 0 }) => [
    ...big(sig),
    ...new TextEncoder().encode(`${name}\0`),
  ]);
  const dynamic = [
    ...big(spec.nimport ?? spec.imports?.length ?? 0),
    ...imports,
    ...big(spec.nreloc ?? relocations.length),
    ...records,
  ];
  const symbols = spec.symbols ?? new Uint8Array(0);
  const header = [MAGIC[machine], text.length, data.length, spec.bss ?? 0, symbols.length, text.length, 0, 0];
  for (const [index, value] of Object.entries(spec.header ?? {})) header[Number(index)] = value;
  return Uint8Array.from([
    ...header.flatMap(big),
    ...text,
    ...data,
    ...symbols,
    ...big(spec.relsize ?? dynamic.length),
    ...dynamic,
  ]);
}
