/** Packets, replies and descriptions, by the GDB manual's own examples; damaged ones end in an answer, not in an exception. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { machineOfArchitecture, readDescription } from "../../src/rtld/remote/description.ts";
import { escaped, framed, PacketReader, unescaped } from "../../src/rtld/remote/packet.ts";
import { parseStopReply } from "../../src/rtld/remote/stop-reply.ts";

function frames(...pieces: string[]) {
  const reader = new PacketReader();
  const found: unknown[] = [];
  for (const piece of pieces) {
    reader.push(Buffer.from(piece, "latin1"));
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) found.push(frame);
  }
  return found;
}

/** The same cases at every run. */
const CASES = { seed: 20261121, numRuns: 300 };

const packet = (payload: string, isWhole = true) => ({ kind: "packet", payload, isWhole });

describe("packets", () => {
  it("are framed with a checksum, and found in what comes in pieces", () => {
    expect(framed("OK").toString()).toBe("$OK#9a");
    expect(framed("").toString()).toBe("$#00");
    expect(frames("+$OK#9a-", "junk$", "O", "K#", "9", "a$OK#9b")).toEqual([
      { kind: "ack" },
      packet("OK"),
      { kind: "nak" },
      packet("OK"),
      packet("OK", false),
    ]);
    expect(frames("%Stop:T05#15$OK#9a")).toMatchObject([{ kind: "notification" }, packet("OK")]);
    expect(frames("$OK$OK#9a")).toEqual([packet("", false), packet("OK")]);
  });

  it("are expanded: `0* ` is 0000, as the manual has it", () => {
    const sum = (text: string) => `$${text}#${framed(text).toString("latin1").slice(-2)}`;
    expect(frames(sum("0* "))).toEqual([packet("0000")]);
    expect(frames(sum('x0*"1'))).toEqual([packet("x0000001")]);
    expect(frames(sum("0* * "))).toEqual([packet("0000000")]);
    // A run of nothing, and one that is shorter than none.
    expect(frames(sum("* "))).toMatchObject([{ isWhole: false }]);
    expect(frames(sum("0*\u0001"))).toMatchObject([{ isWhole: false }]);
  });

  it("carry any bytes: 7d is 7d 5d, as the manual has it", () => {
    expect(escaped(Uint8Array.of(0x7d))).toBe("\x7d\x5d");
    expect(escaped(Uint8Array.from(Buffer.from("a#$*")))).toBe("a}\x03}\x04}\x0a");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const [frame] = frames(framed(escaped(bytes)).toString("latin1"));
        expect(frame).toMatchObject({ isWhole: true });
        expect(unescaped((frame as { payload: string }).payload)).toEqual(bytes);
      }),
      CASES,
    );
  });

  it("that are damaged, in whatever pieces they come, never throw, and are told", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: "binary-ascii", maxLength: 40 }), { maxLength: 8 }),
        (pieces) => {
          for (const frame of frames(...pieces, "#00$OK#9a")) expect(frame).toBeDefined();
        },
      ),
      CASES,
    );
  });
});

describe("stop replies", () => {
  const REPLIES = [
    "T0506:0000000000000000;07:20e7ffffff7f0000;10:50b1fdf7ff7f0000;thread:p3c1e.3c1e;core:1;",
    "T05swbreak:;06:00;thread:1;",
    "T05fork:p3c20.3c20;thread:p3c1e.3c1e;",
    "T05exec:2f62696e2f7472756500;thread:p3c1e.3c1e;",
    "S0b",
    "W05;process:3c1e",
    "X0b",
    "N",
    "O48690a",
  ];

  it("are taken apart", () => {
    expect(parseStopReply(REPLIES[0] ?? "")).toEqual({
      kind: "stop",
      signal: 5,
      thread: { pid: 0x3c1e, tid: 0x3c1e },
      registers: new Map([
        [6, "0000000000000000"],
        [7, "20e7ffffff7f0000"],
        [16, "50b1fdf7ff7f0000"],
      ]),
      reasons: new Map([["core", "1"]]),
    });
    expect(parseStopReply("S0b")).toMatchObject({ kind: "stop", signal: 11, thread: undefined });
    expect(parseStopReply("W05;process:3c1e")).toEqual({
      kind: "exit",
      pid: 0x3c1e,
      code: 5,
      signal: undefined,
    });
    expect(parseStopReply("X0b")).toEqual({ kind: "exit", pid: 0, code: undefined, signal: 11 });
    expect(parseStopReply("O48690a")).toEqual({
      kind: "output",
      bytes: Uint8Array.from(Buffer.from("Hi\n")),
    });
    for (const wrong of ["", "OK", "E01", "T", "T5", "Tzz", "W", "w00;p1.1", "T05thread"]) {
      expect(parseStopReply(wrong)).toBeUndefined();
    }
  });

  it("that are damaged are another one, or none", () => {
    const one = fc.tuple(fc.constantFrom(...REPLIES), fc.nat(60), fc.nat(255), fc.nat(3));
    fc.assert(
      fc.property(one, ([reply, at, byte, cut]) => {
        const text = reply.slice(0, at) + String.fromCharCode(byte) + reply.slice(at + cut);
        expect(parseStopReply(text)?.kind).not.toBe("");
      }),
      CASES,
    );
  });
});

describe("target descriptions", () => {
  const MAIN = `<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd" [<!ENTITY x "y">]>
<target><architecture>i386:x86-64</architecture><xi:include href="core.xml"/></target>`;
  const CORE = `<feature name="org.gnu.gdb.i386.core"><!-- <reg name="no" bitsize="1"/> -->
<reg name="rax" bitsize="64" type="int64"/><reg name="rbx" bitsize="64"/>
<reg name='eflags' bitsize='32' regnum='17'/><reg name="cs" bitsize="32"/></feature>`;
  const read = (main: string, core: string) =>
    readDescription((name) => (name === "target.xml" ? main : core));

  it("number registers on from the last number that they say", () => {
    expect(read(MAIN, CORE)).toEqual({
      architecture: "i386:x86-64",
      registers: [
        { name: "rax", number: 0, size: 8 },
        { name: "rbx", number: 1, size: 8 },
        { name: "eflags", number: 17, size: 4 },
        { name: "cs", number: 18, size: 4 },
      ],
    });
    expect(machineOfArchitecture("i386:x86-64")).toBe(62);
    expect(machineOfArchitecture("powerpc:common")).toBe(20);
    expect(machineOfArchitecture("z80")).toBe(0);
  });

  it("that include themselves, or make no sense, are none", () => {
    expect(read(MAIN, MAIN)).toBeUndefined();
    expect(read(MAIN, '<reg name="x" bitsize="-8"/>')).toBeUndefined();
    expect(read(MAIN, '<reg name="x" bitsize="8" regnum="1e9"/>')).toBeUndefined();
    expect(read(MAIN, "<xi:include/>")).toBeUndefined();
  });

  it("that are damaged are another one, or none", () => {
    const change = fc.tuple(fc.nat(MAIN.length + CORE.length), fc.nat(255), fc.nat(20));
    fc.assert(
      fc.property(change, ([at, byte, cut]) => {
        const damage = (text: string, where: number) =>
          text.slice(0, where) + String.fromCharCode(byte) + text.slice(where + cut);
        const found = read(damage(MAIN, at), damage(CORE, at - MAIN.length));
        expect(found?.registers.length ?? 0).toBeLessThan(100);
      }),
      CASES,
    );
    expect(read("\0<", CORE)).toEqual({ architecture: "", registers: [] });
  });
});
