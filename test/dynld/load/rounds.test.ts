/** A thousand modules, one after the other, and what is left of them: nothing. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { compileTo } from "../support/compile.ts";

const ROUNDS = 1000;

/** Constructors, destructors, exceptions, callbacks into JavaScript, thread-local variables, one with a destructor. */
const SOURCE = `
extern "C" {
  typedef unsigned long pthread_t;
  int pthread_create(pthread_t *, const void *, void *(*)(void *), void *);
  int pthread_join(pthread_t, void **);
  void log_line(const char *);
  int host0(int), host1(int), host2(int), host3(int), host4(int);
  int host5(int), host6(int), host7(int), host8(int), host9(int);
}
struct Witness { const char *name; Witness(const char *n) : name(n) {} ~Witness() { log_line(name); } };
struct Bottom { virtual ~Bottom() {} virtual int at() { return 3; } };
static int make() { log_line("made"); return 7; }
static Witness gone("gone");
static thread_local Witness ended("ended");
static thread_local int count = 20;
static __thread char block[5000];
static int depth(int n) { Witness w("unwound"); if (n == 0) throw Bottom(); return depth(n - 1); }
static void *run(void *to) { block[4000]++; *(int *)to = count; return 0; }
extern "C" {
  static int made = make();
  int called(int n) {
    ended.name = "ended";
    return host0(n) + host1(n) + host2(n) + host3(n) + host4(n) + host5(n) + host6(n) + host7(n) + host8(n) + host9(n);
  }
  int thrown(int n) { try { return depth(n); } catch (Bottom &b) { return b.at(); } }
  int counted(int in_thread) {
    pthread_t thread;
    int other = 0;
    count++;
    block[1]++;
    if (in_thread) { pthread_create(&thread, 0, run, &other); pthread_join(thread, 0); }
    return count + other;
  }
}`;

interface State {
  readonly mappings: readonly string[];
  readonly objects: readonly string[];
  readonly threads: number;
  readonly descriptors: number;
}

type Memory = Readonly<Record<"resident" | "heap" | "malloc", number>>;

/** KiB a round that something may grow by: what was compiled, cached or not returned to the system yet. */
const MOST: Memory = { resident: 3, heap: 1, malloc: 2 };

it("1,000 rounds of loading, calling and unloading leave the process as it was", () => {
  const script = join(import.meta.dirname, "rounds.mjs");
  // Without compiled code, of which there is more all the time, memory is the same from one round to the next.
  // So it is where the space for new objects has one size from the start.
  const space = ["--min-semi-space-size=1", "--max-semi-space-size=1"];
  const flags = ["--jitless", "--expose-gc", "--no-warnings", ...space];
  const paths = [[], ["-g"]].map((debug) => compileTo(SOURCE, "g++", [...debug, "-O1", "-fPIC"]));
  const said = execFileSync(process.execPath, [...flags, script, ...paths, String(ROUNDS)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { before, after, samples } = JSON.parse(said) as { before: State; after: State; samples: Memory[] };
  expect(after).toEqual(before);
  expect(before.mappings.filter((line) => line.includes("libstdc++")).length).toBeGreaterThan(0);
  const half = samples.length / 2;
  for (const [kind, most] of Object.entries(MOST) as [keyof Memory, number][]) {
    const sizes = samples.map((sample) => sample[kind]);
    // Sizes go up and down, as memory is given back when others like; of something that is lost, least and most grow.
    const [first, second] = [sizes.slice(2, half), sizes.slice(half)];
    const growth = Math.min(
      Math.min(...second) - Math.min(...first),
      Math.max(...second) - Math.max(...first),
    );
    expect([kind, growth]).toEqual([kind, expect.toSatisfy((kib: number) => kib < (most * ROUNDS) / 2)]);
  }
}, 240_000);
