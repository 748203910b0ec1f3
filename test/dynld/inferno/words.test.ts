/** Single relocations, each worked out by hand from the format's table, with the cases that no linker's module has. */
import { describe, expect, it } from "vitest";
import { InfernoModule } from "../../../src/dynld/inferno/module.ts";
import { buildModule, type ModuleSpec, type RelocationSpec } from "./builder.ts";
import { hex8 } from "./expected.ts";

const TABLE = [
  { name: "far", sig: 0, addr: 0xf000_0000 },
  { name: "high", sig: 0, addr: 0x2000_9000 },
  { name: "near", sig: 0, addr: 0x1000_8000 },
];
const IMPORTS = [{ name: "near" }, { name: "high" }, { name: "far" }];

/** The first two words of text after relocation at 0x10000000, and the branches out of reach. */
function relocated(
  machine: NonNullable<ModuleSpec["machine"]>,
  text: readonly number[],
  ...relocations: RelocationSpec[]
): { words: string[]; unreachable: readonly number[] } {
  const module = InfernoModule.open(buildModule({ machine, text, relocations, imports: IMPORTS }));
  const { bytes, unreachable } = module.relocate({ base: 0x1000_0000n, exports: TABLE });
  const view = new DataView(bytes.buffer);
  return { words: text.map((_, i) => hex8(view.getUint32(i * 4, machine !== "power"))), unreachable };
}

describe("words", () => {
  it("wrap at 32 bits", () => {
    expect(relocated("386", [0xf8000000], { at: 0, mode: 0 }).words).toEqual(["08000000"]);
    // far + 0x3fffff
    expect(relocated("386", [0x00bfffff], { at: 0, mode: 1 }).words).toEqual(["f03fffff"]);
  });

  it("may be relocated twice, a delta of 0 apart", () => {
    expect(relocated("386", [4], { at: 0, mode: 0 }, { at: 0, mode: 0 }).words).toEqual(["20000004"]);
    // The second one finds what the first one left: 0x10000010 >> 22 is import 64.
    expect(() => relocated("386", [0x10], { at: 0, mode: 0 }, { at: 0, mode: 1 })).toThrow(
      "dynamic object: bad relocation index",
    );
  });

  it("may lie anywhere on 386", () => {
    expect(relocated("386", [0, 0], { at: 3, mode: 0 }).words).toEqual(["00000000", "00100000"]);
  });

  it("take deltas of any width", () => {
    for (const width of [1, 2, 4] as const) {
      expect(relocated("arm", [0, 0x10], { at: 4, mode: 0, width }).words).toEqual(["00000000", "10000010"]);
    }
  });
});

describe("halves of power", () => {
  const halves = (mode: number, high: number, low: number) =>
    relocated("power", [0x3c600000 | high, 0x38630000 | low], { at: 0, mode }).words;

  it("add the base in modes 3 and 5, the latter with a carry for a negative low half", () => {
    expect(halves(3, 0x0001, 0x8004)).toEqual(["3c601001", "38638004"]);
    expect(halves(5, 0x0001, 0x8004)).toEqual(["3c601002", "38638004"]);
    expect(halves(5, 0x0001, 0x7ffc)).toEqual(["3c601001", "38637ffc"]);
  });

  it("add an import in modes 4 and 6", () => {
    // Import 1 is high at 0x20009000; addend 0x10024.
    expect(halves(4, 0x0041, 0x0024)).toEqual(["3c602001", "38639024"]);
    expect(halves(6, 0x0041, 0x0024)).toEqual(["3c602002", "38639024"]);
  });
});

describe("branches", () => {
  it("count from behind the word on 386, however far", () => {
    // near - 0x10000000 - 4, far - 0x10000000 - 4
    expect(relocated("386", [0], { at: 0, mode: 2 })).toEqual({ words: ["00007ffc"], unreachable: [] });
    expect(relocated("386", [0x00800000], { at: 0, mode: 2 })).toEqual({
      words: ["dffffffc"],
      unreachable: [],
    });
  });

  it("count words from two instructions on, on arm", () => {
    // (0x10008000 - 0x10000000 - 8) / 4
    expect(relocated("arm", [0xeb000000], { at: 0, mode: 2 })).toEqual({
      words: ["eb001ffe"],
      unreachable: [],
    });
  });

  it("keep their flags on power", () => {
    // 0x10008000 - 0x10000004, LK
    expect(relocated("power", [0, 0x48000001], { at: 4, mode: 2 })).toEqual({
      words: ["00000000", "48007ffd"],
      unreachable: [],
    });
  });

  it("are told when they can't reach, and cut as Inferno's loader cuts them", () => {
    // 0x20009000 - 0x10000000 is more than 0x2000000.
    expect(relocated("arm", [0xeb000001], { at: 0, mode: 2 })).toEqual({
      words: ["eb0023fe"],
      unreachable: [0],
    });
    expect(relocated("power", [0x48000005], { at: 0, mode: 2 })).toEqual({
      words: ["48009001"],
      unreachable: [0],
    });
  });
});
