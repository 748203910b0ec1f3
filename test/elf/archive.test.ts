/** Archives, as ar and llvm-ar make them and as ar and nm list them. */
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Archive, bufferSource, ElfFile } from "../../src/elf/index.ts";
import { openArchive } from "../../src/host/file.ts";
import { TARGETS, Workshop } from "../support/elf-clang.ts";

const workshop = new Workshop();
afterAll(() => workshop.remove());
const LONG = "a_name_that_is_longer_than_sixteen_bytes.o";

beforeAll(() => {
  const [target] = TARGETS;
  if (target === undefined) throw new Error("no target");
  const object = workshop.compile(target, "symbols.c");
  for (const name of ["short.o", LONG, "other.o"]) writeFileSync(workshop.path(name), readFileSync(object));
  writeFileSync(workshop.path("odd.txt"), "odd");
  workshop.run("sh", "-c", `mkdir -p sub && cp other.o sub/deep.o`);
  workshop.run("ar", "rcs", "gnu.a", "short.o", LONG, "odd.txt", "other.o");
  workshop.run("ar", "rcsT", "thin.a", "short.o", LONG, "sub/deep.o");
  for (const format of ["bsd", "darwin"]) {
    workshop.run(
      "llvm-ar",
      "rcs",
      `--format=${format}`,
      `${format}.a`,
      "short.o",
      LONG,
      "odd.txt",
      "other.o",
    );
  }
  // A symbol index of 64 bits, made small by asking for it from the first byte on.
  workshop.run("sh", "-c", `SYM64_THRESHOLD=0 llvm-ar rcs sym64.a short.o ${LONG}`);
});

/** Members and symbols as binutils lists them. */
function listed(name: string): { members: string[]; symbols: string[] } {
  const members = workshop.run("llvm-ar", "t", name).trim().split("\n");
  const index = workshop.run("llvm-nm", "--print-armap", name);
  const symbols = [...index.matchAll(/^(\S+) in (\S+)$/gm)].map((one) => `${one[1]} in ${one[2]}`);
  return { members, symbols };
}

describe("archives", () => {
  it.each(["gnu.a", "bsd.a", "darwin.a", "thin.a", "sym64.a"])("%s lists as the tools list it", (name) => {
    using opened = openArchive(workshop.path(name));
    const { archive } = opened;
    const told = listed(name);
    expect(archive.thin).toBe(name === "thin.a");
    expect(archive.members.map((one) => one.name.replace(/^.*\//, ""))).toEqual(
      told.members.map((one) => one.replace(/^.*\//, "")),
    );
    expect(told.symbols.length).toBeGreaterThan(10);
    const symbols = archive.symbols().map((one) => {
      return `${one.name} in ${archive.memberAt(one.member).name.replace(/^.*\//, "")}`;
    });
    expect(symbols.sort()).toEqual(told.symbols.map((one) => one.replace(/ in .*\//, " in ")).sort());
  });

  it.each(["gnu.a", "bsd.a", "thin.a"])("%s gives each member's contents", (name) => {
    using opened = openArchive(workshop.path(name));
    for (const member of opened.archive.members) {
      const source = member.open();
      const bytes = source.read(0, source.size);
      const original = readFileSync(workshop.path(member.name));
      expect(Buffer.from(bytes).equals(original)).toBe(true);
      expect(member.size).toBe(original.length);
      if (!member.name.endsWith(".o")) continue;
      expect(ElfFile.open(source).symtab()?.indexesOf("caller").length).toBe(1);
    }
  });

  it("names the member in what goes wrong inside it", () => {
    using opened = openArchive(workshop.path("gnu.a"));
    const odd = opened.archive.members.find((one) => one.name === "odd.txt");
    expect(() => ElfFile.open(odd?.open() ?? new Uint8Array())).toThrow(/gnu\.a\(odd\.txt\): ELF header/);
  });

  it("reads the dates, owners and modes of members", () => {
    workshop.run("ar", "rcsU", "dated.a", "short.o");
    using opened = openArchive(workshop.path("dated.a"));
    const told = workshop.run("stat", "-c", "%Y %u %g %f", "short.o").trim().split(" ");
    const [member] = opened.archive.members;
    expect([member?.date, member?.uid, member?.gid, member?.mode.toString(16)].map(String)).toEqual(told);
  });

  it("reads the system's own archives whole", () => {
    using opened = openArchive("/usr/lib/x86_64-linux-gnu/libc_nonshared.a");
    const told = workshop.run("ar", "t", "/usr/lib/x86_64-linux-gnu/libc_nonshared.a").trim().split("\n");
    expect(opened.archive.members.map((one) => one.name)).toEqual(told);
  });

  it("refuses a thin member without a resolver, saying so", () => {
    const archive = Archive.open(bufferSource(readFileSync(workshop.path("thin.a")), "thin.a"));
    expect(() => archive.members[0]?.open()).toThrow(
      expect.objectContaining({
        code: "ELF_UNSUPPORTED",
        place: expect.objectContaining({ file: "thin.a" }),
      }),
    );
  });
});
