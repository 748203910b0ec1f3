/** The same source has the same signatures, whoever compiles it and how. */
import { createHash } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";
import { fullText, Signatures, signatureText } from "../../../src/dynld/signature/signature.ts";
import { TypedFile } from "../../../src/dynld/signature/typed-file.ts";
import { source, Workshop } from "./compile.ts";

const workshop = new Workshop();
afterAll(() => workshop[Symbol.dispose]());

/** Signature and text of all exports that have a type: the same whether types or entries are gone through. */
function signaturesOf(path: string): Map<string, string> {
  using file = TypedFile.openLocal(path);
  const ofTypes = new Signatures();
  const found = new Map<string, string>();
  for (const { name, typed } of file.typedExports()) {
    if (typed === undefined) continue;
    const signed = file.signature(typed);
    const text = fullText(signed);
    expect(text, `${name} of ${path}`).toBe(fullText(ofTypes.of(typed)));
    found.set(name, `${signatureText(signed.signature)}\n${text}`);
  }
  return found;
}

const VERSIONS = ["-gdwarf-4", "-gdwarf-5"];

describe("one source", () => {
  it("has the same texts and signatures in C from gcc and clang, at any -O, in DWARF 4 and 5", () => {
    const input = source("kinds.c");
    const reference = signaturesOf(workshop.compile("gcc", input));
    expect([...reference.keys()]).toHaveLength(18);
    for (const version of VERSIONS) {
      for (const level of ["-O0", "-O1", "-O2", "-O3", "-Os"]) {
        for (const compiler of ["gcc", "clang"]) {
          const found = signaturesOf(workshop.compile(compiler, input, [version, level]));
          expect(found, `${compiler} ${version} ${level}`).toEqual(reference);
        }
      }
    }
  });

  it("is the same in DWARF 2 and 3, from both", () => {
    const input = source("kinds.c");
    const reference = signaturesOf(workshop.compile("gcc", input));
    for (const compiler of ["gcc", "clang"]) {
      for (const version of ["-gdwarf-2", "-gdwarf-3"]) {
        const found = signaturesOf(workshop.compile(compiler, input, [version]));
        expect(found, `${compiler} ${version}`).toEqual(reference);
      }
    }
  });

  it("is the same with type units, in split DWARF, and in a linked library", () => {
    const input = source("kinds.c");
    const reference = signaturesOf(workshop.compile("gcc", input));
    for (const compiler of ["gcc", "clang"]) {
      expect(signaturesOf(workshop.compile(compiler, input, ["-fdebug-types-section"]))).toEqual(reference);
      expect(signaturesOf(workshop.compile(compiler, input, ["-gsplit-dwarf"]))).toEqual(reference);
      const library = workshop.run(compiler, ["-w", "-g", "-fPIC", "-shared", input, "-o", "OUT"], ".so");
      expect(signaturesOf(library)).toEqual(reference);
    }
  });

  it("has the same texts and signatures in C++ from both", () => {
    const input = source("kinds.cc");
    const reference = signaturesOf(workshop.compile("g++", input));
    expect([...reference.keys()]).toContain("_ZN5space6Square2atERNS_5PointERKS1_OS1_");
    expect(reference.get("_Z3sumPN5space3BoxImLm3EEEMNS_6SquareEKFivEDn")).toContain(
      "'space::Box<unsigned long, 3>'",
    );
    for (const version of VERSIONS) {
      for (const level of ["-O0", "-O2"]) {
        for (const compiler of ["g++", "clang++"]) {
          const path = workshop.compile(compiler, input, [
            version,
            level,
            ...(compiler === "g++" ? [] : ["-fstandalone-debug"]),
          ]);
          // Which variants of constructors and destructors there are is not the same.
          for (const [name, text] of signaturesOf(path)) {
            const known = reference.get(name) ?? reference.get(name.replace(/([CD])1E/, "$12E"));
            expect(text, `${name} ${compiler} ${version} ${level}`).toBe(known);
          }
        }
      }
    }
  });

  it("has the same texts and signatures in Rust, and of plain functions those of C", () => {
    const texts = ["0", "2"].map((level) =>
      signaturesOf(
        workshop.run("rustc", [
          ...["-g", "-C", `opt-level=${level}`, "--crate-type=lib", "--emit=obj", "--crate-name=kinds"],
          ...["-o", "OUT", source("kinds.rs")],
        ]),
      ),
    );
    expect(texts[0]).toEqual(texts[1]);
    expect([...(texts[0]?.keys() ?? [])]).toEqual(["LIMIT", "add", "length", "walk"]);
    const inC = signaturesOf(
      workshop.compileText("int add(int a, int b) { return a + b; }\nunsigned short LIMIT = 12;\n"),
    );
    expect(texts[0]?.get("add")).toBe(inC.get("add"));
    expect(texts[0]?.get("LIMIT")).toBe(inC.get("LIMIT"));
  });

  it("has signatures that sha256sum makes of the texts", () => {
    using file = TypedFile.openLocal(workshop.compile("gcc", source("kinds.c")));
    const hash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);
    const signed = file.signature(file.typeOf(file.exported("node_visit")) ?? expect.fail());
    const lines = fullText(signed).split("\n");
    expect(signatureText(signed.signature)).toBe(hash(lines.pop() ?? ""));
    const groups = lines.join("\n").split(/\n(?=[0-9a-f])/);
    expect(groups.length).toBeGreaterThan(5);
    for (const group of groups) {
      const text = group.slice(17).replaceAll(`\n${" ".repeat(17)}`, "\n");
      expect(group.slice(0, 16)).toBe(hash(text));
    }
    // Node and Tree lead back to one another: one group, as the other definitions are alone.
    expect(groups.filter((group) => group.includes("\n"))).toHaveLength(1);
  });
});

describe("typedefs, names of parameters and the order of declarations", () => {
  it("do not count", () => {
    const one = signaturesOf(
      workshop.compileText(
        "typedef unsigned long word; struct A { word w; }; struct B { struct A *a; }; word f(struct B *b, word c) { return c; }",
      ),
    );
    const other = signaturesOf(
      workshop.compileText(
        "struct B; typedef struct A { unsigned long w; } A_t; typedef struct B { A_t *a; } B_t; int other; unsigned long f(B_t *x, const unsigned long y) { return y; }",
      ),
    );
    expect(other.get("f")).toBe(one.get("f"));
  });
});
