/** Modules that Inferno's loader refuses are refused in its words, and those that it should have refused as well. */
import { describe, expect, it } from "vitest";
import { bufferSource } from "../../../src/bytes/source.ts";
import type { DynsymLike } from "../../../src/dynld/dynsym.ts";
import { InfernoModule } from "../../../src/dynld/inferno/module.ts";
import { sourceStream } from "../../../src/dynld/stream.ts";
import { DynldError } from "../../../src/errors.ts";
import { buildModule, type ModuleSpec } from "./builder.ts";
import { MODULES, moduleBytes } from "./expected.ts";

const TABLE: readonly DynsymLike[] = [
  { name: "puts", sig: 0x1111, addr: 0x8000 },
  { name: "read", sig: 0, addr: 0x9000 },
];

/** What loading a module throws. */
function refusal(bytes: Uint8Array, request: Parameters<typeof InfernoModule.load>[1]): DynldError {
  try {
    InfernoModule.load(sourceStream(bufferSource(bytes, "m")), request);
  } catch (error) {
    if (error instanceof DynldError) return error;
    throw error;
  }
  throw new Error("the module was loaded");
}

const READING = "error reading object file";
const ENTRY = "invalid export table pointer (entry point)";
const INDEX = "dynamic object: bad relocation index";

describe("the builder", () => {
  it("makes modules that load", () => {
    const spec: ModuleSpec = {
      text: [0x00400010, 0],
      exports: [
        { name: "first", sig: 7, addr: 0 },
        { name: "second", addr: 4 },
      ],
      imports: [{ name: "puts", sig: 0x1111 }, { name: "read" }],
      relocations: [{ at: 0, mode: 1, width: 4 }],
      symbols: Uint8Array.of(1, 2, 3),
      bss: 8,
    };
    for (const machine of ["386", "arm", "power"] as const) {
      const bytes = buildModule({ ...spec, machine });
      const image = InfernoModule.open(bytes).relocate({ base: 0x1000n, exports: TABLE });
      expect(image.export).toEqual([
        { name: "first", sig: 7n, addr: 0x1000n },
        { name: "second", sig: 0n, addr: 0x1004n },
      ]);
      expect(new DataView(image.bytes.buffer).getUint32(0, machine !== "power")).toBe(0x9010);
      expect(image.import?.[1]).toBe(TABLE[1]);
    }
  });

  it("makes modules of the machines that are not implemented, and without relocations they load", () => {
    for (const machine of ["mips", "spim", "sparc"] as const) {
      expect(InfernoModule.open(buildModule({ machine })).exports()).toEqual([]);
    }
  });
});

