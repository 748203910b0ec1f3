/** A plug-in in Rust with all of its standard library: collections, locks, thread-local keys, panics. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  ExportTable,
  type ModuleFile,
  makeModule,
  NativeModule,
  type RecordView,
} from "../../../src/dynld/index.ts";
import { pathOf, tool } from "../support/compile.ts";

const SOURCE = readFileSync(join(import.meta.dirname, "words.rs"), "utf8");

interface Words {
  readonly fn: {
    add_text(text: Uint8Array): bigint;
    most_frequent(): RecordView & {
      readonly count: number;
      readonly length: number;
      readonly word: Uint8Array;
    };
    letter(index: bigint): number;
  };
  readonly data: object;
}

const EXPORTS = ["add_text", "letter", "most_frequent", "restore", "save"];

/** A module of the crate and of what it needs of the standard library; what that defines is not for others. */
function build(source: string): ModuleFile {
  writeFileSync(pathOf("words.rs"), source);
  const flags = ["--crate-type=staticlib", "--emit=obj=words.o,link=words.a", "-g", "-Ccodegen-units=1"];
  tool("rustc", ...flags, "words.rs");
  const files = ["words.o", "words.a"].map((name) => ({ name, bytes: readFileSync(pathOf(name)) }));
  return { name: "words.mod", bytes: makeModule(files, { exports: EXPORTS, debug: false }).bytes };
}

describe("a plug-in in Rust", () => {
  const lines: string[] = [];
  const table = new ExportTable()
    .addLibrary("libc.so.6")
    .addLibrary("libgcc_s.so.1")
    .addLibrary("ld-linux-x86-64.so.2")
    .addFunction("void host_log(const char *line)", (line: string) => {
      lines.push(line);
    });

  it("counts words, catches its panics, and hands them to its next version", () => {
    using plugin = NativeModule.load<Words>(build(SOURCE), { name: "words", table });
    expect(plugin.export.map(({ name }) => name)).toEqual(EXPORTS);
    const { add_text, most_frequent, letter } = plugin.fn;
    const add = (text: string): bigint => add_text(Buffer.from(`${text}\0`));
    const frequent = (): [string, number] => {
      const { word, length, count } = most_frequent();
      return [Buffer.from(word).subarray(0, length).toString(), count];
    };
    expect(add("the cat and the dog and the Älg")).toBe(5n);
    expect(frequent()).toEqual(["the", 3]);
    expect([0n, 6n, 7n, 2n ** 40n].map((index) => letter(index))).toEqual([0x70, 0x6e, -1, -1]);

    const changed = SOURCE.replace("word.to_lowercase()", "word.to_uppercase()");
    plugin.reload(build(changed), { state: { save: "save", restore: "restore" } });
    expect(add("älg älg älg älg")).toBe(6n);
    expect(frequent()).toEqual(["ÄLG", 4]);
    expect(lines).toEqual(["5 words", "6 words"]);
  });
});
