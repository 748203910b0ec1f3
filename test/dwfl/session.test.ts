/** Files in a session: where they are laid out, found again by address, and what happens to damaged ones. */
import { copyFileSync, readFileSync, truncateSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Dwfl } from "../../src/dwfl/session.ts";
import { SHF } from "../../src/elf/constants/section.ts";
import { DwflError, ElfError, HostError } from "../../src/errors.ts";
import { openElf } from "../../src/host/file.ts";
import { coreImage } from "../support/elf-core.ts";
import { Random } from "../support/elf-random.ts";
import { euModules } from "./eu-modules.ts";
import { SessionWorkshop } from "./session-workshop.ts";

const sessions: Dwfl[] = [];
let workshop: SessionWorkshop;

beforeAll(() => {
  workshop = new SessionWorkshop();
});
afterAll(() => {
  for (const session of sessions) session.close();
  workshop.remove();
});

function session(...options: ConstructorParameters<typeof Dwfl>): Dwfl {
  const made = new Dwfl(...options);
  sessions.push(made);
  return made;
}

function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("reportFile", () => {
  it.each(["user.o", "provider.o", "both.a", "both.so", "main"])("lays %s out as libdwfl does", (name) => {
    const path = workshop.path(name);
    const modules = session({ offlineBase: 0n }).reportFile(path);
    const shown = modules.map(({ start, end, buildId }) => ({ start, end, id: buildId }));
    expect(shown).toEqual(euModules("-e", path).map(({ start, end, id }) => ({ start, end, id })));
  });

  it("names the members of an archive, thin or not", () => {
    workshop.run("ar", "rcsT", "thin.a", "user.o", "provider.o");
    for (const name of ["both.a", "thin.a"]) {
      const one = session();
      one.reportFile(workshop.path(name));
      expect(one.modules.map((module) => module.name)).toEqual([`${name}(user.o)`, `${name}(provider.o)`]);
      expect(one.modules.map((module) => module.symbolNamed("setup")?.offset)).toEqual([0n, undefined]);
    }
  });

  it("gives modules free addresses, and finds each by its own", () => {
    const one = session();
    for (const name of ["user.o", "both.so", "both.a", "main", "both.so"])
      one.reportFile(workshop.path(name));
    const { modules } = one;
    expect(modules).toHaveLength(6);
    for (const [i, module] of modules.entries()) {
      const next = modules[i + 1];
      if (next !== undefined) expect(next.start).toBeGreaterThanOrEqual(module.end);
      expect(one.moduleAt(module.start)).toBe(module);
      expect(one.moduleAt(module.end - 1n)).toBe(module);
      expect(one.moduleAt(module.end)).toBeUndefined();
    }
    expect(one.moduleAt(0n)).toBeUndefined();
    // The executable has one place only.
    expect(one.moduleNamed("main")?.bias).toBe(0n);
  });

  it("lets no two sections overlap, and aligns each", () => {
    const one = session();
    const random = new Random(0x5ec);
    for (let file = 0; file < 6; file++) {
      const sections = Array.from({ length: 30 }, (_, i) => {
        const flags = random.pick(["a", "aw", "ax", ""]);
        const type = flags === "aw" ? random.pick(["progbits", "nobits"]) : "progbits";
        const align = random.below(14);
        return `.section s${i},"${flags}",@${type}\n.p2align ${align}\n.skip ${random.below(5000)}\n`;
      });
      const source = workshop.write(`random${file}.s`, sections.join(""));
      workshop.run("as", "-o", `random${file}.o`, source);
      one.reportFile(workshop.path(`random${file}.o`));
    }
    const taken: { start: bigint; end: bigint }[] = [];
    for (const module of one.modules) {
      for (const { index, flags, size, addralign } of module.elf.sections) {
        const start = module.sectionAddress(index);
        if ((flags & SHF.SHF_ALLOC) === 0) {
          expect(start).toBeUndefined();
          continue;
        }
        if (start === undefined) throw new Error(`section ${index} has no address`);
        expect(start % BigInt(addralign)).toBe(0n);
        taken.push({ start, end: start + BigInt(size) });
        expect(start).toBeGreaterThanOrEqual(module.start);
        expect(start + BigInt(size)).toBeLessThanOrEqual(module.end);
        if (size > 0) {
          expect(one.moduleAt(start)).toBe(module);
          expect(module.placeOf(start + BigInt(size) - 1n)).toEqual({
            section: index,
            offset: BigInt(size) - 1n,
          });
          expect(module.addressOf(index, 1n)).toBe(start + 1n);
        }
      }
    }
    taken.sort((a, b) => (a.start < b.start || (a.start === b.start && a.end < b.end) ? -1 : 1));
    for (const [i, { end }] of taken.entries()) {
      const next = taken[i + 1];
      if (next !== undefined) expect(next.start).toBeGreaterThanOrEqual(end);
    }
    expect(taken.length).toBeGreaterThan(100);
  });

  it("adds nothing when it fails", () => {
    const one = session();
    const truncated = workshop.copy(workshop.path("both.a"), "cut.a");
    truncateSync(truncated, 200);
    const core = workshop.write("a.core", coreImage());
    const half = workshop.copy(workshop.path("user.o"), "half.o");
    truncateSync(half, 300);
    workshop.run("ar", "rcs", "half.a", "provider.o", "half.o");
    expect(thrown(() => one.reportFile(workshop.path("absent")))).toBeInstanceOf(HostError);
    expect(thrown(() => one.reportFile(workshop.path("main.c")))).toMatchObject({ code: "ELF_BAD_MAGIC" });
    expect(thrown(() => one.reportFile(truncated))).toBeInstanceOf(ElfError);
    expect(thrown(() => one.reportFile(workshop.path("half.a")))).toBeInstanceOf(ElfError);
    expect(thrown(() => one.reportFile(core))).toMatchObject({ code: "DWFL_BAD_ARGUMENT" });
    expect(one.modules).toEqual([]);
  });
});

