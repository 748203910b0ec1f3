/** Signatures equal those that Inferno's compilers gave to the same declarations: in host.syms and in the modules. */
import { describe, expect, it } from "vitest";
import type { BasicKind, FunctionType, SignType, StructType } from "../../../src/dynld/inferno/sign-type.ts";
import { SIGNINTERN, signof } from "../../../src/dynld/inferno/signof.ts";
import { DynldError } from "../../../src/errors.ts";
import { expectedOf, HOST, hex8 } from "./expected.ts";

const basic = (kind: BasicKind): SignType => ({ kind });
const pointer = (to: SignType): SignType => ({ kind: "pointer", to });
const array = (of: SignType, width = 0): SignType => ({ kind: "array", of, width });
const fn = (result: SignType, ...parameters: SignType[]): FunctionType => ({
  kind: "function",
  result,
  parameters,
});
const struct = (...members: SignType[]): StructType => ({ kind: "struct", members });

const [char, int, uint, long, ulong, vlong, nothing, dots] = (
  ["char", "int", "uint", "long", "ulong", "vlong", "void", "dot"] as const
).map(basic) as [SignType, SignType, SignType, SignType, SignType, SignType, SignType, SignType];

/** `struct Hrec` of host.h, which points to itself. */
function hrec(): StructType {
  const members: SignType[] = [int, pointer(char)];
  const type: StructType = { kind: "struct", tag: "Hrec", members };
  members.push(pointer(type), array(long, 16));
  return type;
}

const opaque: StructType = { kind: "struct", tag: "Opaque", members: [], incomplete: true };
const io = fn(long, pointer(opaque), pointer(nothing), long, vlong);
const xdev = struct(
  int,
  pointer(char),
  pointer(fn(nothing, nothing)),
  pointer(fn(pointer(opaque), pointer(char))),
  pointer(io),
  pointer(io),
  pointer(fn(nothing, pointer(opaque))),
);

