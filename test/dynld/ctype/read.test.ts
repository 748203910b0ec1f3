/** C types from debug information: layouts as the compiler has them, and damaged files refused in bounded time. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { declaration } from "../../../src/dynld/ctype/declaration.ts";
import { SymbolTypes } from "../../../src/dynld/ctype/symbol-types.ts";
import { alignOf, bare, type CRecord, type CType, isRecord } from "../../../src/dynld/ctype.ts";
import { infernoSignature } from "../../../src/dynld/signature/inferno.ts";
import { Signatures } from "../../../src/dynld/signature/signature.ts";
import { typeScriptDeclarations } from "../../../src/dynld/typescript/declarations.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { BinderyError } from "../../../src/errors.ts";
import { source, Workshop } from "../signature/compile.ts";

const workshop = new Workshop();
afterAll(() => workshop[Symbol.dispose]());

function typesOf(path: string): SymbolTypes {
  return new SymbolTypes(Dwarf.open(ElfFile.open(readFileSync(path))));
}

describe("layouts", () => {
  const RECORDS = [
    "struct Node",
    "struct Tree",
    "struct Bits",
    "union Any",
    "struct Packed",
    "struct Aligned",
  ];

  it.each(["-gdwarf-4", "-gdwarf-5"])(
    "have the sizes, alignments and offsets of the compiler itself, %s",
    (version) => {
      const text = `${readFileSync(source("kinds.c"), "utf8")}\n${RECORDS.map((one, i) => `${one} record${i};`).join("\n")}`;
      const types = typesOf(workshop.compileText(text, "gcc", [version]));
      const records = RECORDS.map((name, i): [string, CRecord] => {
        const type = bare(types.find(`record${i}`)?.type ?? expect.fail(name));
        return isRecord(type) ? [name, type] : expect.fail(name);
      });
      const asked = records.flatMap(([name, { members }]) => [
        `sizeof(${name})`,
        `_Alignof(${name})`,
        ...members.flatMap((one) =>
          one.name === undefined || one.bitSize !== undefined ? [] : [`offsetof(${name}, ${one.name})`],
        ),
      ]);
      const program = workshop.run(
        "gcc",
        [
          "-w",
          workshop.write(
            `ask${version}.c`,
            `${text}\n#include <stdio.h>\nint main() { ${asked.map((one) => `printf("%d\\n", (int)(${one}));`).join(" ")} }`,
          ),
          "-o",
          "OUT",
        ],
        "",
      );
      const answers = execFileSync(program, { encoding: "utf8" }).trim().split("\n").map(Number);
      // DWARF 4 does not tell that a member is aligned by itself.
      const untold = version === "-gdwarf-4" ? "struct Aligned" : "";
      const ours = records.flatMap(([name, type]) => [
        type.size,
        name === untold ? 32 : alignOf(type),
        ...type.members.flatMap((one) =>
          one.name === undefined || one.bitSize !== undefined ? [] : [(one.bitOffset ?? -8) / 8],
        ),
      ]);
      expect(Object.fromEntries(asked.map((one, i) => [one, ours[i]]))).toEqual(
        Object.fromEntries(asked.map((one, i) => [one, answers[i]])),
      );
    },
  );
});

describe("declarations", () => {
  it("are C that declares the same again", () => {
    const types = typesOf(workshop.compile("gcc", source("kinds.c")));
    const names =
      "node_visit tree_make numbers layouts chosen print unknown old names watched compare_with head".split(
        " ",
      );
    const pointers = names.map((name) => {
      const symbol = types.find(name) ?? expect.fail(name);
      const type: CType = { kind: "pointer", size: 8, form: "*", target: symbol.type };
      return { ...symbol, name: `to_${name}`, kind: "variable" as const, type };
    });
    const definitions = readFileSync(source("kinds.c"), "utf8").split("static int helper")[0];
    const signatures = new Signatures();
    for (const options of [{}, { resolved: true }]) {
      const again = pointers.map(({ type, name }) => `${declaration(type, name, options)};`).join("\n");
      const others = typesOf(workshop.compileText(`${definitions}\n${again}`, "clang"));
      for (const pointer of pointers) {
        const found = others.find(pointer.name) ?? expect.fail(pointer.name);
        // An old-style definition takes what a prototype of its parameters says; C has no other word for it.
        expect([pointer.name, signatures.of(found).text]).toEqual([
          pointer.name,
          signatures.of(pointer).text,
        ]);
      }
    }
  });
});

describe("a symbol that is only declared", () => {
  it("has the type that the file expects of it", () => {
    const text =
      "struct Dev; int devread(struct Dev *, long); extern unsigned devcount; int use(void) { return devread(0, devcount); }";
    const types = typesOf(workshop.compileText(text, "gcc", ["-O1"]));
    const found = types.find("devread") ?? expect.fail();
    expect(found.isDeclaration).toBe(true);
    expect(declaration(found.type, "devread")).toBe("int devread(struct Dev *, long)");
    expect(types.find("devcount")?.isDeclaration).toBe(true);
    expect(types.find("absent")).toBeUndefined();
  });
});

describe("damaged debug information", () => {
  it.each([
    ["gcc", "kinds.c", 1],
    ["g++", "kinds.cc", 2],
  ])("of %s, %s is refused with a place, and in bounded time", (compiler, name, seed) => {
    const bytes = new Uint8Array(readFileSync(workshop.compile(compiler, source(name))));
    const elf = ElfFile.open(bytes);
    const sections = [".debug_info", ".debug_abbrev", ".debug_str"].map(
      (one) => elf.sectionsNamed(one)[0] ?? expect.fail(),
    );
    const names = [...elf.symbols(elf.sections.find((one) => one.type === 2) ?? expect.fail())].map(
      (one) => one.name,
    );
    let state = seed;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return (state >>> 8) % below;
    };
    let refused = 0;
    for (let round = 0; round < 400; round++) {
      const damaged = bytes.slice();
      for (let i = 0; i <= round % 5; i++) {
        const { offset, size } = sections[random(2)] ?? expect.fail();
        damaged[offset + random(size)] = random(256);
      }
      const types = new SymbolTypes(Dwarf.open(ElfFile.open(damaged)));
      const signatures = new Signatures();
      for (const one of names) {
        try {
          const symbol = types.find(one);
          if (symbol === undefined) continue;
          signatures.of(symbol);
          infernoSignature(symbol);
          typeScriptDeclarations("x", [symbol]);
        } catch (error) {
          if (!(error instanceof BinderyError)) throw error;
          refused++;
        }
      }
    }
    expect(refused).toBeGreaterThan(100);
  });
});
