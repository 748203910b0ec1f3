/** Claim: a call typed by debug information takes at most 1.1 times what one that was declared by hand does. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { compileFunction } from "node:vm";
import koffi from "koffi";
import { openLibrary } from "../../src/dynld/index.ts";
import { median, printColumns } from "../table.ts";

const CALLS = 20_000;
const ROUNDS = 101;

/** One call made by both, as often. */
interface Pair {
  readonly what: string;
  /** C function. */
  readonly name: string;
  /** Its arguments in JavaScript: `i` counts, `x` is `ours` or `peers`. */
  readonly args: string;
  readonly ours?: unknown;
  readonly peers?: unknown;
  /** What the peer does with the result. */
  readonly result?: (call: string) => string;
  readonly goal?: string;
}

type Callable = (...args: unknown[]) => unknown;

/** @param scratch a directory for the library */
export async function measureCalls(scratch: string): Promise<void> {
  const path = join(scratch, "call.so");
  execFileSync("gcc", ["-g", "-O2", "-shared", "-fPIC", "-o", path, "bench/peers/call.c"]);
  using library = await openLibrary(path, { debuginfod: false });
  const view = library.type("struct point").create({ x: 6, y: 7 });
  const byHand = declaredByHand(path);
  const rows = pairs(view).map((pair) => {
    const own = library.fn[pair.name];
    const peer = byHand[pair.name];
    if (own === undefined || peer === undefined) throw new Error(`${pair.name}: one of them is missing`);
    return measure(pair, own, peer);
  });
  printColumns(["Calling, ns", "bindery", "koffi", "ratio", "goal"], rows);
}

function declaredByHand(path: string): Readonly<Record<string, Callable>> {
  const library = koffi.load(path);
  koffi.struct("point", { x: "int", y: "int" });
  koffi.struct("vector", { x: "double", y: "double", z: "double" });
  koffi.proto("int binary(int a, int b)");
  return {
    nothing: library.func("void nothing()"),
    add: library.func("int add(int a, int b)"),
    multiply: library.func("double multiply(double a, double b)"),
    add_long: library.func("long add_long(long a, long b)"),
    many: library.func("int many(int a, uint b, short c, uchar d, double e, float f, int g, int h)"),
    first: library.func("int first(const char *text)"),
    area: library.func("int area(point p)"),
    first_of: library.func("int first_of(const int *values)"),
    area_at: library.func("int area_at(const point *p)"),
    vector: library.func("vector vector(double x)"),
    apply: library.func("int apply(binary *f, int a, int b)"),
  };
}

function pairs(view: unknown): Pair[] {
  const goal = "<= 1.1x";
  const ints = Int32Array.of(6, 7);
  const minus = (a: number, b: number): number => a - b;
  const point = { x: 6, y: 7 };
  return [
    { what: "void (void)", name: "nothing", args: "", goal },
    { what: "int (int, int)", name: "add", args: "i, 2", goal },
    { what: "double (double, double)", name: "multiply", args: "i, 0.5", goal },
    { what: "int of eight numbers", name: "many", args: "i, 2, 3, 4, 5, 6, 7, 8", goal },
    { what: "long (long, long), beyond 53 bits", name: "add_long", args: "1152921504606846976n, 2n", goal },
    { what: "the same, small: a bigint against a number", name: "add_long", args: "5n, 2n" },
    {
      what: "the same, against BigInt() of that number",
      name: "add_long",
      args: "5n, 2n",
      result: (call) => `BigInt(${call})`,
      goal,
    },
    { what: "int (const char *), a string", name: "first", args: '"a text of some length"', goal },
    { what: "int (struct point), an object", name: "area", args: "{ x: i, y: 7 }", goal },
    { what: "int (struct point), a view", name: "area", args: "x", ours: view, peers: point, goal },
    {
      what: "int (const int *), a typed array",
      name: "first_of",
      args: "x",
      ours: ints,
      peers: ints,
      goal,
    },
    { what: "int (struct point *), a view", name: "area_at", args: "x", ours: view, peers: point, goal },
    { what: "int (struct point *), an object", name: "area_at", args: "{ x: i, y: 7 }", goal },
    { what: "struct vector (double)", name: "vector", args: "i", goal },
    { what: "int (function, int, int)", name: "apply", args: "x, i, 2", ours: minus, peers: minus, goal },
  ];
}

function measure(
  { what, args, ours, peers, result, goal = "" }: Pair,
  own: Callable,
  peer: Callable,
): string[] {
  const call = `f(${args})`;
  const runs = [loop(call, own, ours), loop(result?.(call) ?? call, peer, peers)] as const;
  const times: [number[], number[]] = [[], []];
  for (let round = -10; round < ROUNDS; round++) {
    // Each is the first as often as the other.
    for (const index of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const start = performance.now();
      runs[index](CALLS);
      if (round >= 0) times[index].push(((performance.now() - start) * 1e6) / CALLS);
    }
  }
  const [mine, theirs] = [median(times[0]), median(times[1])];
  return [what, mine.toFixed(1), theirs.toFixed(1), `${(mine / theirs).toFixed(2)}x`, goal];
}

/** A loop of its own for each function, as programs have: one that calls several is slower for all. */
function loop(call: string, f: Callable, x: unknown): (count: number) => unknown {
  const code = `return (count) => { let last; for (let i = 0; i < count; i++) last = ${call}; return last; };`;
  return compileFunction(code, ["f", "x"])(f, x) as (count: number) => unknown;
}
