/** `bindery dts`: what it writes is TypeScript, and says what typed calls take and give. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { source, Workshop } from "../dynld/signature/compile.ts";
import { bindery } from "./run.ts";

const workshop = new Workshop();
afterAll(() => workshop[Symbol.dispose]());

const TSC = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));

/** What the compiler says of files. */
function check(...files: string[]): string {
  const flags = [
    "--noEmit",
    "--strict",
    "--ignoreConfig",
    "--target",
    "es2022",
    "--lib",
    "es2022",
    "--types",
    "",
  ];
  const { stdout, error } = spawnSync(process.execPath, [TSC, ...flags, "--module", "nodenext", ...files], {
    encoding: "utf8",
  });
  if (error !== undefined) throw error;
  return stdout;
}

/** Path of the declarations of a file. */
function declare(input: string, name: string): string {
  const path = join(workshop.directory, `${name}.d.ts`);
  expect(bindery(["dts", input, "-o", path])).toMatchObject({ status: 0, stdout: "", stderr: "" });
  return path;
}

describe("bindery dts", () => {
  it("writes declarations that type-check, of C, C++ and Rust from each compiler", () => {
    const rust = workshop.run("rustc", [
      "-g",
      "--crate-type=lib",
      "--emit=obj",
      "-o",
      "OUT",
      source("kinds.rs"),
    ]);
    const files = [
      declare(workshop.compile("gcc", source("kinds.c")), "gcc"),
      declare(workshop.compile("clang", source("kinds.c"), ["-O2", "-gdwarf-5"]), "clang"),
      declare(workshop.compile("g++", source("kinds.cc")), "gxx"),
      declare(workshop.compile("clang++", source("kinds.cc"), ["-fstandalone-debug"]), "clangxx"),
      declare(rust, "rust"),
    ];
    expect(check(...files)).toBe("");
    const [gcc = "", clang = ""] = files.map((path) =>
      readFileSync(path, "utf8").replace(/^.*made by.*\n/, ""),
    );
    expect(clang).toBe(gcc);
  });

  it("says what goes in and comes out, and takes nothing else", () => {
    declare(workshop.compile("gcc", source("kinds.c")), "kinds");
    const user = workshop.write(
      "user.ts",
      `import type { Exports, Node, point_t } from "./kinds.d.ts";
export function use({ fn, data }: Exports): void {
  const point: point_t = fn.point_move({ x: 1 }, 2);
  const wide: bigint = fn.fixed(1, 2, 3, 4n);
  const tree = fn.tree_make(null, "GREEN", 1, "ONE");
  if (tree !== null) tree.facts.inner.weight = point.x + Number(wide);
  const node: Node = data.head;
  node.any.text = "abc";
  node.bits.wide = 5n;
  node.bits.color = "BLUE";
  const color: number = node.bits.color;
  const corner: number | undefined = node.corners[1]?.[2]?.y;
  fn.node_visit(node, { references: 3 }, BigInt(color + (corner ?? 0)));
  const chosen = fn.chosen((n: number) => (n > 0 ? 16n : null));
  const order: number | undefined = chosen?.(new Uint8Array(4), node);
  const name: string | null = node.name;
  node.name = 0x1000n;
  fn.layouts(null, null, new Int32Array(6), new Int32Array(4));
  fn.print.with("int")("%d", 1);
  fn.print.as("int (const char *, int)")("%d", 1);
  data.per_thread = (name?.length ?? 0) + (order ?? 0);
}
`,
    );
    expect(check(user)).toBe("");
    const refused = [
      "fn.fixed(1, 2, 3, 4); // is a bigint",
      "fn.fixed(1, 2, 3); // takes four arguments",
      'fn.tree_make(null, "PURPLE", 1, 1); // has no such constant',
      "fn.node_visit(point, null, 1n); // is not of the type",
      'fn.print("%d", 1); // has more parameters than are declared',
      "fn.numbers(); // has a parameter that has no value in JavaScript",
      "data.names = []; // is const",
      'data.head.name = "text"; // would not live as long as the structure',
      "fn.old(1, 2n); // has no prototype",
    ];
    const head = 'import type { Exports, point_t } from "./kinds.d.ts";';
    const lines = refused.map(
      (one) =>
        `export const _${refused.indexOf(one)} = ({ fn, data }: Exports, point: point_t) => { fn; data; point; ${one}\n}`,
    );
    const wrong = check(workshop.write("wrong.ts", [head, ...lines].join("\n")));
    // Each in the line that begins its function.
    expect([...wrong.matchAll(/wrong\.ts\((\d+),\d+\): error/g)].map(([, line]) => Number(line))).toEqual(
      refused.map((_, i) => 2 + 2 * i),
    );
  });

  it("has the declaration in C and its source line for each", () => {
    const path = declare(workshop.compile("gcc", source("kinds.c")), "comments");
    const text = readFileSync(path, "utf8");
    const line =
      readFileSync(source("kinds.c"), "utf8")
        .split("\n")
        .findIndex((one) => one.startsWith("point_t point_move")) + 1;
    expect(text).toContain(
      `  /**\n   * \`point_t point_move(point_t point, const int by)\`\n   * ${source("kinds.c")}:${line}\n   */\n` +
        "  point_move(point: Partial<point_t>, by: number): point_t;\n",
    );
    expect(text).toContain("  /** unsigned char kind : 3; at bit 0 */\n");
    expect(text).toContain(" * RED = 0, GREEN = 5, BLUE = -1\n");
    expect(text).toContain("  readonly print: OpenFunction;\n");
    expect(text).toContain("   * parameter l: long double\n   */\n  readonly numbers: never;\n");
  });

  it("keeps names apart, takes those that TypeScript has for itself, and ends comments where they end", () => {
    const path = declare(
      workshop.compileText(`
        struct Functions { int class; struct { int new; }; };
        struct number { struct number *Data; char *const text; };
        typedef struct { int a; } Exports;
        enum { LOOSE = 1 } loose;
        int function(struct Functions *default_, struct number var, Exports *Exports, int null[2]) { return 0; }
        struct unit { int a; } unit;
      `),
      "names",
    );
    expect(check(path)).toBe("");
    expect(readFileSync(path, "utf8")).toContain("export interface Functions_2 {");
  });

  it("declares some symbols on standard output, and fails for what is not there", () => {
    const object = workshop.compile("gcc", source("kinds.c"));
    const { stdout, status } = bindery(["dts", object, "nothing"]);
    expect(status).toBe(0);
    expect(stdout).toContain("  nothing(): void;\n");
    expect(stdout).not.toContain("interface Node");
    expect(bindery(["dts", object, "absent"])).toMatchObject({ status: 1, stdout: "" });
    expect(bindery(["dts", "/nonexistent"]).status).toBe(1);
    expect(bindery(["dts", object, "-o", "/nonexistent/x.d.ts"]).status).toBe(1);
    expect(bindery(["dts"]).status).toBe(2);
    const bare = workshop.run("gcc", ["-c", "-w", source("kinds.c"), "-o", "OUT"]);
    expect(bindery(["dts", bare], "", { DEBUGINFOD_URLS: "" })).toMatchObject({ status: 1, stdout: "" });
  });
});
