/** Core files: one that gdb makes, and one written by hand whose every field is known. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ElfFile, PT } from "../../src/elf/index.ts";
import { openElf } from "../../src/host/file.ts";
import { Workshop } from "../support/elf-clang.ts";
import { coreImage } from "../support/elf-core.ts";
import { tool } from "../support/elf-readelf.ts";

const workshop = new Workshop();
afterAll(() => workshop.remove());

describe("a core file of a real process", () => {
  let gdb = "";
  beforeAll(() => {
    const commands = [
      "starti",
      "info proc",
      "print/x $pc",
      "info auxv",
      "generate-core-file it.core",
      "kill",
    ];
    gdb = workshop.run("gdb", "-batch", "-nx", ...commands.flatMap((one) => ["-ex", one]), "/bin/true");
  });

  it("says of the thread what gdb says", () => {
    using opened = openElf(workshop.path("it.core"));
    const { elf } = opened;
    const contents = elf.notes().map((note) => note.content);
    const status = contents.find((one) => one.kind === "prstatus");
    const info = contents.find((one) => one.kind === "prpsinfo");
    const pid = Number(/^process (\d+)$/m.exec(gdb)?.[1]);
    const pc = BigInt(/^\$1 = (0x[0-9a-f]+)$/m.exec(gdb)?.[1] ?? 0);
    expect(status?.pid).toBe(pid);
    expect(info?.pid).toBe(pid);
    expect(info?.fname).toBe("true");
    expect(info?.psargs).toContain("/bin/true");
    const registers = new DataView(status?.registers.slice().buffer ?? new ArrayBuffer(0));
    expect(registers.byteLength).toBe(27 * 8);
    expect(registers.getBigUint64(16 * 8, true)).toBe(pc);
    // The code at the program counter is in the core or in the file that is mapped there.
    expect(elf.segmentAt(pc)?.type).toBe(PT.PT_LOAD);
  });

  it("has gdb's auxiliary vector", () => {
    using opened = openElf(workshop.path("it.core"));
    const auxv = opened.elf
      .notes()
      .map((note) => note.content)
      .find((one) => one.kind === "auxv");
    const told = [...gdb.matchAll(/^(\d+) +(AT_\w+|\?\?\?) .* (0x[0-9a-f]+|\d+)(?: ".*")?$/gm)].map(
      (row) => ({
        type: Number(row[1]),
        value: BigInt(row[3] ?? 0),
      }),
    );
    expect(told.length).toBeGreaterThan(15);
    expect(auxv?.entries.map(({ type, value }) => ({ type, value }))).toEqual(told);
    expect(auxv?.entries.find((one) => one.type === 9)?.name).toBe("AT_ENTRY");
  });

  it("has the file mappings that eu-readelf prints", () => {
    using opened = openElf(workshop.path("it.core"));
    const files = opened.elf
      .notes()
      .map((note) => note.content)
      .find((one) => one.kind === "file-mappings");
    const output = tool("eu-readelf", "-n", workshop.path("it.core"));
    const row = /^ {6}([0-9a-f]+)-([0-9a-f]+) ([0-9a-f]+) \d+ +(\/.*)$/gm;
    const told = [...output.matchAll(row)].map(([, start, end, offset, path]) => ({
      start: BigInt(`0x${start}`),
      end: BigInt(`0x${end}`),
      fileOffset: BigInt(`0x${offset}`),
      path,
    }));
    expect(told.length).toBeGreaterThan(2);
    expect(files?.mappings).toEqual(told);
  });
});

describe("a core file of a 32-bit process", () => {
  it("has the fields where 32-bit structures have them", () => {
    const source = `${import.meta.dirname}/fixtures/crash.s`;
    workshop.run("clang", "--target=i386-linux-gnu", "-c", source, "-o", "crash.o");
    workshop.run("ld.lld", "-m", "elf_i386", "crash.o", "-o", "crash32");
    const commands = ["run", "info proc", "print/x $pc", "generate-core-file it32.core", "kill"];
    const gdb = workshop.run("gdb", "-batch", "-nx", ...commands.flatMap((one) => ["-ex", one]), "./crash32");
    const pid = Number(/^process (\d+)$/m.exec(gdb)?.[1]);
    const pc = Number(/^\$1 = (0x[0-9a-f]+)$/m.exec(gdb)?.[1]);
    using opened = openElf(workshop.path("it32.core"));
    expect(opened.elf.header.is64).toBe(false);
    const contents = opened.elf.notes().map((note) => note.content);
    const status = contents.find((one) => one.kind === "prstatus");
    const info = contents.find((one) => one.kind === "prpsinfo");
    const signal = contents.find((one) => one.kind === "siginfo");
    expect(status).toMatchObject({ pid, signal: 11 });
    expect(info).toMatchObject({ pid, fname: "crash32" });
    expect(signal).toMatchObject({ signo: 11, address: 4n });
    const registers = new DataView(status?.registers.slice().buffer ?? new ArrayBuffer(0));
    expect(registers.byteLength).toBe(17 * 4);
    expect(registers.getUint32(0, true)).toBe(0x1234);
    expect(registers.getUint32(12 * 4, true)).toBe(pc);
  });
});

describe("a core file written by hand", () => {
  const file = ElfFile.open(coreImage(), { name: "core" });

  it("decodes to what was written", () => {
    const contents = file.notes().map((note) => note.content);
    expect(contents.map((one) => one.kind)).toEqual([
      "prstatus",
      "prpsinfo",
      "siginfo",
      "auxv",
      "file-mappings",
    ]);
    expect(contents[0]).toMatchObject({ signal: 11, pid: 4242, ppid: 4241, pgrp: 4240, sid: 4239 });
    expect(contents[1]).toMatchObject({
      state: "R",
      uid: 1000,
      gid: 1001,
      pid: 4242,
      fname: "crasher",
      psargs: "./crasher --now",
    });
    expect(contents[2]).toEqual({ kind: "siginfo", signo: 11, errno: 0, code: 1, address: 0xdeadbeefn });
    expect(contents[4]).toMatchObject({
      pageSize: 4096n,
      mappings: [
        { start: 0x400000n, end: 0x401000n, fileOffset: 0n, path: "/tmp/crasher" },
        { start: 0x7f0000000000n, end: 0x7f0000028000n, fileOffset: 0x26000n, path: "/lib/libc.so.6" },
      ],
    });
  });
});
