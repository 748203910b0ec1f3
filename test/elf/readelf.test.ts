/** The reader against GNU readelf, over the system's libraries and over what clang and lld make. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { isElf } from "../../src/elf/index.ts";
import { openSource } from "../../src/host/file.ts";
import { TARGETS, Workshop } from "../support/elf-clang.ts";
import { expectSameAsReadelf } from "../support/elf-compare.ts";

const LIBRARIES = "/usr/lib/x86_64-linux-gnu";
const workshop = new Workshop();
afterAll(() => workshop.remove());

/** Varied libraries and programs: versions, RELR, probes, IFUNCs, TLS, both hash styles, executables. */
const EVERYDAY = [
  `${LIBRARIES}/libc.so.6`,
  `${LIBRARIES}/libm.so.6`,
  `${LIBRARIES}/libstdc++.so.6`,
  `${LIBRARIES}/libgcc_s.so.1`,
  `${LIBRARIES}/libpthread.so.0`,
  `${LIBRARIES}/ld-linux-x86-64.so.2`,
  `${LIBRARIES}/libelf.so.1`,
  `${LIBRARIES}/libdw.so.1`,
  `${LIBRARIES}/libz.so.1`,
  `${LIBRARIES}/liblzma.so.5`,
  `${LIBRARIES}/libtinfo.so.6`,
  `${LIBRARIES}/crt1.o`,
  "/usr/bin/readelf",
  "/bin/true",
];

describe("files of the system", () => {
  it.each(EVERYDAY)("%s reads as readelf reads it", (path) => expectSameAsReadelf(path));
});

describe("files that clang makes", () => {
  for (const target of TARGETS) {
    it(`${target.name}: an object with debug information`, () => {
      expectSameAsReadelf(workshop.compile(target, "symbols.c", "-g", "-fcommon"));
    });
    it(`${target.name}: an object with section groups`, () => {
      const path = workshop.compile(target, "groups.cc", "-ffunction-sections");
      expectSameAsReadelf(path);
    });
    if (target.hash !== undefined) {
      it(`${target.name}: a shared library`, () => {
        const object = workshop.compile(target, "symbols.c");
        expectSameAsReadelf(workshop.link(target, [object]));
      });
    }
  }

  it("x86_64: a shared library with RELR and versions", () => {
    const target = TARGETS[0];
    expect(target).toBeDefined();
    if (target === undefined) return;
    const object = workshop.compile(target, "symbols.c", "-g");
    const script = join(import.meta.dirname, "fixtures/versions.map");
    expectSameAsReadelf(
      workshop.link(
        target,
        [object],
        "--pack-dyn-relocs=relr",
        `--version-script=${script}`,
        "--emit-relocs",
      ),
    );
  });
});

if (process.env.BINDERY_CORPUS === "all") {
  describe("all of /usr/lib", () => {
    it.each(elfFiles("/usr/lib"))("%s", (path) => expectSameAsReadelf(path));
  });
}

/** Regular files that look like shared libraries, objects or kernel modules, below `directory`. */
function elfFiles(directory: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && /\.(so(\.[0-9.]+)?|o|ko)$/.test(entry.name) && startsAsElf(path)) found.push(path);
  }
  return found;
}

/** Linker scripts and foreign objects are called `.so` too. */
function startsAsElf(path: string): boolean {
  using opened = openSource(path);
  return opened.source.size >= 4 && isElf(opened.source.read(0, 4));
}
