/** What damaged objects are to who only looks at them: refused, never a crash. */
import { describe, expect, it } from "vitest";
import { ElfContents } from "../../src/dynld/elf-contents.ts";
import { BinderyError } from "../../src/errors.ts";
import { compile } from "./support/compile.ts";

describe("ElfContents", () => {
  it("refuses damaged objects with an error of its own, or reads them", () => {
    const { name, bytes } = compile(
      "struct s { int a; struct s *next; }; extern int other(struct s *); int f(struct s *p) { return other(p) + p->a; }",
      "gcc",
      ["-g"],
    );
    let seed = 20261121;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    let refused = 0;
    for (let round = 0; round < 1000; round++) {
      const damaged = Uint8Array.from(bytes);
      for (let change = 0; change <= random(4); change++) damaged[random(damaged.length)] = random(256);
      // Headers, of the file and of its sections, are where damage does most.
      damaged[random(2) === 0 ? random(64) : damaged.length - 1 - random(1500)] = random(256);
      try {
        const contents = ElfContents.read({ name, bytes: damaged });
        const image = contents.image({
          base: 0x10000n,
          table: [{ name: "other", sig: 0n, addr: 0x20000n }],
          policy: "lenient",
        });
        expect([...contents.relocations()].length + image.bytes.length).toBeGreaterThan(0);
      } catch (error) {
        if (!(error instanceof BinderyError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(100);
    expect(refused).toBeLessThan(1000);
  });
});
