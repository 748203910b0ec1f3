/** Opening by path: lazily, through whole-file compression, and with clear refusals. */
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { FileSource, openArchive, openElf } from "../../src/host/file.ts";
import { TARGETS, Workshop } from "../support/elf-clang.ts";

const workshop = new Workshop();
afterAll(() => workshop.remove());

function object(): string {
  const [target] = TARGETS;
  if (target === undefined) throw new Error("no target");
  return workshop.compile(target, "symbols.c", "-g");
}

describe("openElf", () => {
  it.each([
    ["gzip", "gzip -k -c", ".gz"],
    ["xz", "xz -k -c --check=crc32 --lzma2=dict=1MiB", ".xz"],
    ["xz", "xz -k -c -9e", ".9.xz"],
    ["zstd", "zstd -q -k -c", ".zst"],
    ["zstd", "zstd -q -c --ultra -22 --no-check", ".22.zst"],
  ] as const)("sees through %s (%s)", (compression, command, suffix) => {
    const plain = object();
    workshop.run("sh", "-c", `${command} ${plain} > module.ko${suffix}`);
    using opened = openElf(workshop.path(`module.ko${suffix}`));
    expect(opened.compression).toBe(compression);
    expect(opened.elf.name).toBe(workshop.path(`module.ko${suffix}`));
    expect(opened.source.size).toBe(readFileSync(plain).length);
    expect(opened.elf.symtab()?.indexesOf("caller").length).toBe(1);
  });

  it("refuses compressed files that are damaged, or larger than allowed, with a place", () => {
    const plain = object();
    for (const [command, suffix] of [
      ["gzip -c", "gz"],
      ["xz -c", "xz"],
      ["zstd -q -c", "zst"],
    ]) {
      const path = workshop.path(`damaged.${suffix}`);
      workshop.run("sh", "-c", `${command} ${plain} > ${path}`);
      const bytes = readFileSync(path);
      const bad = (limit?: number) => {
        const options = limit === undefined ? {} : { limit };
        expect(() => openElf(path, options)).toThrow(
          expect.objectContaining({ code: "ELF_BAD_COMPRESSION", place: { file: path, offset: 0 } }),
        );
      };
      bad(1000);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0x55;
      writeFileSync(path, bytes);
      bad();
      truncateSync(path, bytes.length >> 1);
      bad();
    }
  });

  it("can't be read once closed; closing twice is harmless", () => {
    const opened = openElf("/bin/true");
    opened.close();
    opened.close();
    expect(() => opened.elf.sections).toThrow(expect.objectContaining({ code: "HOST_SYSCALL" }));
  });

  it("says what is wrong with a path", () => {
    expect(() => openElf("/nonexistent/file")).toThrow(
      expect.objectContaining({ code: "HOST_SYSCALL", call: "open", errno: 2 }),
    );
    expect(() => openElf("/usr/lib")).toThrow(expect.objectContaining({ code: "HOST_UNSUPPORTED" }));
    writeFileSync(workshop.path("text"), "just text");
    expect(() => openElf(workshop.path("text"))).toThrow(
      /text: ELF header\+0x0: not an ELF file: found 6a 75 73 74/,
    );
    expect(() => openArchive(workshop.path("text"))).toThrow(
      expect.objectContaining({ code: "ELF_BAD_MAGIC" }),
    );
    writeFileSync(workshop.path("empty"), "");
    expect(() => openElf(workshop.path("empty"))).toThrow(expect.objectContaining({ code: "ELF_BAD_MAGIC" }));
  });

  it("notices a file that shrinks while it is open", () => {
    const path = workshop.path("shrinks");
    writeFileSync(path, gzipSync("x".repeat(1000)).subarray(0, 20));
    using source = FileSource.open(path);
    truncateSync(path, 10);
    expect(() => source.read(0, 20)).toThrow(expect.objectContaining({ code: "ELF_TRUNCATED" }));
  });

  it("leaves no descriptor behind", () => {
    const count = () =>
      Number(workshop.run("sh", "-c", `ls -l /proc/${process.pid}/fd | grep -E '/(true|text)$' | wc -l`));
    using held = openElf("/bin/true");
    expect(count()).toBe(1);
    for (let i = 0; i < 20; i++) {
      expect(() => openElf(workshop.path("text"))).toThrow();
      openElf("/bin/true").close();
    }
    expect(count()).toBe(1);
    held.close();
    expect(count()).toBe(0);
  });
});
