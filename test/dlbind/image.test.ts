import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { type CreateOptions, LiveObject } from "../../src/dlbind/index.ts";
import { STB, STT, STV } from "../../src/elf/constants/symbol.ts";
import { ADD, bindCode, CALL_WITH_FRAME, DATA, RODATA, returning } from "./support/code.ts";
import { liveBytes, withCopy } from "./support/live-file.ts";
import { run } from "./support/native.ts";

const SMALL = { symbols: 100, names: 4096, text: 65_536, rodata: 65_536, data: 65_536, frames: 10 };

/** An object with something of everything. */
function create(name: string, options: CreateOptions = {}): LiveObject {
  const lib = LiveObject.create(name, { ...SMALL, ...options });
  const version = options.versions?.[0];
  bindCode(lib, "add", ADD);
  bindCode(lib, "framed", CALL_WITH_FRAME, {
    unwind: "frame-pointer",
    ...(version === undefined ? {} : { version }),
  });
  const hidden = version === undefined ? {} : { version, hidden: true };
  lib.bind("weak", bindCode(lib, "local", returning(1), { binding: STB.STB_LOCAL }), {
    binding: STB.STB_WEAK,
    ...hidden,
  });
  lib.bind("number", lib.alloc(4, DATA), { visibility: STV.STV_PROTECTED });
  lib.bind("constant", lib.alloc(4, RODATA), { type: STT.STT_NOTYPE });
  const gone = bindCode(lib, "gone", returning(2));
  lib.unbind("gone");
  gone.free();
  return lib;
}

/** Lines of a checker's output that none of the known reasons explains. */
function complaints(output: string, ...reasons: RegExp[]): string[] {
  const lines = output.split("\n").filter((line) => line !== "");
  return lines.filter((line) => !reasons.some((reason) => reason.test(line)));
}

/** Symbols that readelf lists in a copy of the live file: type, binding, visibility and name. */
function listed(name: string): string[] {
  return withCopy(name, (path) =>
    run("readelf", "--wide", "--dyn-syms", path)
      .split("\n")
      .flatMap((line) => {
        const [, size, type, binding, visibility, symbol] =
          /^ *\d+: \w+ +(\d+) (\w+) +(\w+) +(\w+) +\d+ (\S+)$/.exec(line) ?? [];
        return symbol === undefined ? [] : [[size, type, binding, visibility, symbol].join(" ")];
      })
      .sort(),
  );
}

describe("the file behind a live object", () => {
  it("lists the bound names for readelf once they are published", () => {
    using lib = create("listed");
    expect(listed("listed")).toEqual([]);
    lib.publish();
    expect(listed("listed")).toEqual(
      [
        "4 FUNC GLOBAL DEFAULT add",
        `${CALL_WITH_FRAME.length} FUNC GLOBAL DEFAULT framed`,
        "6 FUNC LOCAL DEFAULT local",
        "6 FUNC WEAK DEFAULT weak",
        "4 OBJECT GLOBAL PROTECTED number",
        "4 NOTYPE GLOBAL DEFAULT constant",
      ].sort(),
    );
    lib.unbind("add");
    lib.publish();
    expect(listed("listed").join()).not.toContain("add");
  });

  it("lists versions, hidden ones with one @ and default ones with two", () => {
    using lib = create("versioned", { versions: ["V1", "V2"] });
    lib.publish();
    const names = listed("versioned").map((line) => line.split(" ").at(-1));
    expect(names.sort()).toEqual(["add", "constant", "framed@@V1", "local", "number", "weak@V1"]);
    const versions = withCopy("versioned", (path) => run("readelf", "--wide", "--version-info", path));
    expect(versions).toMatch(/Rev: 1 +Flags: BASE +Index: 1 +Cnt: 1 +Name: versioned/);
    expect(versions).toMatch(/Flags: none +Index: 2 +Cnt: 1 +Name: V1/);
    expect(versions).toMatch(/Flags: none +Index: 3 +Cnt: 1 +Name: V2/);
  });

  const objects: [string, CreateOptions][] = [
    ["plain", {}],
    ["versions", { versions: ["V1"] }],
    ["large", { text: 1 << 20, symbols: 3000, names: 65_536, versions: ["A", "B", "C"] }],
  ];

  it.each(objects)("is accepted by readelf: %s", (name, options) => {
    using lib = create(name, options);
    lib.publish();
    withCopy(name, (path) => {
      const { status, stdout, stderr } = spawnSync("readelf", ["--wide", "--all", path], {
        encoding: "utf8",
      });
      expect(status).toBe(0);
      expect(complaints(stderr, /local symbol \d+ found at index >= .dynsym's sh_info/)).toEqual([]);
      expect(stdout).toContain(`Library soname: [${name}]`);
      expect(stdout).not.toMatch(/<corrupt|Warning/);
    });
  });

  it.each(objects)(
    "deviates from eu-elflint's rules where there is a reason to, and nowhere else: %s",
    (name, options) => {
      using lib = create(name, options);
      lib.publish();
      const { stdout } = withCopy(name, (path) =>
        spawnSync("eu-elflint", ["--gnu-ld", path], { encoding: "utf8" }),
      );
      const reasons = [
        // Unwinders go by the program header. A section would be read by gdb, once, and be wrong soon after.
        /^PT_GNU_EH_FRAME present but no .eh_frame_hdr section$/,
        // Sections of the file cover nothing, since debuggers are told of each address through the JIT interface.
        /'.dynsym': symbol \d+ \(\w+\) does not fit completely in referenced section \[ [123]\] '.(text|rodata|data)'$/,
        /'.dynsym': symbol \d+ \(\w+\): st_value out of bounds$/,
        // Entries keep their place when others come and go, so local ones and free ones stand between the rest.
        /'.dynsym': symbol \d+ \(\w*\): local symbol outside range described in sh_info$/,
        // STV_PROTECTED was asked for, and the loader knows it.
        /'.dynsym': symbol \d+ \(number\): symbol in dynamic symbol table with non-default visibility$/,
      ];
      expect(complaints(stdout, ...reasons)).toEqual([]);
      expect(stdout).toContain("PT_GNU_EH_FRAME present but no .eh_frame_hdr section");
    },
  );

  it("has a hash table in which readelf finds every name", () => {
    using lib = create("hashed");
    lib.publish();
    const histogram = withCopy("hashed", (path) => run("readelf", "--histogram", path));
    // Five names that can be looked up, each in a bucket of its own or two in one.
    const found = [...histogram.matchAll(/^ +([1-9]\d*) +(\d+) +\(/gm)];
    expect(found.reduce((sum, [, length, buckets]) => sum + Number(length) * Number(buckets), 0)).toBe(5);
  });

  it("holds code where the mappings and program headers say", () => {
    using lib = create("placed");
    const place = Number((lib.symbol("add")?.address ?? 0n) - lib.base);
    expect([...liveBytes("placed").subarray(place, place + ADD.length)]).toEqual([...ADD]);
    const headers = withCopy("placed", (path) => run("readelf", "--wide", "--program-headers", path));
    const loads = [
      ...headers.matchAll(/LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+) (0x\w+) (R {2}|R E|RW ) (0x\w+)/g),
    ];
    expect(loads.map((load) => load[5])).toEqual(["R  ", "R E", "R  ", "RW "]);
    const text = loads[1]?.slice(1).map(Number) ?? [];
    expect(text[0]).toBe(text[1]);
    expect(place).toBeGreaterThanOrEqual(text[0] ?? Number.POSITIVE_INFINITY);
    expect(place).toBeLessThan((text[0] ?? 0) + (text[2] ?? 0));
  });
});
