/** From a call straight into the function, past the linkage table: where that ends is checked with nm(1). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LiveProcess, type RdPltInfo, RtldAgent, type Target } from "../../src/rtld/index.ts";
import { X86_64_PLT } from "../../src/rtld/machine/x86_64.ts";
import { resolvePlt } from "../../src/rtld/plt.ts";
import { RtldWorkshop } from "./workshop.ts";

/** `twice` is found by a function that runs when it is bound. */
const LIBRARY = `
int plain(int x) { return x + 1; }
static int doubled(int x) { return 2 * x; }
static void *choose(void) { return doubled; }
int twice(int x) __attribute__((ifunc("choose")));
`;
const PROGRAM = `
int plain(int), twice(int);
__attribute__((noinline)) int call_plain(int x) { return plain(x) + 1; }
__attribute__((noinline)) int call_twice(int x) { return twice(x) + 1; }
int main(void) { return call_plain(1) + call_plain(2) + call_twice(3) + call_twice(4); }
`;
/** Its address is taken, too: with it in the table of addresses, the linker makes an entry in .plt.got. */
const POINTER = `${PROGRAM} int (*volatile pointer)(int) = plain; int (*address(void))(int) { return plain; }`;

interface Kind {
  readonly name: string;
  readonly flags: readonly string[];
  readonly source?: string;
  /** Whether functions are bound at the first call. */
  readonly lazy: boolean;
  /** Section that the calls go through, which readelf must show. */
  readonly section: string | undefined;
  readonly nstep: number;
}

const PLAIN = "-fcf-protection=none";
const IBT = ["-fcf-protection=full", "-Wl,-z,ibtplt"];
const KINDS: readonly Kind[] = [
  { name: "lazy", flags: [PLAIN, "-Wl,-z,lazy"], lazy: true, section: ".plt", nstep: 1 },
  { name: "lazy-fixed", flags: [PLAIN, "-Wl,-z,lazy", "-no-pie"], lazy: true, section: ".plt", nstep: 1 },
  { name: "ibt", flags: [...IBT, "-Wl,-z,lazy"], lazy: true, section: ".plt.sec", nstep: 2 },
  { name: "ibt-now", flags: [...IBT, "-Wl,-z,now"], lazy: false, section: ".plt.sec", nstep: 2 },
  { name: "now", flags: [PLAIN, "-Wl,-z,now"], lazy: false, section: ".plt", nstep: 1 },
  {
    name: "got",
    flags: [PLAIN, "-Wl,-z,now"],
    source: POINTER,
    lazy: false,
    section: ".plt.got",
    nstep: 1,
  },
  { name: "no-plt", flags: [PLAIN, "-fno-plt"], lazy: false, section: undefined, nstep: 1 },
];

const workshop = new RtldWorkshop();
let library = "";
beforeAll(() => {
  library = workshop.compile("libcalled.so", LIBRARY, "-shared", "-fPIC");
});
afterAll(() => workshop.remove());

async function stopAt(target: Target, address: bigint): Promise<void> {
  target.insertBreakpoint(address);
  target.continue();
  for (let event = await target.next(); event.kind !== "breakpoint"; ) event = await target.next();
  target.removeBreakpoint(address);
}

async function step(target: Target, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    target.step(target.pid);
    for (let event = await target.next(); event.kind !== "step"; ) event = await target.next();
  }
}

const pcOf = (target: Target): bigint => target.registers(target.pid)?.pc ?? 0n;

/** Steps until the table, or a call past it, and goes on as it says. @returns what it says, and where that leads */
async function intoCallee(target: Target, agent: RtldAgent): Promise<{ info: RdPltInfo; pc: bigint }> {
  for (let i = 0; i < 20; i++) {
    const info = agent.pltResolution(pcOf(target), target.pid, 0n);
    if (info.skipMethod !== "RD_RESOLVE_NONE") {
      if (info.skipMethod === "RD_RESOLVE_TARGET_STEP") await stopAt(target, info.target);
      await step(target, info.nstep);
      return { info, pc: pcOf(target) };
    }
    await step(target, 1);
  }
  throw new Error("there was no entry of the table");
}

describe("a linkage table of kind", () => {
  it.each(KINDS)("$name leads into the function, at the first call and later", async (kind) => {
    const { name, flags, source = PROGRAM, lazy, section, nstep } = kind;
    const link = ["-L.", "-lcalled", `-Wl,-rpath,${workshop.directory}`];
    const program = workshop.compile(name, source, ...flags, ...link);
    const sections = workshop.run("readelf", "-SW", program);
    if (section !== undefined) expect(sections).toContain(` ${section} `);
    const target = workshop.spawn(program);
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
    // 1+1+1, 2+1+1, 2*3+1, 2*4+1
    expect(event.code).toBe(3 + 4 + 7 + 9);
  });

  it("with bnd, which linkers made for MPX, is told by its bytes, as the psABI had them", () => {
    // 0x1000 PLT0: push GOT+8; bnd jmp *GOT+16; nopl. 0x1010: push $1; bnd jmp PLT0; nop. 0x1020 .plt.sec: bnd jmp *slot.
    const code = "ff35fa0f0000f2ff25fb0f00000f1f00" + "6801000000f2e9e5ffffff0f1f440000" + "f2ff25f90f0000";
    const memory = new Uint8Array(0x3000);
    memory.set(Buffer.from(code, "hex"), 0);
    const words = new DataView(memory.buffer);
    words.setBigUint64(0x1008, 0x2800n, true); // the binder, at GOT+16 = 0x2008
    words.setBigUint64(0x1020, 0x1010n, true); // not bound yet
    memory.set([0x53, 0xf2, 0x41, 0xff, 0xe3], 0x1800); // push %rbx; bnd jmp *%r11
    const read = (address: bigint, length: number) => {
      const at = Number(address) - 0x1000;
      return at >= 0 && at + length <= memory.length ? memory.subarray(at, at + length) : undefined;
    };
    const word = (address: bigint) => words.getBigUint64(Number(address) - 0x1000, true);
    const resolve = (pc: bigint) => resolvePlt(X86_64_PLT, { read, word, got: () => undefined }, pc);
    const lazy = { skipMethod: "RD_RESOLVE_TARGET_STEP", nstep: 1, target: 0x2801n, baddr: 0n, flags: 0 };
    expect(resolve(0x1020n)).toEqual(lazy);
    expect(resolve(0x1010n)).toEqual(lazy);
    words.setBigUint64(0x1020, 0x2900n, true);
    expect(resolve(0x1020n)).toMatchObject({
      skipMethod: "RD_RESOLVE_STEP",
      nstep: 1,
      baddr: 0x2900n,
    });
  });

  it("none is RD_RESOLVE_NONE: other code, and what is no memory", () => {
    const target = workshop.spawn("/bin/true");
    const agent = RtldAgent.new(new LiveProcess(target));
    expect(agent.pltResolution(pcOf(target))).toMatchObject({ skipMethod: "RD_RESOLVE_NONE", nstep: 0 });
    expect(agent.pltResolution(8n)).toMatchObject({ skipMethod: "RD_RESOLVE_NONE" });
    target.kill();
  });
});
