/** The nine modules load to what Inferno's own loader made of them, at its base, and at others worked out by hand. */
import { describe, expect, it } from "vitest";
import { InfernoModule } from "../../../src/dynld/inferno/module.ts";
import { relocationTrace } from "../../../src/dynld/inferno/relocations.ts";
import { expectedOf, HOST, hex8, MODULES, moduleBytes } from "./expected.ts";

describe.each(MODULES)("%s", (name) => {
  const expected = expectedOf(name);
  const module = InfernoModule.open(moduleBytes(name));

  it("has the header, the exports and the imports that it was linked with", () => {
    const { magic, ...sizes } = module.header;
    expect({ magic: hex8(magic), ...sizes }).toEqual(expected.header);
    expect(module.machine.name).toBe(expected.arch);
    expect(hex8(module.machine.magic)).toBe(expected.dynmagic);
    const base = BigInt(`0x${expected.base}`);
    expect(module.exports().map((symbol) => ({ ...symbol, addr: symbol.addr + base }))).toEqual(
      expected.exports.map(({ name, sig, addr }) => ({
        name,
        sig: BigInt(`0x${sig}`),
        addr: BigInt(`0x${addr}`),
      })),
    );
    expect(module.imports.map((one) => one.name)).toEqual(expected.imports.map((one) => one.name));
  });

  it("is relocated word by word and byte by byte as by libdynld", () => {
    const trace = relocationTrace(module.relocations.length);
    const image = module.relocate({ base: BigInt(`0x${expected.base}`), exports: HOST, trace });
    const { positions, modes } = module.relocations;
    const relocs = Array.from(positions, (at, i) => {
      const mode = modes[i] ?? 0;
      const row = { at, mode, before: hex8(trace.before[i] ?? 0), after: hex8(trace.after[i] ?? 0) };
      const second = { before2: hex8(trace.before2[i] ?? 0), after2: hex8(trace.after2[i] ?? 0) };
      return mode < 3 ? row : { ...row, ...second };
    });
    expect(relocs).toEqual(expected.relocs);
    expect(image.size).toBe(expected.size);
    const loaded = image.text + image.data;
    expect(Buffer.from(image.bytes.subarray(0, loaded)).toString("hex")).toBe(expected.image);
    expect(image.bytes.subarray(loaded).every((byte) => byte === 0)).toBe(true);
    expect(image.bytes.length).toBe(expected.size);
    expect(image.export.map(({ name, sig, addr }) => ({ name, sig: hex8(sig), addr: hex8(addr) }))).toEqual(
      expected.exports,
    );
    expect(
      image.import?.map(({ name, sig, addr }, index) => ({
        index,
        name,
        hostsig: hex8(sig),
        addr: hex8(addr),
      })),
    ).toEqual(expected.imports);
    expect(image.unreachable).toEqual([]);
  });

  it.each([-0x2_0000, 0x10_0000])("is relocated to a base %d further, from the same bytes", (distance) => {
    const before = Uint8Array.from(module.contents);
    const there = module.relocate({ base: BigInt(`0x${expected.base}`) + BigInt(distance), exports: HOST });
    expect(module.contents).toEqual(before);
    const moved = Buffer.from(expected.image, "hex");
    for (const { at, mode, after, after2 } of expected.relocs) {
      const word = (value: number) => {
        if (expected.arch === "power") moved.writeUInt32BE(value >>> 0, at);
        else moved.writeUInt32LE(value >>> 0, at);
      };
      word(movedWord(expected.arch, mode, Number(`0x${after}`), distance));
      // The distance is a multiple of 0x10000: the lower half stays as it is.
      if (after2 !== undefined)
        expect(moved.readUInt32BE(at + 4).toString(16)).toBe(after2.replace(/^0+/, ""));
    }
    expect(Buffer.from(there.bytes.subarray(0, moved.length)).toString("hex")).toBe(moved.toString("hex"));
    expect(there.export.map(({ addr }) => hex8(addr - BigInt(distance)))).toEqual(
      expected.exports.map(({ addr }) => addr),
    );
  });
});

/** What a relocated word becomes when the image is elsewhere: by what the word is, not by how it was made. */
function movedWord(arch: string, mode: number, word: number, distance: number): number {
  switch (mode) {
    case 0: // an address in the image
      return word + distance;
    case 2: // a branch to what stays where it is, counted in bytes, in words, or in bytes above two flags
      if (arch === "386") return word - distance;
      if (arch === "arm") return (word & 0xff00_0000) | ((word - distance / 4) & 0x00ff_ffff);
      return (word & 0xfc00_0003) | ((word - distance) & 0x03ff_fffc);
    case 3: // the upper half of an address in the image
    case 5:
      return (word & 0xffff_0000) | ((word + distance / 0x1_0000) & 0xffff);
    default: // the address of an import
      return word;
  }
}

describe("words worked out by hand from the format's table, at base 0x0ffe0000", () => {
  /** The words at these image offsets after relocation. */
  function words(name: string, offsets: readonly number[]): string[] {
    const module = InfernoModule.open(moduleBytes(name));
    const { bytes, machine } = module.relocate({ base: 0x0ffe_0000n, exports: HOST });
    const view = new DataView(bytes.buffer);
    return offsets.map((at) => hex8(view.getUint32(at, machine.little)));
  }

  it.each<[string, string, Record<number, string>]>([
    [
      "386: pointers, imports with an addend, calls",
      "m3dev.386",
      {
        5: "0ffe010c", // mode 0: 0x10c + base
        245: "0f800388", // mode 1: hostrec at 0f800380, + 8
        28: "ff8202a0", // mode 2: hostlog at 0f8002c0, - (base + 0x1c) - 4
        55: "ff820305", // mode 2: hostopen at 0f800340, - (base + 0x37) - 4
      },
    ],
    [
      "arm: pointers, imports with an addend, branches",
      "m2basic.arm",
      {
        396: "0ffe01d0", // mode 0
        412: "0f8003cc", // mode 1: hosttab at 0f8003c0, + 12
        104: "ebe08064", // mode 2: (hostadd at 0f800200 - (base + 0x68) - 8) / 4 in 24 bits: ff820190 / 4
        376: "ebe08050", // mode 2: (hostlog at 0f8002c0 - (base + 0x178) - 8) / 4: ff820140 / 4
      },
    ],
    [
      "power: pointers, branches, and halves of addresses in two instructions",
      "m3dev.power",
      {
        380: "0ffe0230", // mode 0
        412: "0f800398", // mode 1: hostrec at 0f800380, + 24
        40: "4b820299", // mode 2: hostlog at 0f8002c0 - (base + 0x28) = ff820298, flag LK
        20: "3c600ffe", // mode 3: 0x0ffe0228
        24: "60630228",
        8: "3fe00ffe", // mode 5: 0x0ffe0198, whose low half is not negative
        12: "809f0198",
        348: "3fe00f80", // mode 6: hostrec + 8 = 0x0f800388
        352: "901f0388",
      },
    ],
  ])("%s", (_what, name, expected) => {
    expect(words(name, Object.keys(expected).map(Number))).toEqual(Object.values(expected));
  });
});