describe("the words of Inferno's loader", () => {
  it.each<[string, ModuleSpec, string, string]>([
    [
      "a file for another system",
      { header: { 0: 0x7f454c46 } },
      "not dynamic object file or wrong platform",
      "DYNLD_BAD_MAGIC",
    ],
    ["text that is longer than the file", { header: { 1: 0x1000 } }, READING, "DYNLD_TRUNCATED"],
    ["an entry behind the image", { header: { 5: 0x100 } }, ENTRY, "DYNLD_BAD_VALUE"],
    ["an entry between words", { header: { 5: 2 } }, ENTRY, "DYNLD_BAD_VALUE"],
    ["symbols that are longer than the file", { header: { 4: 0xffffffff } }, READING, "DYNLD_TRUNCATED"],
    [
      "tables that are longer than the file",
      { header: { 6: 0x1000, 7: 0xffffffff } },
      READING,
      "DYNLD_TRUNCATED",
    ],
    ["a dynamic section without a count", { relsize: 3 }, READING, "DYNLD_TRUNCATED"],
    ["a dynamic section past the end", { relsize: 9 }, READING, "DYNLD_TRUNCATED"],
    ["a dynamic section of nearly 256 MiB", { relsize: 0xfffffff }, READING, "DYNLD_TRUNCATED"],
    ["a dynamic section of -1 bytes", { relsize: 0xffffffff }, READING, "DYNLD_TRUNCATED"],
    [
      "an image of nearly 12 GiB",
      { header: { 1: 0xffffffff, 2: 0xffffffff, 3: 0xffffffff } },
      "out of memory: loading object file",
      "DYNLD_NO_MEMORY",
    ],
    ["8001 imports", { nimport: 8001 }, READING, "DYNLD_BAD_VALUE"],
    ["-1 imports", { nimport: 0xffffffff }, READING, "DYNLD_BAD_VALUE"],
    ["more imports than there are", { nimport: 3, imports: [{ name: "puts" }] }, READING, "DYNLD_TRUNCATED"],
    ["more relocations than there are", { nreloc: 1 }, READING, "DYNLD_TRUNCATED"],
    ["-1 relocations", { nreloc: 0xffffffff }, READING, "DYNLD_TRUNCATED"],
    ["a delta of 8 bytes", { relocations: [{ at: 0, mode: 0, width: 8 }] }, READING, "DYNLD_BAD_RELOCATION"],
    [
      "a symbol that nobody has",
      { imports: [{ name: "read" }, { name: "putz" }] },
      "undefined symbol: putz",
      "DYNLD_UNDEFINED_SYMBOL",
    ],
    [
      "a symbol of another type",
      { imports: [{ name: "puts", sig: 0xabc }] },
      "signature mismatch: puts (abc != 1111)",
      "DYNLD_SIGNATURE_MISMATCH",
    ],
    [
      "an import that is not there",
      { imports: [{ name: "puts" }], text: [0x00400000], relocations: [{ at: 0, mode: 1 }] },
      INDEX,
      "DYNLD_BAD_RELOCATION",
    ],
    [
      "a call of one that is not there",
      { text: [0], relocations: [{ at: 0, mode: 2 }] },
      INDEX,
      "DYNLD_BAD_RELOCATION",
    ],
    [
      "a branch to one that is not there",
      { machine: "arm", text: [1], imports: [{ name: "puts" }], relocations: [{ at: 0, mode: 2 }] },
      INDEX,
      "DYNLD_BAD_RELOCATION",
    ],
    [
      "the same of power",
      { machine: "power", text: [4], imports: [{ name: "puts" }], relocations: [{ at: 0, mode: 2 }] },
      INDEX,
      "DYNLD_BAD_RELOCATION",
    ],
    [
      "half an address of one",
      { machine: "power", text: [0x40, 0], imports: [{ name: "puts" }], relocations: [{ at: 0, mode: 4 }] },
      INDEX,
      "DYNLD_BAD_RELOCATION",
    ],
    [
      "half a signed address of one",
      { machine: "power", text: [0x40, 0], imports: [{ name: "puts" }], relocations: [{ at: 0, mode: 6 }] },
      INDEX,
      "DYNLD_BAD_RELOCATION",
    ],
    [
      "mode 3 of 386",
      { relocations: [{ at: 0, mode: 3 }] },
      "dynamic object: bad relocation mode",
      "DYNLD_BAD_RELOCATION",
    ],
    [
      "mode 3 of arm",
      { machine: "arm", relocations: [{ at: 0, mode: 3 }] },
      "dynamic object: invalid relocation mode",
      "DYNLD_BAD_RELOCATION",
    ],
    [
      "mode 7 of power",
      { machine: "power", relocations: [{ at: 0, mode: 7 }] },
      "dynamic object: invalid relocation mode",
      "DYNLD_BAD_RELOCATION",
    ],
    [
      "mips",
      { machine: "mips", relocations: [{ at: 0, mode: 0 }] },
      "dynamic object: mips unimplemented",
      "DYNLD_UNSUPPORTED",
    ],
    [
      "spim",
      { machine: "spim", relocations: [{ at: 0, mode: 0 }] },
      "dynamic object: mips-le (spim) unimplemented",
      "DYNLD_UNSUPPORTED",
    ],
    [
      "sparc",
      { machine: "sparc", relocations: [{ at: 0, mode: 0 }] },
      "dynamic object: sparc unimplemented",
      "DYNLD_UNSUPPORTED",
    ],
  ])("for %s", (_what, spec, errstr, code) => {
    const error = refusal(buildModule(spec), { exports: TABLE });
    expect({ errstr: error.errstr, code: error.code }).toEqual({ errstr, code });
    expect(error.message).toContain(`: ${errstr}`);
    expect(error.message.startsWith("m: ")).toBe(true);
    expect(error.place.section).toMatch(/^(header|image|dynamic section)$/);
  });

  it("for every length that cuts a module off", () => {
    for (const name of MODULES) {
      const whole = moduleBytes(name);
      for (let length = 0; length < whole.length; length += 7) {
        const error = refusal(whole.slice(0, length), { exports: [] });
        expect(error.errstr).toMatch(/^(error reading object file|undefined symbol: \w+)$/);
      }
    }
  });

  it("come in its order: symbols are looked up before what follows them is read", () => {
    const wanted = { imports: [{ name: "nobody" }] };
    for (const spec of [
      { ...wanted, nimport: 2 },
      { ...wanted, nreloc: 5 },
      { ...wanted, relocations: [{ at: 4, mode: 9 }] },
    ]) {
      expect(refusal(buildModule(spec), { exports: TABLE }).errstr).toBe("undefined symbol: nobody");
    }
    const first = { relocations: [{ at: 0, mode: 9 }], nreloc: 5 };
    expect(refusal(buildModule(first), { exports: TABLE }).errstr).toBe(
      "dynamic object: bad relocation mode",
    );
  });
});

