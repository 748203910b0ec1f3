/** `step` of `bindery rdb` at calls through linkage tables of all kinds, past them and through them. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CALLED, CALLER } from "../rtld/linkage.ts";
import { RtldWorkshop } from "../rtld/workshop.ts";
import { between, rdb } from "./rdb-support.ts";
import { bindery } from "./run.ts";

const PLAIN = "-fcf-protection=none";
const IBT = ["-fcf-protection=full", "-Wl,-z,ibtplt"];

interface Kind {
  readonly name: string;
  readonly flags: readonly string[];
  /** Instructions of a table's entry when the function is bound. */
  readonly entry: readonly string[];
  /** Whether the first call goes through the binder. */
  readonly lazy: boolean;
  /** It is of 32 bits, which not every kernel runs. */
  readonly isNarrow?: boolean;
}

const KINDS: readonly Kind[] = [
  { name: "lazy", flags: [PLAIN, "-Wl,-z,lazy"], entry: ["jmp"], lazy: true },
  { name: "lazy-fixed", flags: [PLAIN, "-Wl,-z,lazy", "-no-pie"], entry: ["jmp"], lazy: true },
  { name: "stripped", flags: [PLAIN, "-Wl,-z,lazy", "-Wl,--export-dynamic"], entry: ["jmp"], lazy: true },
  { name: "ibt", flags: [...IBT, "-Wl,-z,lazy"], entry: ["endbr64", "jmp"], lazy: true },
  { name: "ibt-now", flags: [...IBT, "-Wl,-z,now"], entry: ["endbr64", "jmp"], lazy: false },
  { name: "now", flags: [PLAIN, "-Wl,-z,now"], entry: ["jmp"], lazy: false },
  {
    name: "narrow",
    flags: [PLAIN, "-Wl,-z,lazy", "-no-pie", "-fno-pie"],
    entry: ["jmp"],
    lazy: true,
    isNarrow: true,
  },
  { name: "no-plt", flags: [PLAIN, "-fno-plt"], entry: [], lazy: false },
];

const workshop = new RtldWorkshop();
beforeAll(() => {
  workshop.compile("libcalled.so", CALLED, "-shared", "-fPIC");
  mkdirSync(workshop.path("narrow-libraries"));
  workshop.compile32("narrow-libraries/libcalled.so", CALLED, "-shared", "-fPIC");
});
afterAll(() => workshop.remove());

/** The places and first words of the instructions that were shown. */
function steps(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const [, place, name] = /^([\w.-]+:[\w@.]+)\S* +: (\w+)/.exec(line) ?? [];
    return place === undefined ? [] : [`${place} ${name}`];
  });
}

/** From the call on, which is the last instruction shown in the caller before the callee. */
function fromCall(shown: readonly string[]): string[] {
  const at = shown.findIndex((one) => one.endsWith(" call"));
  return shown.slice(at + 1);
}

describe("a break point at a function that is chosen when it is bound", () => {
  it.each(["lazy", "now"])("is in what was chosen, with -z %s", (binding) => {
    const link = ["-L.", "-lcalled", `-Wl,-rpath,${workshop.directory}`];
    const name = `chosen-${binding}`;
    const program = workshop.compile(name, CALLER, PLAIN, `-Wl,-z,${binding}`, ...link);
    const script = 'break twice\nbreak main\ncont\ndelete main\necho "chosen"\ncont\nwhere\ncont\ncont';
    const { status, stdout } = rdb(workshop, script, program);
    expect(status).toBe(0);
    expect(stdout).toContain("break point pending: twice is not loaded yet\n");
    // Both calls stop in it, also the first, by which it is chosen.
    const lines = between(stdout, "chosen");
    expect(lines.filter((line) => line.startsWith("  libcalled.so:doubled at "))).toHaveLength(2);
    expect(lines.some((line) => line.includes(`:${name}:call_twice+0x`))).toBe(true);
    const [, address = ""] = /^break point reached at addr: (0x\w+)$/m.exec(lines.join("\n")) ?? [];
    const library = workshop.path("libcalled.so");
    const page = (value: bigint) => value & 0xfffn;
    expect(page(BigInt(address))).toBe(page(workshop.symbol(library, "doubled")));
    expect(lines.at(-1)).toBe("process terminated. exit code 23");
  });
});

