/** JavaScript functions in a table: signatures of their prototypes, and modules that expect something else. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { signatureText } from "../../../src/dynld/signature/signature.ts";
import { TypedFile } from "../../../src/dynld/signature/typed-file.ts";
import { compile, compileTo } from "../support/compile.ts";
import { refusal } from "../support/refusal.ts";

const MAIN = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

const HEADERS = "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <sys/socket.h>\n";

/** Prototypes that say all that matters of a type. */
const KNOWN = [
  "int log_line(int level, const char *text)",
  "void nothing(void)",
  "bool flags(_Bool, signed char, unsigned char, char)",
  "unsigned many(short, short int, unsigned short, long unsigned int, long long, unsigned long long int)",
  "double points(float, double)",
  "char *texts(char *, char const *const *, const char *restrict)",
  "void *memory(const volatile void *at, size_t length, ptrdiff_t by)",
  "int8_t exact(uint8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t, uint64_t)",
  "intmax_t wide(uintmax_t, intptr_t, uintptr_t)",
  "ssize_t system(off_t, time_t, pid_t, uid_t, gid_t, mode_t, socklen_t)",
  "void sorted(void *base, size_t count, size_t size, int (*compare)(const void *, const void *))",
  "void (*handler(int number, void (*action)(int)))(int)",
  "int arrays(int lines[4], const char names[][16], int of(int))",
  "int print(const char *format, ...)",
  "struct dev *next_device(const struct dev *before, union value **values)",
];

/** What gcc's debug information says, by `bindery sig`. */
function signatures(prototypes: readonly string[]): string[] {
  const names = prototypes.map((one) => offered(one).name);
  const bodies = prototypes.map((one) => `${one} { __builtin_trap(); }`);
  const file = compileTo(`${HEADERS}struct dev; union value;\n${bodies.join("\n")}`, "gcc", ["-g", "-w"]);
  const lines = execFileSync(process.execPath, [MAIN, "sig", file, ...names], { encoding: "utf8" });
  return lines
    .trim()
    .split("\n")
    .map((line) => line.slice(0, 16));
}

function offered(prototype: string, type?: Parameters<ExportTable["addFunction"]>[2]) {
  const [entry] = new ExportTable().addFunction(prototype, () => 0, type).entries();
  return entry ?? { name: "", sig: -1n, addr: 0n };
}

describe("a JavaScript function", () => {
  it("has the signature that gcc's debug information gives its prototype", () => {
    const ours = KNOWN.map((prototype) => signatureText(offered(prototype).sig));
    expect(ours).toEqual(signatures(KNOWN));
    expect(offered("void (*handler(int number, void (*action)(int)))(int)").name).toBe("handler");
  });

  it("has none where its prototype leaves something open, or the program says so", () => {
    const open = [
      "int unknown()",
      "void named(FILE *)",
      "int wide(wchar_t)",
      "int8 other(uint32)",
      "void at(long double *)",
    ];
    for (const prototype of open) expect([prototype, offered(prototype).sig]).toEqual([prototype, 0n]);
    expect(offered("int known(int)", 0).sig).toBe(0n);
    expect(offered("int known(int)", 0x1234).sig).toBe(0x1234n);
  });

  it("is refused with a prototype that it can't be called by", () => {
    const why = (prototype: string): string => refusal(() => offered(prototype)).message;
    expect(why("int f(struct dev)")).toBe(
      'prototype "int f(struct dev)": found struct dev, expected a type that JavaScript has values for (struct dev is incomplete)',
    );
    expect(why("enum mode f(void)")).toContain("found enum mode,");
    expect(why("int f(long double)")).toContain("found long double,");
    expect(why("int f(DEVICE)")).toContain("DEVICE");
    expect(why("int (int)")).toBe('prototype "int (int)": no name before a parenthesis');
    expect(refusal(() => offered("int f(nonsense")).code).toBe("DYNLD_BAD_ARGUMENT");
  });
});

const LOGGER = (declared: string, use: string) =>
  compile(`${HEADERS}${declared};\nlong start(void) { return ${use}; }`, "gcc", ["-g", "-O1", "-fPIC"]);