describe("the limit", () => {
  // 4 bytes of text, 12 of data, 8 of bss.
  const bytes = buildModule({ bss: 8 });

  it("is what a module must be below", () => {
    const error = refusal(bytes, { exports: [], maxsize: 24 });
    expect([error.errstr, error.code]).toEqual(["24: object too big", "DYNLD_TOO_BIG"]);
    expect(InfernoModule.open(bytes, { maxsize: 25 }).size).toBe(24);
    expect(InfernoModule.open(bytes, { maxsize: 0 }).size).toBe(24);
    expect(() => InfernoModule.open(bytes, { maxsize: 1 })).toThrow("24: object too big");
  });

  it("is looked at before anything is read for the image", () => {
    const taken: number[] = [];
    const stream = sourceStream(bufferSource(bytes));
    const counting = {
      ...stream,
      take(length: number) {
        taken.push(length);
        return stream.take(length);
      },
    };
    expect(() => InfernoModule.load(counting, { exports: [], maxsize: 8 })).toThrow("object too big");
    expect(taken).toEqual([32]);
  });

  it("comes behind the entry, and before what is missing", () => {
    const entry = buildModule({ header: { 1: 0x1000, 5: 1 } });
    expect(refusal(entry, { exports: [], maxsize: 8 }).errstr).toBe(ENTRY);
    const short = buildModule({ header: { 1: 0x1000 } });
    expect(refusal(short, { exports: [], maxsize: 8 }).errstr).toBe(`${0x1000 + 12}: object too big`);
  });
});

it("takes no more relocation data than 256 MiB, or what maxsize says", () => {
  const bytes = buildModule({ relsize: 0x20000000 });
  const head = bytes.length - 8;
  // A source that never ends: zeros behind the module.
  const endless = {
    name: "m",
    size: 2 ** 40,
    read: (offset: number, length: number) =>
      offset < head ? bytes.slice(offset, offset + length) : new Uint8Array(length),
  };
  const load = (maxsize: number) => () => InfernoModule.load(sourceStream(endless), { exports: [], maxsize });
  expect(load(0)).toThrow("out of memory: relocation data");
  expect(load(100)).toThrow("out of memory: relocation data");
});

describe("what Inferno's loader lets pass, and writes or reads elsewhere", () => {
  const POSITION = "dynamic object: bad relocation position";

  it.each<[string, ModuleSpec]>([
    ["behind the image", { relocations: [{ at: 16, mode: 0 }], bare: true }],
    ["across its end", { relocations: [{ at: 13, mode: 0 }], bare: true }],
    ["far behind it", { relocations: [{ at: 0x7fffffff, mode: 0, width: 4 }], bare: true }],
    [
      "behind 32 bits",
      { machine: "arm", relocations: [{ at: 0x4_0000_0000 - 4, mode: 0, width: 4 }], bare: true },
    ],
    [
      "with a second instruction behind it",
      { machine: "power", relocations: [{ at: 12, mode: 3 }], bare: true },
    ],
  ])("refuses a relocation %s", (_where, spec) => {
    const bytes = buildModule(spec);
    const error = refusal(bytes, { exports: TABLE });
    expect([error.errstr, error.code]).toEqual([POSITION, "DYNLD_BAD_RELOCATION"]);
    expect(() => InfernoModule.open(bytes)).toThrow(POSITION);
  });

  it("relocates the last word of the image, and bss", () => {
    const spec: ModuleSpec = { bss: 4, relocations: [{ at: 16, mode: 0 }], bare: true };
    const image = InfernoModule.open(buildModule(spec)).relocate({ base: 0x1000n, exports: [] });
    expect(new DataView(image.bytes.buffer).getUint32(16, true)).toBe(0x1000);
  });

  it.each<[string, ModuleSpec, string]>([
    ["a name outside the image", { exports: [{ name: "f", addr: 0 }], bare: true }, ENTRY],
    ["an address outside it", { exports: [{ name: "f", addr: 0x1000 }] }, ENTRY],
    ["a table that does not end in it", { header: { 5: 12 } }, ENTRY],
    [
      "a name that is there twice",
      {
        exports: [
          { name: "f", addr: 0 },
          { name: "f", addr: 0 },
        ],
      },
      ENTRY,
    ],
  ])("refuses an export table with %s", (_what, spec, errstr) => {
    expect(refusal(buildModule(spec), { exports: TABLE }).errstr).toBe(errstr);
  });

  it("refuses names that overlap to more than the image is long", () => {
    // 64 entries whose names are the tails of one long string.
    const exports = Array.from({ length: 64 }, (_, i) => ({ name: String(i), addr: 0 }));
    const bytes = buildModule({ exports: [...exports, { name: "x".repeat(4000), addr: 0 }] });
    const view = new DataView(bytes.buffer);
    const long = view.getUint32(32 + 4 + 64 * 12 + 8, true);
    for (let i = 0; i < 64; i++) view.setUint32(32 + 4 + i * 12 + 8, long + i, true);
    expect(refusal(bytes, { exports: TABLE }).message).toContain("names longer than the image");
  });

  it("finds exports by name that are not in order", () => {
    const exports = ["b", "a", "c"].map((name, i) => ({ name, addr: i }));
    const image = InfernoModule.open(buildModule({ exports })).relocate({ base: 0x1000n, exports: [] });
    expect(["a", "b", "c", "d"].map((name) => image.address(name))).toEqual([
      0x1001n,
      0x1000n,
      0x1002n,
      undefined,
    ]);
  });
});