describe("step at a call through a table of kind", () => {
  it.each(KINDS)("$name", ({ name, flags, entry, lazy, isNarrow }) => {
    const libraries = isNarrow === true ? workshop.path("narrow-libraries") : workshop.directory;
    const link = [`-L${libraries}`, "-lcalled", `-Wl,-rpath,${libraries}`];
    const program =
      isNarrow === true
        ? workshop.compile32(name, CALLER, ...flags, ...link)
        : workshop.compile(name, CALLER, ...flags, ...link);
    // 1+1+1, 2+1+1, 2*3+1, 2*4+1
    if (spawnSync(program).status !== 23) {
      expect(isNarrow).toBe(true);
      expect(rdb(workshop, "cont", program).status).toBe(1);
      return;
    }
    if (name === "stripped") workshop.run("strip", program);
    // Of each function the first call and a later one, past the table; then both once more, through it.
    const past = (caller: string) =>
      ["first", "later"].map((call) => `cont\necho "${caller} ${call}"\nstep 8\n`).join("");
    const script = `break call_plain\nbreak call_twice\n${past("plain")}${past("twice")}echo "end"\ncont`;
    const run = rdb(workshop, script, program);
    expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: "" });
    expect(run.stdout).toMatch(/process terminated\. exit code 23\n$/);
    const marks = ["plain first", "plain later", "twice first", "twice later", "end"];
    for (const [i, callee] of ["plain", "plain", "doubled", "doubled"].entries()) {
      const shown = fromCall(steps(between(run.stdout, marks[i] ?? "", marks[i + 1])));
      expect(shown[0]).toMatch(new RegExp(`^libcalled\\.so:${callee} `));
    }
    const through = rdb(workshop, script.replace("break", "pltskip\nbreak"), program);
    expect(through.stdout).toContain("plt skipping disabled\n");
    expect(through.stdout).toMatch(/process terminated\. exit code 23\n$/);
    for (const [i, symbol] of ["plain", "plain", "twice", "twice"].entries()) {
      const shown = fromCall(steps(between(through.stdout, marks[i] ?? "", marks[i + 1])));
      const table = entry.map((word) => `${name}:${symbol}@plt ${word}`);
      expect(shown.slice(0, entry.length)).toEqual(table);
      const isFirst = i % 2 === 0;
      if (lazy && isFirst) {
        // Not bound yet: to the head of the table, and from there into the run-time linker.
        expect(shown.slice(entry.length).join("\n")).toMatch(/ push\n[^\n]* jmp/);
      } else {
        expect(shown[entry.length]).toMatch(
          new RegExp(`^libcalled\\.so:${symbol === "twice" ? "doubled" : symbol} `),
        );
      }
    }
  });

  it("as the example shows", () => {
    const example = fileURLToPath(new URL("../../examples/linkage.rdb", import.meta.url));
    const { status, stdout } = bindery(["rdb", "-f", example, workshop.path("lazy")]);
    expect(status).toBe(0);
    const [past = "", through = ""] = stdout.split("=== through the table");
    expect(past).toMatch(/call 0x\w+ <plain@plt>\nlibcalled\.so:plain +: /);
    expect(past).not.toMatch(/^lazy:\w+@plt/m);
    expect(`${past}${through}`).toMatch(/link-map: id: BASE name: \S*libcalled\.so\n/);
  });

  it("and counts that way as one step; a break point on it ends them", () => {
    const program = workshop.path("lazy");
    const script = 'break call_plain\ncont\nstep 3 silent\necho "there"\nwhere\nstep 100 silent\nkill';
    const { status, stdout } = rdb(workshop, script, program);
    expect(status).toBe(0);
    // Make room on the stack, call, and the first instruction of the function.
    expect(between(stdout, "there")[1]).toMatch(/^ 0x\w+:libcalled\.so:plain\+0x\w+ at /);
    expect(between(stdout, "there")[2]).toMatch(/^ 0x\w+:lazy:call_plain\+0x\w+ at /);
    // A hundred instructions are more than there are up to the second call.
    expect(stdout).toMatch(/stepping 100\nbreak point reached at addr: 0x\w+\n {2}lazy:call_plain at /);
  });
});
