/** From a call straight into the function, past the linkage table: where that ends is checked with nm(1). */
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LiveProcess, RtldAgent } from "../../src/rtld/index.ts";
import { X86_64_PLT } from "../../src/rtld/machine/x86_64.ts";
import { resolvePlt } from "../../src/rtld/plt.ts";
import { CALLED, CALLER, CALLER_BY_POINTER, checkLinkage } from "./linkage.ts";
import { RtldWorkshop } from "./workshop.ts";

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
    source: CALLER_BY_POINTER,
    lazy: false,
    section: ".plt.got",
    nstep: 1,
  },
  { name: "no-plt", flags: [PLAIN, "-fno-plt"], lazy: false, section: undefined, nstep: 1 },
];

const FIXED = ["-fno-pic", "-fno-pie", "-no-pie"];
const IBT32 = ["-fcf-protection=full", "-Wl,-z,ibtplt", "-Wl,-z,lazy"];
const KINDS_I386: readonly Kind[] = [
  { name: "lazy", flags: [PLAIN, "-Wl,-z,lazy"], lazy: true, section: ".plt", nstep: 1 },
  { name: "lazy-fixed", flags: [PLAIN, "-Wl,-z,lazy", ...FIXED], lazy: true, section: ".plt", nstep: 1 },
  { name: "ibt", flags: IBT32, lazy: true, section: ".plt.sec", nstep: 2 },
  { name: "ibt-fixed", flags: [...IBT32, ...FIXED], lazy: true, section: ".plt.sec", nstep: 2 },
  { name: "now", flags: [PLAIN, "-Wl,-z,now"], lazy: false, section: ".plt", nstep: 1 },
  { name: "now-fixed", flags: [PLAIN, "-Wl,-z,now", ...FIXED], lazy: false, section: ".plt", nstep: 1 },
  {
    name: "got",
    flags: [PLAIN, "-Wl,-z,now"],
    source: CALLER_BY_POINTER,
    lazy: false,
    section: ".plt.got",
    nstep: 1,
  },
  { name: "no-plt", flags: [PLAIN, "-fno-plt"], lazy: false, section: undefined, nstep: 1 },
  { name: "no-plt-fixed", flags: [PLAIN, "-fno-plt", ...FIXED], lazy: false, section: undefined, nstep: 1 },
];

const BND = 0xf2;
/** Bytes of `endbr64`, and of each entry. */
const ENDBR64 = 4;
const ENTRY = 16;

/**
 * Rewrites the IBT tables of a program as GNU ld up to 2.39 made them, with `bnd` before each jump for MPX; and if they are to
 * be without `endbr64`, as it made them for MPX alone. Linkers of today make none, but processors run what there is.
 */
function addBnd(file: string, keepsEndbr: boolean): void {
  const bytes = readFileSync(file);
  const sections = workshop.run("readelf", "-SW", file);
  for (const name of [".plt", ".plt.sec"]) {
    const row = sections.split("\n").find((line) => line.includes(` ${name} `)) ?? "";
    const [, offset = "", size = ""] = / PROGBITS\s+\w+ (\w+) (\w+)/.exec(row) ?? [];
    const start = Number.parseInt(offset, 16);
    for (let at = start; at < start + Number.parseInt(size, 16); at += ENTRY) {
      // push GOT+8; jmp *GOT+16 | endbr64; push $n; jmp .plt | endbr64; jmp *slot
      const [marked, jump, end] =
        name === ".plt.sec" ? [true, 4, 10] : at === start ? [false, 6, 12] : [true, 9, 14];
      const old = bytes.subarray(at, at + ENTRY);
      const begin = marked && !keepsEndbr ? ENDBR64 : 0;
      const made = [...old.subarray(begin, jump), BND, ...old.subarray(jump, end)];
      const entry = Buffer.alloc(ENTRY, 0x90);
      entry.set(made);
      // Distances count from the end of the jump, which is elsewhere now.
      entry.writeInt32LE(entry.readInt32LE(made.length - 4) + end - made.length, made.length - 4);
      bytes.set(entry, at);
    }
  }
  writeFileSync(file, bytes);
}

const workshop = new RtldWorkshop();
let library = "";
let library32 = "";
beforeAll(() => {
  library32 = workshop.compile32("libcalled32.so", CALLED, "-shared", "-fPIC");
  library = workshop.compile("libcalled.so", CALLED, "-shared", "-fPIC");
});
afterAll(() => workshop.remove());

describe("a linkage table of kind", () => {
  it.each(KINDS)("$name leads into the function, at the first call and later", async (kind) => {
    const { name, flags, source = CALLER, lazy, section, nstep } = kind;
    const link = ["-L.", "-lcalled", `-Wl,-rpath,${workshop.directory}`];
    const program = workshop.compile(name, source, ...flags, ...link);
    const sections = workshop.run("readelf", "-SW", program);
    if (section !== undefined) expect(sections).toContain(` ${section} `);
    await checkLinkage(workshop, workshop.spawn(program), { program, library, lazy, nstep });
  });

  it.each(KINDS_I386)("$name of i386 leads into the function, at the first call and later", async (kind) => {
    const { name, flags, source = CALLER, lazy, section, nstep } = kind;
    const link = ["-L.", "-lcalled32", `-Wl,-rpath,${workshop.directory}`];
    const program = workshop.compile32(`${name}32`, source, ...flags, ...link);
    if (section !== undefined) expect(workshop.run("readelf", "-SW", program)).toContain(` ${section} `);
    await checkLinkage(workshop, workshop.spawn(program), { program, library: library32, lazy, nstep });
  });

  it.each([
    ["bnd", false, 1],
    ["bnd-ibt", true, 2],
  ])("%s leads into the function, at the first call and later", async (name, keepsEndbr, nstep) => {
    const link = ["-L.", "-lcalled", `-Wl,-rpath,${workshop.directory}`];
    const flags = [...IBT, "-Wl,-z,lazy", "-Wa,-madd-bnd-prefix"];
    const program = workshop.compile(name, CALLER, ...flags, ...link);
    addBnd(program, keepsEndbr);
    const code = workshop.run("objdump", "-d", "-j", ".text", "-j", ".plt", "-j", ".plt.sec", program);
    // The first entry; for each function one that binds it and one that jumps to it.
    expect(code.slice(0, code.indexOf("section .text")).match(/bnd jmp/g)).toHaveLength(5);
    expect(code.match(/bnd call .*<(plain|twice)@plt>/g)).toHaveLength(2);
    await checkLinkage(workshop, workshop.spawn(program), { program, library, lazy: true, nstep });
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
    const pc = target.registers(target.pid)?.pc ?? 0n;
    expect(agent.pltResolution(pc)).toMatchObject({ skipMethod: "RD_RESOLVE_NONE", nstep: 0 });
    expect(agent.pltResolution(8n)).toMatchObject({ skipMethod: "RD_RESOLVE_NONE" });
    target.kill();
  });
});
