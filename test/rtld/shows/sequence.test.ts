/** What the agent tells of a program that does all that one can do with libraries, event by event, against those who know. */
import { closeSync, openSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RtldWorkshop } from "../workshop.ts";
import { type Compile, makeLibraries, makeProgram, ROUNDS, SHOW_CODE } from "./programs.ts";
import { type Seen, witness } from "./witness.ts";

const workshop = new RtldWorkshop();
const musl = new RtldWorkshop();
const narrow = new RtldWorkshop();
let link: string[] = [];
let muslLink: string[] | undefined;
let narrowLink: string[] | undefined;
beforeAll(() => {
  link = makeLibraries((...args) => workshop.compile(...args), workshop.directory);
});
afterAll(() => {
  for (const one of [workshop, musl, narrow]) one.remove();
});

/** What differs between machines. */
interface Names {
  readonly kernel: string;
  readonly loader: string;
}
const X86_64: Names = { kernel: "linux-vdso.so.1", loader: "ld-linux-x86-64.so.2" };
const I386: Names = { kernel: "linux-gate.so.1", loader: "ld-linux.so.2" };
const LIBC = "libc.so.6";
const added = (...names: string[]) => [
  "RD_DLACTIVITY RD_ADD",
  `RD_DLACTIVITY RD_CONSISTENT ${names.map((one) => `+${one}`).join(" ")}`,
];
const removed = (...names: string[]) => [
  "RD_DLACTIVITY RD_DELETE",
  `RD_DLACTIVITY RD_CONSISTENT ${names.map((one) => `-${one}`).join(" ")}`,
];

/** What is linked to the program. */
const linked = (name: string, { kernel, loader }: Names) =>
  `+${name} +${kernel} +libshowlinked.so +${LIBC} +${loader}`;
/** A program's start, whose linked library opens another one and closes it. */
const start = (name: string, names: Names) => [
  "exec",
  "RD_DLACTIVITY RD_ADD",
  `RD_PREINIT ${linked(name, names)}`,
  ...added("early.so"),
  ...removed("early.so"),
  "RD_POSTINIT",
];
/** What the first thread does alone. */
const alone = ({ loader }: Names) => [
  ...added("plugin.so", "libhelper.so"),
  ...added("plugin.so@1", "libhelper.so@1", `${LIBC}@1`, `${loader}@1`),
  ...added("other.so@1"),
  ...removed("other.so@1"),
  ...added("nest.so"),
  ...added("other.so"),
  // What a destructor closes goes when that which it belongs to is gone.
  ...removed("nest.so"),
  ...removed("other.so"),
  ...removed("plugin.so", "libhelper.so"),
  ...removed("plugin.so@1", "libhelper.so@1", `${LIBC}@1`, `${loader}@1`),
  // What can't be relocated goes as it came; what is not found changes nothing.
  ...added("broken.so"),
  ...removed("broken.so"),
];

const PLAIN = "-fcf-protection=none";
const KINDS: readonly (readonly [name: string, ...flags: string[]])[] = [
  ["lazy", PLAIN, "-Wl,-z,lazy"],
  ["now", PLAIN, "-Wl,-z,now"],
  ["ibt", "-fcf-protection=full", "-Wl,-z,ibtplt", "-Wl,-z,lazy"],
  ["fixed", "-no-pie", "-Wl,-z,lazy"],
  ["stripped", "-s"],
];

describe("a program that is", () => {
  it.each(KINDS)("%s", async (name, ...flags) => {
    const program = makeProgram((...args) => workshop.compile(...args), name, link, ...flags);
    await expectSequence(program, name, X86_64);
  });

  it.each([
    ["of 32 bits", "-Wl,-z,lazy"],
    ["of 32 bits, bound at once and at a fixed address", "-Wl,-z,now", "-no-pie"],
  ])("%s", async (title, ...flags) => {
    const compile: Compile = (name, source, ...rest) => narrow.compile32(name, source, ...rest);
    narrowLink ??= makeLibraries(compile, narrow.directory);
    const name = title.includes("fixed") ? "narrow-fixed" : "narrow";
    const program = makeProgram(compile, name, narrowLink, ...flags);
    await expectSequence(program, name, I386);
  });
});