describe("a module that imports JavaScript functions", () => {
  it("is loaded where the types fit, by a strict policy too", () => {
    const seen: unknown[] = [];
    const table = new ExportTable()
      .addFunction("int log_line(int level, const char *text)", (level: number, text: string) => {
        seen.push([level, text]);
        return 5;
      })
      .addFunction("long each(const struct dev *dev, void (*action)(struct dev *), FILE *)", (...args) => {
        seen.push(args);
        return 6;
      });
    const declared = `struct dev { int id; }; struct file; static struct dev one;
      int log_line(int, const char *); long each(const struct dev *, void (*)(struct dev *), struct file *)`;
    const file = LOGGER(declared, 'log_line(-1, "text") + each(&one, 0, (struct file *)16)');
    const exceptions = new Map([["each", "lenient"]] as const);
    using module = NativeModule.load(file, { name: "logger", table, policy: "strict", exceptions });
    expect(module.call("long start(void)")).toBe(11n);
    expect(seen).toEqual([
      [-1, "text"],
      [module.object.symbol("one")?.address, null, 16n],
    ]);
    expect(module.import?.find(({ name }) => name === "log_line")?.sig).not.toBe(0n);
    expect(refusal(() => NativeModule.load(file, { name: "logger", table, policy: "strict" })).code).toBe(
      "DYNLD_UNCHECKED_SYMBOL",
    );
  });

  it.each(["unsigned long", "FILE *, uint64_t"])("gives functions of %s every value", (parameters) => {
    const seen: unknown[] = [];
    const table = new ExportTable().addFunction(`long log_value(${parameters})`, (...args: unknown[]) => {
      seen.push(args.at(-1));
      return 0n;
    });
    const isFile = parameters.startsWith("FILE");
    const declared = `struct file; long log_value(${isFile ? "struct file *, " : ""}unsigned long)`;
    const given = (value: string) => `log_value(${isFile ? "0, " : ""}${value})`;
    const file = LOGGER(declared, `${given("-1UL")} + ${given("1UL << 63")} + ${given("7")}`);
    using module = NativeModule.load(file, { name: "logger", table });
    module.call("long start(void)");
    expect(seen.map((one) => BigInt(one as number | bigint))).toEqual([2n ** 64n - 1n, 2n ** 63n, 7n]);
  });

  it.each(["void *give(int)", "FILE *give(int)", "double give(int)", "uint64_t give(int)"])(
    "is given 0 by %s that throws, and its call throws that",
    (prototype) => {
      let isFailing = false;
      const calls: number[] = [];
      const table = new ExportTable().addFunction(prototype, (one: number) => {
        calls.push(one);
        if (isFailing) throw new RangeError("no value");
        return prototype.startsWith("double") ? 1.5 : 0x1234n;
      });
      const type = prototype.replace("FILE", "void").replace(/ ?give.*/, "");
      const declared = `${type} give(int); ${type} got[2]`;
      const file = LOGGER(declared, "(got[0] = give(1), got[1] = give(2), 3)");
      using module = NativeModule.load(file, { name: "logger", table });
      const start = module.function("long start(void)");
      expect(start()).toBe(3n);
      isFailing = true;
      expect(() => start()).toThrow(new RangeError("no value"));
      expect(calls).toEqual([1, 2, 1]);
      const zero = prototype.startsWith("double") ? 0 : prototype.includes("*") ? null : 0n;
      expect([...(module.variables.got as Iterable<unknown>)]).toEqual([zero, zero]);
    },
  );

  it.each([
    ["int give(int)", undefined, "give: result: found undefined, expected int"],
    ["double give(int)", "1", 'give: result: found "1", expected double'],
    ["bool give(int)", 1, "give: result: found 1, expected bool"],
    ["void *give(int)", "text", 'give: result: found "text", expected void *'],
  ])("is given 0 by %s that gives %j, and its call throws why", (prototype, value, why) => {
    const table = new ExportTable().addFunction(prototype, () => value);
    const type = prototype.replace(/ ?give.*/, "").replace("bool", "_Bool");
    const file = LOGGER(`${type} give(int); ${type} got = (${type})77`, "(got = give(1), 3)");
    using module = NativeModule.load(file, { name: "logger", table });
    expect(() => module.call("long start(void)")).toThrow(why);
    expect(Number(module.variables.got)).toBe(0);
  });

  it("is refused where they differ, with both", () => {
    const table = new ExportTable().addFunction("int log_line(int level, const char *text)", () => 0);
    const file = LOGGER("int log_line(long, const char *)", 'log_line(1, "")');
    const error = refusal(() => NativeModule.load(file, { name: "logger", table }));
    expect([error.code, error.symbol]).toEqual(["DYNLD_SIGNATURE_MISMATCH", "log_line"]);
    expect(error.message).toBe(
      "logger: signature mismatch: log_line: module expects int (long, const char *), program provides int (int, const char *)",
    );
    expect(error.cause).toMatchObject({ difference: { path: ["parameter 1"] } });
    const unchecked = new ExportTable().addFunction("int log_line(int level, const char *text)", () => 0, 0);
    NativeModule.load(file, { name: "logger", table: unchecked }).unload();
  });

  it("may know more of a structure that the prototype names, but no other", () => {
    const table = new ExportTable().addFunction("long note(struct dev *dev, int level)", () => 7);
    const declared = (tag: string, level: string) =>
      LOGGER(`struct ${tag} { int id; } one; long note(struct ${tag} *, ${level})`, "note(&one, 1)");
    using module = NativeModule.load(declared("dev", "int"), { name: "note", table, policy: "strict" });
    expect(module.call("long start(void)")).toBe(7n);
    const message = (tag: string, level: string): string =>
      refusal(() => NativeModule.load(declared(tag, level), { name: "note", table })).message;
    expect(message("dev", "long")).toContain(
      "module expects long (struct dev *, long), program provides long (struct dev *, int)",
    );
    expect(message("other", "int")).toContain(
      "module expects long (struct other *, int), program provides long (struct dev *, int)",
    );
  });

  it("is checked by the type that the program gives, structures and enumerations in it", () => {
    const api = (member: string): string => `enum mode { OFF, ON = 7 }; struct dev { int id; ${member}; };
      int note(struct dev *dev, enum mode mode)`;
    using program = TypedFile.openLocal(compileTo(`${api("char name[8]")} { return mode; }`, "gcc", ["-g"]));
    const type = program.typeOf(program.exported("note"));
    const table = new ExportTable().addFunction(
      "int note(struct dev *, enum mode mode)",
      (_, mode: number) => mode + 1,
      type,
    );
    const file = (member: string) => LOGGER(`${api(member)}; static struct dev one`, "note(&one, ON)");
    using module = NativeModule.load(file("char name[8]"), { name: "note", table, policy: "strict" });
    expect(module.call("long start(void)")).toBe(8n);
    expect(refusal(() => NativeModule.load(file("char name[9]"), { name: "note", table })).message).toMatch(
      /^note: signature mismatch: note: .*: struct dev: expected char name\[9\] at 4, found char name\[8\] at 4$/,
    );
    expect(refusal(() => offered("int note(struct dev *)", type)).message).toBe(
      'prototype "int note(struct dev *)": found 1 parameters, expected 2',
    );
  });
});
