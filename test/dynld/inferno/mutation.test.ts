/**
 * Damaged modules are loaded or refused with a `DynldError`, within bounded time and memory, and nothing outside the
 * image is touched. Each case comes from a seed of its own.
 */
import { expect, it } from "vitest";
import { bufferSource } from "../../../src/bytes/source.ts";
import { INFERNO_MACHINES } from "../../../src/dynld/inferno/machine.ts";
import { InfernoModule } from "../../../src/dynld/inferno/module.ts";
import { sourceStream } from "../../../src/dynld/stream.ts";
import { DynldError } from "../../../src/errors.ts";
import { mutate } from "../../support/elf-mutate.ts";
import { Random } from "../../support/elf-random.ts";
import { buildModule } from "./builder.ts";
import { HOST, MODULES, moduleBytes } from "./expected.ts";

const CASES = Number(process.env.BINDERY_MUTATIONS ?? 10_000);
const REQUEST = { exports: HOST, base: 0x1000_0000n, maxsize: 1 << 20 };
const sound = MODULES.map((name) => {
  const bytes = moduleBytes(name);
  const { header } = InfernoModule.open(bytes);
  const image = 32 + header.text + header.data;
  return { name, bytes, image, dynamic: image + header.syms + header.spsz + header.pcsz };
});

/** Error strings that a module may be refused with. */
const REFUSALS = [
  /^error reading object file$/,
  /^not dynamic object file or wrong platform$/,
  /^invalid export table pointer \(entry point\)$/,
  /^\d+: object too big$/,
  /^undefined symbol: /s,
  /^signature mismatch: \w+ \([0-9a-f]+ != [0-9a-f]+\)$/,
  /^dynamic object: (bad relocation (index|mode|position)|invalid relocation mode)$/,
  new RegExp(
    `^dynamic object: (${INFERNO_MACHINES.map(({ name }) => name.replace(/[()]/g, "\\$&")).join("|")}) unimplemented$`,
  ),
];

it(`${CASES} damaged modules are loaded, or refused in the loader's words`, () => {
  const seen = new Map<string, number>();
  const count = (key: string) => seen.set(key, (seen.get(key) ?? 0) + 1);
  for (let seed = 0; seed < CASES; seed++) {
    const random = new Random(seed);
    const module = random.pick(sound);
    // The header, the export table and the dynamic section, which are believed, more than code, which is not.
    const [from, to] = random.pick([
      [0, 32],
      [32, module.image],
      [module.dynamic, module.bytes.length],
      [module.dynamic, module.bytes.length],
    ] as const);
    const bytes = mutate(module.bytes, random, from, to);
    const kept = Uint8Array.from(bytes);
    try {
      const image = InfernoModule.load(sourceStream(bufferSource(bytes)), REQUEST);
      expect(image.bytes.length).toBe(image.size);
      const end = image.base + BigInt(image.size);
      for (const { addr } of image.export) expect(addr >= image.base && addr <= end).toBe(true);
      count("loaded");
    } catch (error) {
      if (!(error instanceof DynldError)) throw new Error(`seed ${seed} of ${module.name}`, { cause: error });
      const which = REFUSALS.findIndex((pattern) => pattern.test(error.errstr));
      expect(which, `seed ${seed}: ${error.errstr}`).toBeGreaterThanOrEqual(0);
      expect(error.place.section, `seed ${seed}: ${error.message}`).toBeDefined();
      count(String(REFUSALS[which]));
    }
    expect(bytes.length === kept.length && bytes.every((byte, i) => byte === kept[i])).toBe(true);
  }
  // The damage reaches every check, and does not stop at the first one.
  expect(seen.get("loaded")).toBeGreaterThan(CASES / 100);
  for (const pattern of REFUSALS.slice(0, 7))
    expect(seen.get(String(pattern)), String(pattern)).toBeGreaterThan(0);
});

it.each([
  ["386", 0, 4],
  ["arm", 0, 4],
  ["power", 0, 4],
  ["power", 3, 8],
  ["power", 5, 8],
] as const)(
  "every position of a relocation on %s of mode %d is inside the image or refused",
  (machine, mode, span) => {
    const text = [0, 0, 0];
    const { size } = InfernoModule.open(buildModule({ machine, text, bss: 8 }));
    const unit = machine === "386" ? 1 : 4;
    const positions = Array.from({ length: 64 }, (_, i) => i * unit);
    for (const at of [...positions, 2 ** 16, 2 ** 24, 2 ** 31, 2 ** 32 - 4]) {
      const bytes = buildModule({ machine, text, bss: 8, bare: true, relocations: [{ at, mode, width: 4 }] });
      const load = () => InfernoModule.load(sourceStream(bufferSource(bytes)), { exports: [], base: 0n });
      if (at + span <= size) expect(load().size).toBe(size);
      else expect(load).toThrow("dynamic object: bad relocation position");
    }
  },
);