describe("a base or a table that is no good", () => {
  const bytes = buildModule({ machine: "arm", imports: [{ name: "puts" }] });

  it.each([-4n, 0xffff_fffcn, 0x1_0000_0000n, 0x1002n])("refuses a base of %d", (base) => {
    expect(refusal(bytes, { base, exports: TABLE }).code).toBe("DYNLD_BAD_ARGUMENT");
  });

  it("takes the last base that the image fits below 4 GiB", () => {
    expect(InfernoModule.open(bytes).relocate({ base: 0xffff_fff0n, exports: TABLE }).base).toBe(
      0xffff_fff0n,
    );
  });

  it("refuses tables out of order, names twice, and addresses of more than 32 bits", () => {
    const [puts, read] = TABLE as [DynsymLike, DynsymLike];
    expect(refusal(bytes, { exports: [read, puts] }).code).toBe("DYNLD_BAD_ARGUMENT");
    expect(refusal(bytes, { exports: [puts, puts] }).code).toBe("DYNLD_DUPLICATE");
    const far = { name: "puts", sig: 0, addr: 0x7fff_0000_0000n };
    expect(refusal(bytes, { exports: [far] }).message).toContain(
      "address out of range: puts: found 0x7fff00000000",
    );
  });
});

describe("signatures", () => {
  const bytes = buildModule({ imports: [{ name: "puts" }, { name: "read", sig: 5 }] });
  const wrong = buildModule({ imports: [{ name: "puts", sig: 5 }] });

  it("fit when one of them is 0, unless the policy is strict", () => {
    expect(InfernoModule.open(bytes).relocate({ exports: TABLE }).nimport).toBe(2);
    const error = refusal(bytes, { exports: TABLE, policy: "strict" });
    expect([error.code, error.errstr, error.symbol]).toEqual([
      "DYNLD_UNCHECKED_SYMBOL",
      "unchecked symbol: puts (0 != 1111)",
      "puts",
    ]);
    expect(error.also.map((one) => one.symbol)).toEqual(["read"]);
  });

  it("can be waived or asked for by name", () => {
    const load = (from: Uint8Array, rules: object) =>
      InfernoModule.open(from).relocate({ exports: TABLE, ...rules }).nimport;
    const lenient = new Map([["puts", "lenient"] as const, ["read", "lenient"] as const]);
    expect(load(bytes, { policy: "strict", exceptions: lenient })).toBe(2);
    expect(load(wrong, { exceptions: new Map([["puts", "unchecked"]]) })).toBe(1);
    expect(() => load(bytes, { exceptions: new Map([["read", "strict"]]) })).toThrow(
      "unchecked symbol: read (5 != 0)",
    );
  });
});

it("tells all symbols that are undefined, with names that may be meant", () => {
  const bytes = buildModule({ imports: [{ name: "putz" }, { name: "reed" }, { name: "puts", sig: 2 }] });
  const error = refusal(bytes, { exports: TABLE });
  expect(error.message).toBe("m: dynamic section+0x8: undefined symbol: putz: the table has puts");
  expect(error.also.map((one) => one.message)).toEqual([
    "m: dynamic section+0x11: undefined symbol: reed: the table has read",
    "m: dynamic section+0x1a: signature mismatch: puts (2 != 1111)",
  ]);
});
