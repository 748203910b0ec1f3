/** Types of imports and exports: what fits is loaded, what does not is refused with the difference. */
import { describe, expect, it } from "vitest";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { compile } from "../support/compile.ts";
import { refusal } from "../support/refusal.ts";

const DEVICE = (members: string) => `struct dev { ${members} };`;
const OWNER = `${DEVICE("int flags; long count;")} long dev_count(struct dev *d) { return d->count; }`;
const USER = (members: string) => `${DEVICE(members)}
  long dev_count(struct dev *d);
  long ask(void) { static struct dev d; d.count = 12; return dev_count(&d); }`;

describe("a module's imports", () => {
  it("are those that another module exports, if their types are the same", () => {
    using owner = NativeModule.load(compile(OWNER, "gcc", ["-g"]), { name: "owner" });
    const table = new ExportTable().addModule(owner);
    using user = NativeModule.load(
      compile(USER("int flags; long count;"), "gcc", ["-O2", "-fPIC", "-gdwarf-4"]),
      {
        name: "user",
        table,
        policy: "strict",
      },
    );
    expect(user.call("long ask(void)")).toBe(12n);
    expect(user.import?.[0]?.sig).toBe(owner.export[0]?.sig);
    expect(owner.address("dev_count", 1)).toBeUndefined();
    expect(owner.address("dev_count", owner.export[0]?.sig ?? 0)).toBe(owner.export[0]?.addr);
  });

  it("fit where only one side has a class, if the compiler is told to write it, or completions are asked for", () => {
    const header = "struct shape { virtual ~shape(); int sides; };";
    const owner = `${header} shape::~shape() {} int count(shape *s) { return s->sides; }`;
    const user = `${header} int count(shape *s); int twice(shape *s) { return 2 * count(s); }`;
    const table = (...flags: string[]) => {
      const libraries = new ExportTable().addLibrary("libc.so.6").addLibrary("libstdc++.so.6");
      const module = NativeModule.load(compile(owner, "g++", ["-g", ...flags]), {
        name: "owner",
        table: libraries,
      });
      return new ExportTable().addModule(module).addLibrary("libstdc++.so.6");
    };
    const load = (flags: string[], completions = false) =>
      NativeModule.load(compile(user, "g++", ["-g", ...flags]), {
        name: "user",
        table: table(...flags),
        completions,
      });
    expect(refusal(() => load([])).message).toMatch(
      /struct shape: expected incomplete, found complete; with completions, one is taken for the other$/,
    );
    expect(load([], true).export.map(({ name }) => name)).toEqual(["_Z5twiceP5shape"]);
    expect(load(["-femit-class-debug-always"]).nexport).toBe(1);
  });

  it("are refused with what differs", () => {
    using owner = NativeModule.load(compile(OWNER, "gcc", ["-g"]), { name: "owner" });
    const table = new ExportTable().addModule(owner);
    const file = compile(USER("int flags; int minor; long count;"), "gcc", ["-g"]);
    const error = refusal(() => NativeModule.load(file, { name: "user", table }));
    expect(error.code).toBe("DYNLD_SIGNATURE_MISMATCH");
    expect(error.symbol).toBe("dev_count");
    expect(error.message).toMatch(
      /^user: signature mismatch: dev_count: module expects long \(struct dev \*\), program provides .*: struct dev: expected int minor at 4, found long count at 8$/,
    );
    const exceptions = new Map([["dev_count", "unchecked"]] as const);
    NativeModule.load(file, { name: "user", table, exceptions }).unload();
  });

  it("without a known type are let pass, unless the policy is strict", () => {
    using owner = NativeModule.load(compile(OWNER, "gcc", ["-g"]), { name: "owner" });
    const table = new ExportTable().addModule(owner);
    const file = compile(USER("int flags; int minor; long count;"), "gcc", []);
    NativeModule.load(file, { name: "user", table }).unload();
    const error = refusal(() => NativeModule.load(file, { name: "user", table, policy: "strict" }));
    expect(error.code).toBe("DYNLD_UNCHECKED_SYMBOL");
    expect(error.message).toContain("dev_count");
  });
});

describe("a structure that a module only declares", () => {
  const OPAQUE =
    "struct dev; long dev_count(struct dev *d); long ask(struct dev *d) { return dev_count(d); }";

  it("is another than that of the program, unless completions are let pass", () => {
    using owner = NativeModule.load(compile(OWNER, "gcc", ["-g"]), { name: "owner" });
    const table = new ExportTable().addModule(owner);
    const file = compile(OPAQUE, "gcc", ["-g", "-O1"]);
    const error = refusal(() => NativeModule.load(file, { name: "user", table }));
    expect(error.code).toBe("DYNLD_SIGNATURE_MISMATCH");
    expect(error.cause).toMatchObject({
      symbol: "dev_count",
      difference: { kind: "completion", path: ["parameter 1", "struct dev"] },
    });
    NativeModule.load(file, { name: "user", table, completions: true, policy: "strict" }).unload();
    const other = compile(
      OPAQUE.replace(
        "struct dev; long dev_count(struct dev *d)",
        "struct dev; long dev_count(const struct dev *d)",
      ),
      "gcc",
      ["-g", "-O1"],
    );
    expect(refusal(() => NativeModule.load(other, { name: "user", table, completions: true })).code).toBe(
      "DYNLD_SIGNATURE_MISMATCH",
    );
  });
});

describe("a new version", () => {
  it("must have the old one's exports with the same types", () => {
    using module = NativeModule.load(compile("long get(int x) { return x; }", "gcc", ["-g"]), {
      name: "versioned",
    });
    const error = refusal(() => module.reload(compile("long get(long x) { return x; }", "gcc", ["-g"])));
    expect(error.code).toBe("DYNLD_SIGNATURE_MISMATCH");
    expect(error.message).toContain("get: old version has long (int), new version has long (long)");
    expect(module.call("long get(int)", 5)).toBe(5n);
    module.reload(compile("long get(int x) { return x + 1; } int more(void) { return 1; }", "clang", ["-g"]));
    expect(module.call("long get(int)", 5)).toBe(6n);
  });
});