describe("signof", () => {
  it.each<[string, SignType]>([
    ["hostadd", fn(int, int, int)],
    ["hostlog", fn(nothing, pointer(char), dots)],
    ["hostcount", int],
    ["hostrec", hrec()],
    ["hosttab", array(long, 64)],
    ["hostname", pointer(char)],
    ["hosthook", pointer(fn(int, int))],
    ["hostopen", fn(pointer(opaque), pointer(char), pointer(opaque))],
    ["ifn000", fn(int, int)],
    ["imp399", int],
  ])("of %s is what the compiler put into the program's table", (name, type) => {
    const entry = HOST.find((symbol) => symbol.name === name);
    expect(hex8(signof(type))).toBe(hex8(entry?.sig ?? 0));
  });

  it.each<[string, string, SignType]>([
    ["m3dev.386", "XXXdevtab", xdev],
    ["m3dev.386", "adder", pointer(fn(int, int, int))],
    ["m3dev.arm", "entry5", pointer(long)],
    ["m3dev.power", "recp", pointer(hrec())],
    ["m3dev.power", "sigs", array(ulong, 24)],
    ["m2basic.386", "banner", array(char, 15)],
    ["m2basic.386", "words", array(pointer(char), 16)],
    ["m2basic.arm", "hiddenp", pointer(int)],
    ["m2basic.arm", "fns", array(pointer(fn(int, int)), 12)],
    ["m2basic.power", "word", fn(pointer(char), int)],
    ["m2basic.power", "logit", fn(int, nothing)],
    ["m2basic.power", "apply", fn(int, int, int)],
  ])("in %s of %s is what the compiler put into the module", (file, name, type) => {
    const entry = expectedOf(file).exports.find((symbol) => symbol.name === name);
    expect(hex8(signof(type))).toBe(entry?.sig);
  });

  it("of what the compiler's signof gave as constants in m3dev.c", () => {
    const { image, header } = expectedOf("m3dev.power");
    const bytes = Buffer.from(image, "hex");
    const at = Number(header.text) + (0x1e8 - Number(header.text));
    const words = Array.from({ length: 6 }, (_, i) => hex8(bytes.readUInt32BE(at + i * 4)));
    const types = [xdev, hrec(), int, pointer(char), fn(int, int, int), array(long, 64)];
    expect(types.map((type) => hex8(signof(type)))).toEqual(words);
  });

  it.each<[BasicKind, string]>([
    ["char", "5cedd32b"],
    ["uchar", "552c4454"],
    ["short", "63040b4b"],
    ["ushort", "32a45878"],
    ["int", "4151d5bd"],
    ["uint", "5ae707d6"],
    ["long", "5ef20f47"],
    ["ulong", "36d8eb8f"],
    ["vlong", "6e5e9590"],
    ["uvlong", "75910105"],
    ["float", "25fd7af1"],
    ["double", "7c40a1b2"],
    ["void", "44112eff"],
    ["enum", "44b54f61"],
    ["file", "19242ac3"],
    ["old", "22b15988"],
    ["dot", "0204f6b3"],
    ["xxx", "17527bbd"],
  ])("of %s is its number in the format's table", (kind, number) => {
    expect(hex8(signof(basic(kind)))).toBe(number);
  });

  it("follows the formula for a pointer, an array and a function, worked out with long numbers", () => {
    const mod = (value: bigint) => hex8(BigInt.asUintN(32, value));
    const [step, again, each] = [0x2edab8c9n, 0x1dc74fb8n, 0x1f241331n];
    expect(hex8(signof(pointer(char)))).toBe(mod(0x1b832357n * step + 0x5cedd32bn));
    expect(hex8(signof(array(int, 8)))).toBe(mod(0x7c50986dn * again * step + 0x4151d5bdn));
    expect(hex8(signof(fn(int)))).toBe(mod(0x6babc9cbn * step + 0x4151d5bdn));
    expect(hex8(signof(fn(int, uint)))).toBe(mod((0x6babc9cbn * each + 0x5ae707d6n) * step + 0x4151d5bdn));
    const old = fn(int, basic("old"), int);
    expect(hex8(signof(old))).toBe(
      mod(((0x6babc9cbn * each + 0x22b15988n) * each + 0x4151d5bdn) * step + 0x4151d5bdn),
    );
    const union: StructType = { kind: "union", members: [int, char] };
    expect(hex8(signof(union))).toBe(mod((0x3eb25e98n * each + 0x4151d5bdn) * each + 0x5cedd32bn));
  });

  it("counts structures that it met before, in the order it met them", () => {
    const mod = (value: bigint) => BigInt.asUintN(32, value);
    const [step, again, each, st, ind] = [0x2edab8c9n, 0x1dc74fb8n, 0x1f241331n, 0x7c2da3bfn, 0x1b832357n];
    const inner = struct(int);
    const innerSum = mod(st * each + 0x4151d5bdn);
    // struct { struct inner a; struct inner *b; struct outer *c; }: outer is number 0, inner 1.
    const members: SignType[] = [inner, pointer(inner)];
    const outer: StructType = { kind: "struct", members };
    members.push(pointer(outer));
    const met = (number: bigint) => mod((ind * step + st) * again + number);
    const sum = mod(((st * each + innerSum) * each + met(1n)) * each + met(0n));
    expect(hex8(signof(outer))).toBe(hex8(sum));
    // An equal one that is another object is the same structure.
    const copy: StructType = { kind: "struct", members: [inner, pointer(struct(int)), pointer(outer)] };
    expect(signof(copy)).toBe(signof(outer));
  });

  it("tells structures of the same kinds apart by what the fifth level allows, and no deeper", () => {
    const nest = (depth: number, leaf: SignType): StructType =>
      depth === 0 ? struct(leaf) : struct(pointer(nest(depth - 1, leaf)));
    const both = (depth: number) => struct(nest(depth, int), nest(depth, char));
    const same = (depth: number) => struct(nest(depth, int), nest(depth, int));
    // Told apart or not shows in the number that the second one gets.
    expect(signof(both(1))).not.toBe(signof(same(1)));
    expect(signof(both(2))).not.toBe(signof(same(2)));
    expect(signof(both(3))).toBe(signof(same(3)));
  });

  it("compares arrays by width unless one is unknown, and takes pointers to void for any", () => {
    const twice = (a: SignType, b: SignType) => signof(struct(struct(a), struct(b)));
    const met = twice(array(int, 8), array(int, 8));
    expect(twice(array(int, 8), array(int, 12))).not.toBe(met);
    expect(twice(array(int, 8), array(int, 0))).toBe(met);
    expect(twice(pointer(int), pointer(nothing))).toBe(twice(pointer(int), pointer(int)));
    expect(twice(pointer(int), pointer(char))).not.toBe(twice(pointer(int), pointer(int)));
  });

  it("compares structures without members by their tags", () => {
    const named = (tag: string): StructType => ({ kind: "struct", tag, members: [] });
    const pair = (a: StructType, b: StructType) => signof(fn(nothing, pointer(a), pointer(b)));
    expect(pair(named("A"), named("B"))).not.toBe(pair(named("A"), named("A")));
    expect(pair(struct(), struct())).toBe(pair(named("A"), named("B")));
  });

  it("lets an empty list of parameters go with any", () => {
    const pair = (a: SignType, b: SignType) => signof(struct(struct(pointer(a)), struct(pointer(b))));
    expect(pair(fn(int, char), fn(int))).toBe(pair(fn(int, char), fn(int, char)));
    expect(pair(fn(int, char), fn(int, basic("old"), char))).toBe(pair(fn(int, char), fn(int, char)));
    expect(pair(fn(int, char), fn(int, int))).not.toBe(pair(fn(int, char), fn(int, char)));
    expect(pair(fn(int, char), fn(char, char))).not.toBe(pair(fn(int, char), fn(int, char)));
  });

  it("is never 0, which would mean unchecked", () => {
    expect(hex8(SIGNINTERN)).toBe("39e8f4c5");
    expect(HOST.find((symbol) => symbol.name === "_div")?.sig).toBe(BigInt(SIGNINTERN));
  });

  it("does not end at 100,000 structures one inside the other", () => {
    let type: SignType = int;
    for (let i = 0; i < 100_000; i++)
      type = struct(pointer(type), ...Array.from({ length: i % 3 }, () => int));
    expect(signof(type)).toBeGreaterThan(0);
  });

  it("refuses types without an end", () => {
    const self = { kind: "pointer" } as { kind: "pointer"; to: SignType };
    self.to = self;
    const parameters: SignType[] = [];
    const eats: FunctionType = { kind: "function", result: int, parameters };
    parameters.push(pointer(eats));
    for (const type of [self, eats, struct(self, struct(self))]) {
      expect(() => signof(type)).toThrow(DynldError);
    }
  });
});