/** Follows a program that does all of it, and holds each event against what others say. */
async function expectSequence(program: string, name: string, names: Names): Promise<void> {
  const out = workshop.output();
  const fd = openSync(out.path, "w");
  const log = workshop.path(`log-${name}`);
  const env = { LD_DEBUG: "files", LD_DEBUG_OUTPUT: log };
  const target = workshop.spawn(program, [], { followChildren: true, stdio: [0, fd, 2], env });
  closeSync(fd);
  const { seen, compared } = await witness(target, { output: out.read, log, hasTlsNumbers: true });
  const own = linesOf(seen, target.pid);
  const first = [...start(name, names), ...alone(names)];
  expect(own.slice(0, first.length)).toEqual(first);
  expect(own.at(-1)).toBe(`exit code ${SHOW_CODE}`);
  expectCrowd(seen.filter((one) => one.pid === target.pid).slice(first.length, -1), true);
  const [forked = 0, vforked = 0] = [...new Set(seen.map((one) => one.pid))].filter(
    (one) => one !== target.pid,
  );
  expect(linesOf(seen, forked)).toEqual([
    `attach ${linked(name, names)}`,
    ...added("other.so"),
    ...start(name, names),
    "exit code 7",
  ]);
  // The other one had no memory of its own before it executed the program.
  expect(linesOf(seen, vforked)).toEqual([...start(name, names), "exit code 7"]);
  // One report from each of ten places, and from two programs more; all events but those of children and of threads, at least.
  expect(compared.reports).toBe(12);
  expect(compared.maps).toBe(73);
  expect(compared.log).toBe(72);
}

const linesOf = (seen: readonly Seen[], pid: number) =>
  seen.filter((one) => one.pid === pid).map((one) => one.line);

/**
 * Each thread loads and unloads its own library, one thread at a time.
 *
 * @param unloads whether the loader does
 */
function expectCrowd(seen: readonly Seen[], unloads: boolean): void {
  expect(seen).toHaveLength(3 * (unloads ? 4 : 2) * ROUNDS);
  const threads = new Map<number, string>();
  // Between loading and unloading others may have their turn, but not in the middle of either.
  for (let i = 0; i < seen.length; i += 2) {
    const [begin, end] = seen.slice(i, i + 2);
    const tid = begin?.tid ?? 0;
    const [name = ""] = /own\d\.so/.exec(end?.line ?? "") ?? [];
    const isFirst = !threads.has(tid);
    threads.set(tid, threads.get(tid) ?? name);
    expect(end?.tid).toBe(tid);
    const change = begin?.line.endsWith("RD_ADD") === true ? added(name) : removed(name);
    expect([begin?.line, end?.line]).toEqual(unloads || isFirst ? change : NOTHING);
    if (unloads || isFirst) expect(name).toBe(threads.get(tid));
  }
  expect([...threads.values()].sort()).toEqual(["own0.so", "own1.so", "own2.so"]);
}

const NOTHING = ["RD_DLACTIVITY RD_ADD", "RD_DLACTIVITY RD_CONSISTENT"];

describe("with musl, a program that is", () => {
  it.each([
    ["lazy", "-Wl,-z,lazy"],
    ["now", "-Wl,-z,now"],
    ["fixed", "-no-pie"],
    ["stripped", "-s"],
  ])("%s", async (name, flag) => {
    const compile: Compile = (...args) => musl.compileBy("musl-gcc", ...args);
    muslLink ??= makeLibraries(compile, musl.directory);
    const program = makeProgram(compile, name, muslLink, flag);
    const out = musl.output();
    const fd = openSync(out.path, "w");
    const target = musl.spawn(program, [], { followChildren: true, stdio: [0, fd, 2], env: {} });
    closeSync(fd);
    const { seen, compared } = await witness(target, { output: out.read, hasTlsNumbers: false });
    const loaded = `+${name} +libshowlinked.so +ld-musl-x86_64.so.1 +`;
    // Initializers run behind the program's first instructions, and what was opened stays.
    const begin = [`RD_PREINIT ${loaded}`, "RD_POSTINIT", ...added("early.so")];
    const first = [
      "exec",
      ...begin,
      ...added("plugin.so", "libhelper.so"),
      ...added("nest.so"),
      ...added("other.so"),
      // Not found, and not to be relocated: for debuggers nothing was there.
      ...NOTHING,
      ...NOTHING,
    ];
    const own = linesOf(seen, target.pid);
    expect(own.slice(0, first.length)).toEqual(first);
    expect(own.at(-1)).toBe(`exit code ${SHOW_CODE}`);
    expectCrowd(seen.filter((one) => one.pid === target.pid).slice(first.length, -1), false);
    const [forked = 0, other = 0] = [...new Set(seen.map((one) => one.pid))].filter(
      (one) => one !== target.pid,
    );
    const attached = linesOf(seen, forked);
    expect(attached[0]).toMatch(
      /^attach .* \+plugin\.so \+libhelper\.so \+nest\.so \+other\.so( \+own\d\.so){3}$/,
    );
    expect(attached.slice(1)).toEqual([...NOTHING, "exec", ...begin, "exit code 7"]);
    expect(linesOf(seen, other)).toEqual(["exec", ...begin, "exit code 7"]);
    expect(compared).toMatchObject({ reports: 9, maps: 15 + 3 * ROUNDS });
  });
});
