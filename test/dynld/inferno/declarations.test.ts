/** C text has the signatures that Inferno's compilers gave it: whole programs against what they made of them. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CDeclarations } from "../../../src/dynld/inferno/c/declarations.ts";
import type { SignType } from "../../../src/dynld/inferno/sign-type.ts";
import { signof } from "../../../src/dynld/inferno/signof.ts";
import { DynldError } from "../../../src/errors.ts";
import { Random } from "../../support/elf-random.ts";
import { dataPath, expectedOf, HOST, hex8, MODULES } from "./expected.ts";

const source = (name: string) => readFileSync(dataPath(name), "utf8");
const HEADER = source("host.h");

describe("signatures of whole programs", () => {
  it("of host.h are those of the program's table", () => {
    const declarations = CDeclarations.parse(HEADER);
    expect([...declarations.symbols.keys()].sort()).toEqual([
      "hostadd",
      "hostcount",
      "hosthook",
      "hostlog",
      "hostname",
      "hostopen",
      "hostrec",
      "hosttab",
      "hostv",
    ]);
    for (const { name, sig } of HOST.filter((symbol) => declarations.symbols.has(symbol.name))) {
      expect(hex8(declarations.signof(name)), name).toBe(hex8(sig));
    }
  });

  it.each(MODULES)("of the source of %s are those that it exports and imports", (name) => {
    const text = source(`${name.split(".")[0]}.c`);
    const declarations = CDeclarations.parse(text.replace('#include "host.h"', HEADER));
    const { exports, imports } = expectedOf(name);
    for (const { name, sig } of exports) expect(hex8(declarations.signof(name)), name).toBe(sig);
    // Compilers call functions of their own for what a machine has no instructions for.
    for (const { name, hostsig } of imports.filter((one) => !one.name.startsWith("_"))) {
      expect(hex8(declarations.signof(name)), name).toBe(hostsig);
    }
    expect(exports.length).toBeGreaterThan(0);
  });

  it("of types in their terms are what the compiler's signof gave in m3dev.c", () => {
    const text = source("m3dev.c");
    const declarations = CDeclarations.parse(text.replace('#include "host.h"', HEADER));
    const [, list = ""] = /sigs\[\] = \{([^}]*)\}/.exec(text) ?? [];
    const operands = [...list.matchAll(/signof\(([^)]*)\)/g)].map(([, operand = ""]) => operand);
    const image = Buffer.from(expectedOf("m3dev.386").image, "hex");
    const at = Number(`0x${expectedOf("m3dev.386").exports.at(-1)?.addr}`) - 0x1000_0000;
    const words = operands.map((_, i) => hex8(image.readUInt32LE(at + i * 4)));
    expect(operands.length).toBe(6);
    expect(operands.map((operand) => hex8(declarations.signof(operand)))).toEqual(words);
  });
});

describe("types", () => {
  const plain = CDeclarations.parse("");
  const basic = (kind: "int" | "char" | "void" | "double"): SignType => ({ kind }) as SignType;

  it.each<[string, string]>([
    ["char", "char"],
    ["signed char", "char"],
    ["unsigned char", "uchar"],
    ["short int", "short"],
    ["int unsigned short", "ushort"],
    ["signed", "int"],
    ["unsigned", "uint"],
    ["long int", "long"],
    ["unsigned long", "ulong"],
    ["long long", "vlong"],
    ["long unsigned int long", "uvlong"],
    ["float", "float"],
    ["long double", "double"],
    ["long float", "double"],
    ["const volatile void", "void"],
    ["enum { A, B }", "int"],
    ["enum { A = 0x80000000 }", "uint"],
    ["enum { A = -1, B = 0x100000000 }", "vlong"],
  ])("%s is %s", (text, kind) => {
    expect(plain.type(text)).toEqual({ kind });
  });

  it("are read inside out", () => {
    const pointer = (to: SignType): SignType => ({ kind: "pointer", to });
    const fn = (result: SignType, ...parameters: SignType[]): SignType => ({
      kind: "function",
      result,
      parameters,
    });
    const [int, char, nothing] = [basic("int"), basic("char"), basic("void")];
    expect(plain.type("char *const *")).toEqual(pointer(pointer(char)));
    expect(plain.type("int (*)(char*, ...)")).toEqual(pointer(fn(int, pointer(char), { kind: "dot" })));
    expect(plain.type("int ()")).toEqual(fn(int));
    expect(plain.type("int (void)")).toEqual(fn(int, nothing));
    expect(plain.type("char *(*(int))(void)")).toEqual(fn(pointer(fn(pointer(char), nothing)), int));
    expect(plain.type("int (*[3])(void)")).toEqual({
      kind: "array",
      of: pointer(fn(int, nothing)),
      width: 12,
    });
    expect(plain.type("char [2][3]")).toEqual({
      kind: "array",
      of: { kind: "array", of: char, width: 3 },
      width: 6,
    });
    // Parameters that are arrays or functions are pointers.
    expect(plain.type("void (int a[4], int f(int), int [])")).toEqual(
      fn(nothing, pointer(int), pointer(fn(int, int)), pointer(int)),
    );
  });

  it("of lengths are worked out", () => {
    const c = CDeclarations.parse("enum { N = 3, M, K = 'a' }; struct S { char c; long l; };");
    const width = (length: string) => (c.type(`char [${length}]`) as { width: number }).width;
    expect(
      [
        "N + M * 2",
        "(N | 8) << 1",
        "K",
        "sizeof(struct S)",
        "sizeof(struct S[2])",
        "010",
        "0x10UL",
        "-1 + 2",
        "!0 ? 5 : 6",
        "~0 & 7",
        "'\\n'",
        "(int)4",
        "7 / 2 % 2",
      ].map(width),
    ).toEqual([11, 22, 97, 8, 16, 8, 16, 1, 5, 7, 10, 4, 1]);
    expect((c.type("struct S [4]") as { width: number }).width).toBe(32);
    expect((plain.type("union { char c; short s[3]; } [2]") as { width: number }).width).toBe(12);
  });

  it("of bit-fields are the words that they lie in, and of lent members their structure", () => {
    const c = CDeclarations.parse(
      "typedef struct L L; struct L { int key; }; struct T { L; unsigned a: 3; int b: 4, : 0; unsigned: 2; };",
    );
    expect(c.type("struct T")).toMatchObject({
      members: [{ kind: "struct", tag: "L" }, { kind: "ulong" }, { kind: "long" }, { kind: "ulong" }],
    });
  });

  it("hides what a pragma hides, by its typedef or its tag", () => {
    const text =
      "typedef struct { int x; } A; typedef struct B B; struct B { int x; };\n#pragma incomplete A\n # pragma incomplete struct B\n";
    const c = CDeclarations.parse(text);
    expect([c.signof("A"), c.signof("struct B")]).toEqual([0x7c2da3bf, 0x7c2da3bf]);
    expect(CDeclarations.parse(text.replaceAll("#", "//#")).signof("A")).not.toBe(0x7c2da3bf);
  });

  it("of old-style definitions are marked, and promoted", () => {
    const c = CDeclarations.parse("f(a, b, c) char a; float b, *c; { return a; }\nint after;");
    expect(c.symbols.get("f")).toEqual({
      kind: "function",
      result: { kind: "int" },
      parameters: [
        { kind: "old" },
        { kind: "int" },
        { kind: "double" },
        { kind: "pointer", to: { kind: "float" } },
      ],
    });
    expect(c.symbols.get("after")).toEqual({ kind: "int" });
  });

  it("are completed by later declarations, and not undone", () => {
    const c = CDeclarations.parse("extern int a[]; int a[4]; extern int a[]; int f(); int f(char); int f();");
    expect(c.symbols.get("a")).toMatchObject({ width: 16 });
    expect(c.symbols.get("f")).toMatchObject({ parameters: [{ kind: "char" }] });
    const forward = CDeclarations.parse("extern struct N *head; struct N { struct N *next; };");
    expect(signof(forward.symbols.get("head") ?? basic("int"))).toBe(forward.signof("struct N *"));
  });
});

describe("text that is not C", () => {
  it.each<[string, string]>([
    ["int\n\nx", "line 3: found the end, expected ,"],
    ["int x = 1", "line 1: found the end, expected , or ;"],
    ["nothing x;", "line 1: found nothing, expected a type"],
    ["long short x;", "line 1: found x, expected a type, after long short"],
    ["struct S { int x; }; struct S { int y; };", "line 1: found int, expected one definition of struct S"],
    ["struct S { int x; }; union S u;", "expected S to be a struct, as before"],
    ["int x[1/0];", "found a division by 0"],
    ["int x[-1];", "expected a length of 0 or more"],
    ["int x[N];", "line 1: found N, expected an integer constant"],
    ["int x[08];", "expected an integer constant"],
    ["int x; /* /* /*", "line 1: found a comment without an end"],
    ["int @;", 'found "@", expected C'],
    ["int *;", "expected a name"],
    ["int f(a b);", "expected )"],
  ])("%j is refused", (text, message) => {
    expect(() => CDeclarations.parse(text)).toThrow(DynldError);
    expect(() => CDeclarations.parse(text)).toThrow(message);
  });

  it("is refused as a type when it is more", () => {
    const c = CDeclarations.parse("");
    expect(() => c.type("int x")).toThrow("expected a type without a name");
    expect(() => c.type("int, char")).toThrow("found ,, expected the end of a type");
  });

  it("is refused however deep it is", () => {
    for (const deep of [
      "int (".repeat(1e4),
      "struct {".repeat(1e4),
      `int x[${"(".repeat(1e4)}`,
      `int x = ${"{".repeat(1e4)}`,
    ]) {
      expect(() => CDeclarations.parse(deep)).toThrow(DynldError);
    }
    // A structure that holds two of the one before, 64 times over.
    const twice = Array.from({ length: 64 }, (_, i) => `struct S${i + 1} { struct S${i} a, b; };`);
    expect(
      CDeclarations.parse(`struct S0 { int x; }; ${twice.join(" ")} struct S64 all[2];`).signof("all"),
    ).toBeGreaterThan(0);
  });

  it("never crashes or hangs the reader", () => {
    const text = `${HEADER}\n${source("m3dev.c")}`;
    const pieces = text.split(/(\W)/);
    for (let seed = 0; seed < 1000; seed++) {
      const random = new Random(seed);
      const copy = [...pieces];
      for (let i = 0; i < 3; i++) copy[random.below(copy.length)] = random.pick(pieces);
      try {
        const declarations = CDeclarations.parse(copy.join(""));
        for (const name of declarations.symbols.keys()) declarations.signof(name);
      } catch (error) {
        if (!(error instanceof DynldError)) throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});
