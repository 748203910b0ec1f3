/** Damaged files in a session: answers, or errors that say where; never anything else. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Module } from "../../src/dwfl/module/module.ts";
import { imageAt, type MemoryReader } from "../../src/dwfl/process/memory-image.ts";
import { Dwfl } from "../../src/dwfl/session.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { BinderyError } from "../../src/errors.ts";
import { coreImage } from "../support/elf-core.ts";
import { mutate } from "../support/elf-mutate.ts";
import { Random } from "../support/elf-random.ts";
import { SessionWorkshop } from "./session-workshop.ts";

let workshop: SessionWorkshop;

beforeAll(() => {
  workshop = new SessionWorkshop();
});
afterAll(() => workshop.remove());

/** Runs a question; counts it if it was answered, and lets no other errors pass than those made on purpose. */
function answered(run: () => void): 0 | 1 {
  try {
    run();
    return 1;
  } catch (error) {
    if (!(error instanceof BinderyError)) throw error;
    return 0;
  }
}

/** Asks a module what can be asked; how many questions it had an answer for. */
function exercise(session: Dwfl, module: Module, random: Random): number {
  const questions = [
    () => module.span,
    () => module.buildId,
    () => module.bias,
    () => {
      for (const { index } of module.elf.sections) module.sectionAddress(index);
    },
    () => {
      for (const symbol of module.symbols) module.symbolNamed(symbol.name);
    },
    () => {
      const { start, end } = module.span;
      for (let i = 0; i < 20; i++) {
        const size = end - start > 2n ** 40n ? 2 ** 40 : Number(end - start);
        session.symbolAt(start + BigInt(random.below(Math.max(size, 1))));
      }
    },
    () => module.debug,
    () => module.dwarf,
    () => module.place({ base: 0x7777_0000n }),
    () => session.moduleAt(0x7777_0010n),
  ];
  return questions.reduce((sum, question) => sum + answered(question), 0);
}

describe("a damaged file", () => {
  it.each(["user.o", "both.so", "main"])("like %s has answers or errors", (name) => {
    const whole = readFileSync(workshop.path(name));
    const headers = new DataView(whole.buffer, whole.byteOffset).getBigUint64(40, true);
    let answers = 0;
    for (let seed = 0; seed < 150; seed++) {
      const random = new Random(seed);
      // Half of the damage goes to the section headers, where most lies.
      const from = seed % 2 === 0 ? Number(headers) : 0;
      const bytes = mutate(whole, random, from, whole.length);
      using session = new Dwfl({ debugDirectories: [] });
      let elf: ElfFile | undefined;
      answered(() => {
        elf = ElfFile.open(bytes, { name });
      });
      if (elf === undefined) continue;
      const module = session.report({ name, file: elf });
      answers += exercise(session, module, random);
    }
    expect(answers).toBeGreaterThan(700);
    expect(answers).toBeLessThan(1500);
  });
});

describe("a damaged image in memory", () => {
  it("is an image or none, and has answers or errors", () => {
    const whole = readFileSync(workshop.path("both.so"));
    let images = 0;
    for (let seed = 0; seed < 300; seed++) {
      const random = new Random(seed);
      const bytes = mutate(whole, random, 0, seed % 2 === 0 ? 0x400 : whole.length);
      const memory: MemoryReader = {
        name: "memory",
        read(address, length) {
          const at = Number(address - 0x10000n);
          return at >= 0 && at + length <= bytes.length ? bytes.subarray(at, at + length) : undefined;
        },
      };
      const image = imageAt(memory, 0x10000n, "both.so");
      if (image === undefined) continue;
      images++;
      using session = new Dwfl({ debugDirectories: [] });
      exercise(
        session,
        session.report({ name: "image", file: image.elf, place: { bias: image.bias } }),
        random,
      );
    }
    expect(images).toBeGreaterThan(100);
    expect(images).toBeLessThan(300);
  });
});

describe("a damaged core file", () => {
  it("is reported or refused as a whole", () => {
    const whole = coreImage();
    const root = workshop.path("root");
    workshop.copy(workshop.path("main"), "root/tmp/crasher");
    workshop.copy(workshop.path("both.so"), "root/lib/libc.so.6");
    let reported = 0;
    for (let seed = 0; seed < 400; seed++) {
      const bytes = mutate(whole, new Random(seed), seed % 2 === 0 ? 0 : 120, whole.length);
      using session = new Dwfl({ debugDirectories: [] });
      const ok = answered(() => {
        session.reportCore(ElfFile.open(bytes, { name: "core" }), { sysroot: root });
      });
      if (ok === 0) expect(session.modules).toEqual([]);
      for (const module of session.modules) exercise(session, module, new Random(seed));
      reported += ok;
    }
    expect(reported).toBeGreaterThan(50);
    expect(reported).toBeLessThan(400);
  });
});