describe("report", () => {
  it("keeps a module whose file is damaged, with its error on it", () => {
    const one = session();
    const half = workshop.copy(workshop.path("both.so"), "damaged.so");
    truncateSync(half, 30);
    const damaged = one.report({ name: "damaged", file: half });
    const absent = one.report({ name: "absent", file: workshop.path("absent.so") });
    const good = one.report({ name: "good", file: workshop.path("both.so") });
    expect(damaged.error).toMatchObject({ code: "ELF_TRUNCATED" });
    expect(absent.error).toMatchObject({ code: "HOST_SYSCALL", errno: 2 });
    expect(thrown(() => damaged.elf)).toBe(damaged.error);
    expect(one.moduleAt(good.start)).toBe(good);
    expect(one.symbolNamed("entry")?.module).toBe(good);
    expect(one.modules).toEqual([good, damaged, absent]);
  });

  it("takes a file that somebody else opened, and leaves it open", () => {
    using file = openElf(workshop.path("both.so"));
    const one = new Dwfl();
    const module = one.report({ name: "both", file: file.elf, place: { bias: 0x7000_0000n } });
    expect(module.start).toBe(0x7000_0000n);
    const entry = module.symbolNamed("entry");
    expect(entry?.address).toBe(0x7000_0000n + (entry?.offset ?? 0n));
    one.close();
    expect(file.elf.buildId()).toMatch(/^[0-9a-f]{40}$/);
  });

  it("places a module at a base, and refuses what can't be", () => {
    const one = session();
    const object = one.report({ name: "object", file: workshop.path("user.o"), place: { base: 0x1234n } });
    expect(object.start).toBe(0x1300n);
    const wrong = one.report({ name: "wrong", file: workshop.path("user.o"), place: { bias: 1n } });
    expect(thrown(() => wrong.sectionAddress(1))).toMatchObject({ code: "DWFL_BAD_ARGUMENT" });
  });
});

describe("close", () => {
  it("closes files, and says so to who comes later", () => {
    const one = new Dwfl();
    const [module] = one.reportFile(workshop.path("both.so"));
    one.close();
    one.close();
    expect(thrown(() => module?.elf)).toMatchObject({ code: "DWFL_CLOSED" });
    expect(thrown(() => one.reportFile(workshop.path("both.so")))).toBeInstanceOf(DwflError);
  });

  it("opens a released module again", () => {
    const one = session();
    const path = workshop.path("again.so");
    copyFileSync(workshop.path("both.so"), path);
    const [module] = one.reportFile(path);
    const before = module?.symbolNamed("other")?.address;
    module?.release();
    expect(module?.isOpen).toBe(false);
    expect(module?.symbolNamed("other")?.address).toBe(before);
    expect(module?.isOpen).toBe(true);
    expect(readFileSync(path).length).toBe(module?.elf.image.source.size);
  });
});
