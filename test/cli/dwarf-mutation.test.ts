/** Damaged debug sections: every dump of them ends, and what can't be read is told with its place. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type DumpName, loadDump } from "../../src/cli/dwarf/dumps.ts";
import { DumpFile } from "../../src/cli/dwarf/file.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { DwarfError, ElfError } from "../../src/errors.ts";
import { compile } from "../dwarf/read/location-objects.ts";
import { mutate } from "../support/elf-mutate.ts";
import { Random } from "../support/elf-random.ts";

const scratch = mkdtempSync(join(tmpdir(), "bindery-cli-mutation-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const DUMPS: DumpName[] = [
  "info",
  "lines",
  "ranges",
  "locs",
  "frames",
  "aranges",
  "names",
  "types",
  "macros",
];
const CASES = Number(process.env.BINDERY_MUTATIONS ?? 25);

test.each(["-gdwarf-4", "-gdwarf-5"])("of an object with %s", async (format) => {
  const options = [format, "-O2", "-ffunction-sections", "-ggnu-pubnames", "-g3"];
  const image = readFileSync(compile(scratch, { compiler: "gcc", options }, "a.o"));
  const sections = ElfFile.open(image).sections.filter(
    ({ name, size }) => /^\.(debug|eh_frame)/.test(name) && size > 0n,
  );
  let told = 0;
  for (const name of DUMPS) {
    const dump = await loadDump(name, { place: [{ section: ".text.first", address: 0x1000n }] });
    for (let seed = 0; seed < CASES; seed++) {
      const random = new Random(seed);
      const { offset, size } = random.pick(sections);
      // Of the whole length: headers of sections are not what this is about.
      const damaged = new Uint8Array(image);
      damaged.set(mutate(image, random, offset, offset + Number(size)));
      const fail = (error: unknown): void => {
        const isKnown = error instanceof DwarfError || error instanceof ElfError;
        const place = isKnown ? (error.place.section ?? error.place.file) : undefined;
        if (place === undefined) throw new Error(`${name}, seed ${seed}`, { cause: error });
        told++;
      };
      using file = new DumpFile("damaged.o", ElfFile.open(damaged, { name: "damaged.o" }), undefined, fail);
      file.attempt(() => {
        for (const group of dump.groupsOf(file)) {
          file.attempt(() => {
            for (const item of group.items()) expect([...dump.text(item)].length).toBeGreaterThanOrEqual(0);
          });
        }
      });
    }
  }
  expect(told).toBeGreaterThan(CASES);
});
