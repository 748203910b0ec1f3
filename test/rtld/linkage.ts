/** From a call straight into the function, past the linkage table: where that ends is checked with nm(1). */
import { expect } from "vitest";
import { type ControlledProcess, LiveProcess, type RdPltInfo, RtldAgent } from "../../src/rtld/index.ts";
import type { RtldWorkshop } from "./workshop.ts";

/** `twice` is found by a function that runs when it is bound. */
export const CALLED = `
int plain(int x) { return x + 1; }
static int doubled(int x) { return 2 * x; }
static void *choose(void) { return doubled; }
int twice(int x) __attribute__((ifunc("choose")));
`;
export const CALLER = `
int plain(int), twice(int);
__attribute__((noinline)) int call_plain(int x) { return plain(x) + 1; }
__attribute__((noinline)) int call_twice(int x) { return twice(x) + 1; }
int main(void) { return call_plain(1) + call_plain(2) + call_twice(3) + call_twice(4); }
`;
/** 1+1+1, 2+1+1, 2*3+1, 2*4+1 */
const RESULT = 3 + 4 + 7 + 9;

/** Its address is taken, too: with it in the table of addresses, the linker makes an entry in .plt.got. */
export const CALLER_BY_POINTER = `${CALLER} int (*volatile pointer)(int) = plain; int (*address(void))(int) { return plain; }`;

/** What is expected of a kind of linkage table. */
export interface Linkage {
  readonly program: string;
  readonly library: string;
  /** Whether functions are bound at the first call. */
  readonly lazy: boolean;
  /** Instructions of an entry up to the function. */
  readonly nstep: number;
}

export async function stopAt(target: ControlledProcess, address: bigint): Promise<void> {
  target.insertBreakpoint(address);
  target.continue();
  for (let event = await target.next(); event.kind !== "breakpoint"; ) event = await target.next();
  target.removeBreakpoint(address);
}

function threadOf(target: ControlledProcess): number {
  const [thread] = target.threads;
  if (thread === undefined) throw new Error("there is no thread");
  return thread;
}

const pcOf = (target: ControlledProcess): bigint => target.registers(threadOf(target))?.pc ?? 0n;

async function step(target: ControlledProcess, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    target.step(threadOf(target));
    for (let event = await target.next(); event.kind !== "step"; ) event = await target.next();
  }
}

/** Steps until the table, or a call past it, and goes on as it says. @returns what it says, and where that leads */
async function intoCallee(
  target: ControlledProcess,
  agent: RtldAgent,
): Promise<{ info: RdPltInfo; pc: bigint }> {
  for (let i = 0; i < 20; i++) {
    const info = agent.pltResolution(pcOf(target), threadOf(target), 0n);
    if (info.skipMethod !== "RD_RESOLVE_NONE") {
      // What the thread does not say, the object does.
      expect(agent.pltResolution(pcOf(target))).toEqual(info);
      if (info.skipMethod === "RD_RESOLVE_TARGET_STEP") await stopAt(target, info.target);
      await step(target, info.nstep);
      return { info, pc: pcOf(target) };
    }
    await step(target, 1);
  }
  throw new Error("there was no entry of the table");
}

/** Runs {@link CALLER} to its end, and goes into each function by what the agent says. */
export async function checkLinkage(
  workshop: RtldWorkshop,
  target: ControlledProcess,
  { program, library, lazy, nstep }: Linkage,
): Promise<void> {
  const agent = RtldAgent.new(new LiveProcess(target));
  const entry = agent.eventAddr("RD_POSTINIT");
  if (entry.type !== "RD_NOTIFY_BPT") throw new Error("expected a breakpoint");
  await stopAt(target, entry.bptaddr);
  const objects = agent.objects;
  const bias = objects[0]?.bias ?? 0n;
  const libraryBias = objects.find((one) => one.name === library)?.bias ?? 0n;
  for (const [caller, callee] of [
    ["call_plain", "plain"],
    ["call_twice", "doubled"],
  ] as const) {
    const address = libraryBias + workshop.symbol(library, callee);
    for (const isFirst of [true, false]) {
      await stopAt(target, bias + workshop.symbol(program, caller));
      const { info, pc } = await intoCallee(target, agent);
      expect(pc).toBe(address);
      expect(info).toMatchObject(
        lazy && isFirst
          ? { skipMethod: "RD_RESOLVE_TARGET_STEP", nstep: 1, baddr: 0n, flags: 0 }
          : { skipMethod: "RD_RESOLVE_STEP", nstep, target: 0n, baddr: address, flags: 1 },
      );
    }
  }
  target.continue();
  let event = await target.next();
  while (event.kind !== "exit") event = await target.next();
  expect(event.code).toBe(RESULT);
}
