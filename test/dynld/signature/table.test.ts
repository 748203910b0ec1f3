/** Types in a module: they come back as they were, and damaged ones are refused. */
import { afterAll, describe, expect, it } from "vitest";
import { compareSymbols } from "../../../src/dynld/signature/compare.ts";
import { Signatures, type SignedSymbol } from "../../../src/dynld/signature/signature.ts";
import { encodeTypes, TypeTable } from "../../../src/dynld/signature/table.ts";
import { TypedFile } from "../../../src/dynld/signature/typed-file.ts";
import { DynldError } from "../../../src/errors.ts";
import { source, Workshop } from "./compile.ts";

const workshop = new Workshop();
afterAll(() => workshop[Symbol.dispose]());

function signedOf(path: string): SignedSymbol[] {
  const file = TypedFile.openLocal(path);
  return [...file.typedExports()].flatMap(({ typed }) =>
    typed === undefined ? [] : [file.signature(typed)],
  );
}

/** Numbers that are the same in every run. */
function* random(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state >>> 8;
  }
}

describe("a table of types", () => {
  it.each([
    ["gcc", "kinds.c"],
    ["g++", "kinds.cc"],
  ])(
    "of what %s made of %s gives back every symbol, with the type that the signature says",
    (compiler, name) => {
      const signed = signedOf(workshop.compile(compiler, source(name)));
      const bytes = encodeTypes(signed);
      const table = TypeTable.decode(bytes);
      expect(new Set(table.signatures)).toEqual(new Set(signed.map(({ signature }) => signature)));
      for (const { symbol, signature, text } of signed) {
        const found = table.symbol(symbol.name, signature) ?? expect.fail(symbol.name);
        const again = new Signatures().of(found);
        expect([symbol.name, again.text]).toEqual([symbol.name, text]);
        expect(compareSymbols(symbol, found)).toBeUndefined();
      }
      const signatures = new Signatures();
      const again = signed.map(({ symbol, signature }) =>
        signatures.of(table.symbol(symbol.name, signature) ?? symbol),
      );
      expect(encodeTypes(again)).toEqual(bytes);
    },
  );

  it("is small: shared structures are there once", () => {
    const many = Array.from(
      { length: 100 },
      (_, i) => `int f${i}(struct Dev *d, int (*a)[${i + 1}]) { return 0; }`,
    ).join("\n");
    const members = Array.from({ length: 100 }, (_, i) => `long member_number_${i};`).join(" ");
    const signed = signedOf(workshop.compileText(`struct Dev { ${members} };\n${many}`));
    expect(signed).toHaveLength(100);
    expect(encodeTypes(signed).length).toBeLessThan(2000);
  });

  it("has no symbol with another signature, and refuses symbols of machines of other sizes", () => {
    const [first] = signedOf(workshop.compileText("int f(int a) { return a; }"));
    if (first === undefined) expect.fail();
    const table = TypeTable.decode(encodeTypes([first]));
    expect(table.symbol("f", first.signature + 1n)).toBeUndefined();
    const other = { ...first, signature: 1n, symbol: { ...first.symbol, addressSize: 4 } };
    expect(() => encodeTypes([first, other])).toThrow(DynldError);
  });

  it("that is damaged is refused, or lacks what was damaged", () => {
    const signed = signedOf(workshop.compile("gcc", source("kinds.c")));
    const bytes = encodeTypes(signed);
    const numbers = random(7);
    let refused = 0;
    for (let i = 0; i < 2000; i++) {
      const damaged = bytes.slice(0, i % 3 === 0 ? numbers.next().value % bytes.length : bytes.length);
      for (let k = 0; k < 1 + (i % 4) && damaged.length > 0; k++) {
        damaged[numbers.next().value % damaged.length] = numbers.next().value;
      }
      try {
        const table = TypeTable.decode(damaged);
        for (const { symbol, signature, text } of signed) {
          const found = table.symbol(symbol.name, signature);
          if (found !== undefined) expect(new Signatures().of(found).text).toBe(text);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(DynldError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(1500);
  });

  it.each([
    ["a reference to what is not there", ["types 8 0 1", "f8(*@3)v"]],
    ["a reference to a later group", ["types 8 2 0", "1", "S8'A'{0'b'*@1;}", "1", "S8'B'{0'a's4'int';}"]],
    ["a type without an end", ["types 8 0 1", `v8${"*".repeat(5000)}v`]],
    ["a number of groups that are not there", ["types 8 1000000000 1", "v8v"]],
    ["text behind the end", ["types 8 0 1", "v8v", "v8v"]],
    ["a bad letter", ["types 8 0 1", "v8z"]],
    ["a function that is none", ["types 8 0 1", "f8s4'int'"]],
    ["a name without an end", ["types 8 0 1", "v8s4'int"]],
    ["no lines", [""]],
  ])("with %s is refused", async (_what, lines) => {
    const { deflate } = await import("pako");
    const text = new TextEncoder().encode(`${lines.join("\n")}\n`);
    const packed = deflate(text);
    const bytes = new Uint8Array([0x89, 0x42, 0x54, 1, text.length & 255, text.length >> 8, 0, 0, ...packed]);
    expect(() => {
      const table = TypeTable.decode(bytes);
      for (const signature of table.signatures) table.symbol("x", signature);
    }).toThrow(DynldError);
  });

  it("that claims to be large takes no memory", () => {
    const bytes = new Uint8Array([0x89, 0x42, 0x54, 1, 255, 255, 255, 255, 1, 2, 3]);
    expect(() => TypeTable.decode(bytes)).toThrow(/expected less/);
  });
});
