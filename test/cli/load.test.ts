/** `bindery mkmod`, `load` and `exporttab`, run as users run them. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compileTo, pathOf, tool } from "../dynld/support/compile.ts";
import { bindery, MAIN } from "./run.ts";

const SOURCE = `#include <string.h>
  int seen = 3;
  int measure(const char *text, int times) { return strlen(text) * times; }
  __attribute__((constructor)) static void begin(void) { seen = 4; }`;

describe("bindery load", () => {
  it("shows what a module exports, with the types of its debug information", () => {
    const path = compileTo(SOURCE, "gcc", ["-g", "-O1"]);
    const { status, stdout, stderr } = bindery(["load", path, "--with", "libc.so.6"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const [head, imports, ...exports] = stdout.trimEnd().split("\n");
    expect(head).toMatch(/^unit\d+\.o: at 0x[0-9a-f]+, text \d+, data \d+, bss \d+$/);
    expect(imports).toBe("imports: strlen");
    expect(exports.map((line) => line.replace(/^[0-9a-f]{16} [0-9a-f]{16} /, ""))).toEqual([
      "int measure(const char *text, int times)",
      "int seen",
    ]);
    const json = JSON.parse(bindery(["load", "--json", path, "--with", "libc.so.6"]).stdout);
    expect(json.exports.map(({ name }: { name: string }) => name)).toEqual(["measure", "seen"]);
  });

  it("leaves libraries with threads of their own where they are", () => {
    const library = pathOf("ticking.so");
    const source = compileTo(
      `#include <pthread.h>
       #include <sched.h>
       static volatile long ticks;
       static void *tick(void *arg) { for (;;) { ticks++; sched_yield(); } }
       int start_ticking(void) { pthread_t t; return pthread_create(&t, 0, tick, 0); }`,
      "gcc",
      ["-fPIC", "-w"],
    );
    execFileSync("gcc", ["-shared", "-o", library, source]);
    const user = compileTo("int start_ticking(void); int start(void) { return start_ticking(); }", "gcc", [
      "-g",
    ]);
    expect(bindery(["load", user, "--with", library, "--call", "start()"])).toEqual({
      status: 0,
      stdout: "start() = 0\n",
      stderr: "",
    });
  });

  it("takes what is only declared for what a library has, if asked to", () => {
    const library = pathOf("opaque.so");
    const source =
      "struct db { int n; }; static struct db one = { 5 }; struct db *open_db(void) { return &one; }";
    execFileSync("gcc", ["-shared", "-g", "-o", library, compileTo(source, "gcc", ["-g", "-fPIC"])]);
    const user = compileTo("struct db *open_db(void); int use(void) { return open_db() != 0; }", "gcc", [
      "-g",
    ]);
    const asked = ["load", user, "--with", library, "--call", "use()"];
    const { status, stderr } = bindery(asked);
    expect(status).toBe(1);
    expect(stderr).toContain("struct db: expected incomplete, found complete; with completions,");
    expect(bindery([...asked, "--completions"])).toEqual({ status: 0, stdout: "use() = 1\n", stderr: "" });
  });

  it("says all that a module lacks, and exits 1", () => {
    const path = compileTo(SOURCE, "gcc", []);
    const { status, stdout, stderr } = bindery(["load", path]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toBe(`bindery: ${path}: undefined symbol: strlen\n`);
    expect(bindery(["load", path, "--with", "libnowhere.so.9"]).stderr).toContain(
      "libnowhere.so.9: no such library",
    );
  });

  it("calls a module as its file was given, for there may be others of that base name", () => {
    const path = compileTo("int strlen(const char *); int use(void) { return strlen(0); }", "gcc", [
      "-g",
      "-O1",
      "-fno-builtin",
    ]);
    const library = pathOf("typed.so");
    tool(
      "gcc",
      "-shared",
      "-g",
      "-o",
      library,
      compileTo("long strlen(const char *a) { return 1; }", "gcc", ["-g", "-fPIC"]),
    );
    const refused = bindery(["load", path, "--with", library]).stderr;
    expect(refused).toContain(
      `bindery: ${path}: signature mismatch: strlen: module expects int (const char *)`,
    );
    const unknown = bindery(["load", path, "--with", "libc.so.6", "--call", "nothing()"]).stderr;
    expect(unknown).toBe(`bindery: ${path}: found no exported function nothing\n`);
  });
});

describe("load, mkmod and exporttab", () => {
  it.each([
    ["load", []],
    ["mkmod", ["-o", pathOf("never.o")]],
    ["exporttab", []],
  ] as const)("%s says in one line which file can't be read, and why", (command, options) => {
    const run = (path: string) => bindery([command, ...options, path]);
    expect(run("/nonexistent")).toEqual({
      status: 1,
      stdout: "",
      stderr: "bindery: /nonexistent: no such file or directory\n",
    });
    const cut = pathOf("cut.o");
    writeFileSync(cut, readFileSync(compileTo("int of;", "gcc", [])).subarray(0, 200));
    for (const path of [pathOf("."), cut, "/etc/passwd"]) {
      const { status, stdout, stderr } = run(path);
      expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
      expect(stderr.startsWith(`bindery: ${path}: `), stderr).toBe(true);
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    }
  });
});

describe("bindery load --wait", () => {
  /** What `look` sees while a process has an object loaded. */
  async function whileLoaded(options: readonly string[], look: (pid: number) => void): Promise<void> {
    const object = compileTo("static int inner(int a) { return a; } int (*of)(int) = inner;", "gcc", ["-O1"]);
    const child = spawn(process.execPath, [MAIN, "load", object, "--wait", ...options], {
      stdio: ["pipe", "ignore", "pipe"],
    });
    try {
      const [told] = await once(child.stderr, "data");
      expect(String(told)).toBe(`bindery: process ${child.pid} has it until standard input ends\n`);
      look(child.pid ?? 0);
    } finally {
      child.stdin.end();
      await once(child, "close");
    }
  }

  it("with --perf map has a map of the functions for perf", async () => {
    await whileLoaded(["--perf", "map"], (pid) => {
      const map = `/tmp/perf-${pid}.map`;
      expect(readFileSync(map, "utf8")).toMatch(/^[0-9a-f]+ [0-9a-f]+ inner$/m);
      rmSync(map);
    });
  });

  it("with --directory has a file there whose symbols readelf reads, and takes it away", async () => {
    const directory = pathOf("place");
    mkdirSync(directory);
    await whileLoaded(["--directory", directory], () => {
      const [file = ""] = readdirSync(directory);
      const symbols = execFileSync("readelf", ["-sW", join(directory, file)], { encoding: "utf8" });
      expect(symbols).toMatch(/ FUNC +LOCAL .* inner$/m);
    });
    expect(readdirSync(directory)).toEqual([]);
  });

  it("refuses other outputs, and directories that are not there", () => {
    const object = compileTo("int of;", "gcc", []);
    expect(bindery(["load", object, "--perf", "graph"])).toMatchObject({ status: 2, stdout: "" });
    const { status, stderr } = bindery(["load", object, "--directory", "/nonexistent"]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^bindery: .*\/nonexistent.*\n$/);
  });
});

describe("bindery load --call", () => {
  const CALLED = `#include <string.h>
    enum kind { POINT, CIRCLE = 5, SQUARE };
    struct point { int x, y; };
    struct shape { enum kind kind; struct point at; double size; char name[8]; unsigned seen : 1; struct shape *next; };
    static struct shape last = {SQUARE, {3, 4}, 1.5, "last", 1, 0};
    int add(int a, int b) { return a + b; }
    int old() { return 8; }
    int many(int n, ...) { return n; }
    struct point mirror(struct point p) { return (struct point){p.y, p.x}; }
    struct shape *newest(void) { return &last; }
    struct shape copy(const struct shape *s) { return *s; }
    int move(struct point *p, int by) { return p->x += by; }
    enum kind following(enum kind k) { return k == POINT ? CIRCLE : SQUARE; }
    const char *echo(const char *s) { return s; }
    long total(const long *v, unsigned long n) { long t = 0; while (n--) t += *v++; return t; }
    void nothing(void) {}
    _Bool flip(_Bool b) { return !b; }
    double half(double d) { return d / 2; }
    unsigned long long next_of(unsigned long long v) { return v + 1; }
    int upper(char *s) { s[0] -= 32; return s[0]; }
    void *address(void *p) { return p; }`;
  const path = compileTo(CALLED, "gcc", ["-g", "-O1"]);
  const load = (...calls: string[]) => bindery(["load", path, ...calls.flatMap((call) => ["--call", call])]);

  it("prints what functions return, by the types of debug information", () => {
    const results = [
      ["add(1, -2)", "-1"],
      ["add(0x10, 0b11)", "19"],
      ["old()", "8"],
      ['mirror({x: 3, "y": 4})', "{x: 4, y: 3}"],
      ["newest()", '&{kind: SQUARE, at: {x: 3, y: 4}, size: 1.5, name: "last", seen: 1, next: null}'],
      [
        "copy({kind: 'CIRCLE', at: {x: 1}, name: 'ab', size: .5})",
        '{kind: CIRCLE, at: {x: 1, y: 0}, size: 0.5, name: "ab", seen: 0, next: null}',
      ],
      ["move({x: 3}, 4)", "7"],
      ['following("POINT")', "CIRCLE"],
      ["following(7)", "SQUARE"],
      ["echo('a\"\\u00e9\\n')", '"a\\"é\\n"'],
      ['echo("it\'s")', '"it\'s"'],
      ["echo(null)", "null"],
      ["total([1, 2n, 1099511627776], 3)", "1099511627779"],
      ["flip(true)", "false"],
      ["half(-1e3)", "-500"],
      ["half(NaN)", "NaN"],
      ["next_of(18446744073709551614)", "18446744073709551615"],
      ["next_of(5n)", "6"],
      ["address(0xabcn)", "0xabc"],
      ['upper("abc")', "65"],
      ['upper(["b"])', "66"],
    ] as const;
    const { status, stdout, stderr } = load(...results.map(([call]) => call), " nothing( ) ");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.trimEnd().split("\n")).toEqual([
      ...results.map(([call, result]) => `${call} = ${result}`),
      "nothing( )",
    ]);
  });

  it("calls by a prototype what takes more than it declares, and what nothing tells the type of", () => {
    const source = `int vsnprintf(char *, unsigned long, const char *, __builtin_va_list);
      static char text[64];
      const char *format(const char *how, ...) {
        __builtin_va_list list;
        __builtin_va_start(list, how);
        vsnprintf(text, sizeof text, how, list);
        __builtin_va_end(list);
        return text;
      }
      long sum(const long *v, int n) { long t = 0; while (n--) t += *v++; return t; }`;
    const calls = [
      [
        "format('%d, %s and %g', -3, 'text', .5) as const char *format(const char *, int, const char *, double)",
        '"-3, text and 0.5"',
      ],
      ["format('%lx', 0xffffffffffn) as const char *(const char *, uint64_t)", '"ffffffffff"'],
      ["sum([1, 2, 3], 3) as long (const long *, int)", "6"],
    ] as const;
    for (const debug of ["-g", "-g0"]) {
      const object = compileTo(source, "gcc", ["-O1", "-fPIC", debug]);
      const run = (...asked: string[]) =>
        bindery(["load", object, "--with", "libc.so.6", ...asked.flatMap((call) => ["--call", call])]);
      expect(run(...calls.map(([call]) => call))).toEqual({
        status: 0,
        stdout: calls.map(([call, result]) => `${call} = ${result}\n`).join(""),
        stderr: "",
      });
      for (const [call, why] of [
        ["sum([1], 1) as long (const long *, ...)", "found ..., expected the types of all arguments"],
        ["sum([1], 1) as nolong (int)", 'found no type "nolong"'],
        ["sum([1]) as long (const long *, int)", "sum: found 1 arguments, expected 2"],
        debug === "-g"
          ? [
              "sum(1) as long (int)",
              "found 1 parameters, expected 2, as it is long sum(const long *v, int n)",
            ]
          : ["sum(1)", "sum: found no debug information that tells its type, expected some"],
      ] as const) {
        const { status, stderr } = run(call);
        expect(status).toBe(1);
        expect(stderr).toMatch(/^bindery: [^\n]*\n$/);
        expect(stderr).toContain(why);
      }
    }
  });

  it("has what pointers lead to in memory, also pointers within that", () => {
    const source = `#include <string.h>
      struct list { int n; char *text; const char *fixed; struct { union { const double *values; }; int count; };
        struct list *next; };
      int bytes(const unsigned char *b) { return strlen((const char *)b) * 10 + b[0] % 10; }
      int any(const void *b) { return strlen(b); }
      int signs(signed char *b) { b[0] = 0; return 1; }
      int words(char **w) { int n = 0; while (*w) n += strlen(*w++); return n; }
      int second(const char *const *w) { return strlen(w[1]); }
      double all(struct list *l) {
        double sum = l->n + (l->text ? strlen(l->text) : 0) + (l->fixed ? strlen(l->fixed) : 0);
        for (int i = 0; i < l->count; i++) sum += l->values[i];
        return l->next ? sum + all(l->next) : sum;
      }
      double by_value(struct list l) { return all(&l); }`;
    const object = compileTo(source, "gcc", ["-g", "-O1", "-fPIC"]);
    const list =
      '{n: 1, text: "four", fixed: "sixsix", values: [0.5, 0.25], count: 2, next: {n: 100, text: "x"}}';
    const calls = [
      ['bytes("h\u00e9")', 30 + (0x68 % 10)],
      ['any("void")', 4],
      ['signs("x")', 1],
      ['words(["a", "bcd", null])', 4],
      ['second(["a", "bcd"])', 3],
      [`all(${list})`, 1 + 4 + 6 + 0.75 + 101],
      [`by_value(${list})`, 1 + 4 + 6 + 0.75 + 101],
    ] as const;
    const args = calls.flatMap(([call]) => ["--call", call]);
    expect(bindery(["load", object, "--with", "libc.so.6", ...args])).toEqual({
      status: 0,
      stdout: calls.map(([call, result]) => `${call} = ${result}\n`).join(""),
      stderr: "",
    });
    const refused = bindery(["load", object, "--with", "libc.so.6", "--call", 'words(["a", 1.5])']);
    expect(refused.stderr).toBe("bindery: words: parameter 1, w: char *[1]: found 1.5, expected char *\n");
  });

  it("has the results in the JSON document too", () => {
    const calls = ["--call", "mirror({x: 3})", "--call", "next_of(1)", "--call", "half(Infinity)"];
    const { stdout } = bindery(["load", "--json", path, ...calls]);
    expect(JSON.parse(stdout).calls).toEqual([
      { call: "mirror({x: 3})", result: { x: 0, y: 3 } },
      { call: "next_of(1)", result: "2" },
      { call: "half(Infinity)", result: "Infinity" },
    ]);
  });

  it.each([
    ["add(1)", "add: found 1 arguments, expected 2: a, b"],
    ['add(1, "x")', 'add: parameter 2, b: found "x", expected int, -2147483648 to 2147483647'],
    ["add(2147483648, 0)", "add: parameter 1, a: found 2147483648, expected int, -2147483648 to 2147483647"],
    ["old(1)", "old: found 1 arguments, expected 0"],
    [
      "mirror({__proto__: 1})",
      'mirror: parameter 1, p: found member "__proto__", which struct point does not have',
    ],
    ["total([1.5], 1)", "total: parameter 1, v: "],
    ["address([1])", "address: parameter 1, p: found an object (Array), expected void *"],
    ["many(1)", "many: found int (int, ...), which takes more arguments than it declares: name their types"],
    ["ad(1, 2)", "found no exported function ad; there is add"],
    ["constructor()", "found no exported function constructor"],
  ])("refuses %s in one line, after what was asked before", (call, why) => {
    const { status, stdout, stderr } = load("add(1, 1)", call, "add(2, 2)");
    expect({ status, stdout }).toEqual({ status: 1, stdout: "add(1, 1) = 2\n" });
    expect(stderr).toMatch(/^bindery: [^\n]*\n$/);
    expect(stderr).toContain(why);
  });

  it("gives references what they refer to, and nothing else", () => {
    const cpp = compileTo("struct P { int x; }; namespace n { int of(const P &p) { return p.x; } }", "g++", [
      "-g",
    ]);
    const call = (args: string) => bindery(["load", cpp, "--call", `_ZN1n2ofERK1P(${args})`]);
    expect(call("{x: 4}").stdout).toBe("_ZN1n2ofERK1P({x: 4}) = 4\n");
    for (const args of ["null", "[]", "0n"]) {
      const { status, stderr } = call(args);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^bindery: \S+: parameter 1, p: [^\n]*\n$/);
    }
  });

  it("takes what is no call for a wrong command line, and loads nothing", () => {
    for (const [call, why] of [
      ["add", "character 4: found the end, expected ( behind the name"],
      ["add(1", "expected , or )"],
      ["add(process)", 'character 5: found "process)", expected a value'],
      ["echo('a)", "expected the quote that ends the text"],
    ] as const) {
      const { status, stdout, stderr } = bindery(["load", "/nowhere.o", "--call", call]);
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(stderr).toContain(why);
    }
    expect(bindery(["load", path, "--no-run", "--call", "old()"])).toMatchObject({ status: 2, stdout: "" });
    expect(bindery(["load", "--help"]).stdout).toContain("--call 'add(1, 2)'");
  });
});

describe("bindery mkmod", () => {
  it("makes a module that load takes, with the exports that a list says", () => {
    const parts = [
      compileTo("int helper(int x) { return x + 1; }", "gcc", ["-g"]),
      compileTo("int helper(int); int api(int x) { return helper(x) * 2; }", "gcc", ["-g"]),
    ];
    const list = pathOf("api.list");
    writeFileSync(list, "# what is public\napi\n");
    const made = pathOf("plugin.o");
    expect(bindery(["mkmod", "-x", list, "-o", made, ...parts])).toMatchObject({
      status: 0,
      stdout: "",
      stderr: "",
    });
    expect(bindery(["load", made]).stdout).toMatch(
      /^plugin\.o: .*\n[0-9a-f]{16} [0-9a-f]{16} int api\(int( x)?\)\n$/,
    );
    writeFileSync(list, "apo\n");
    const refused = bindery(["mkmod", "-x", list, "-o", pathOf("none.o"), ...parts]);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain("no such symbol to export: apo; there is api");
    expect(() => readFileSync(pathOf("none.o"))).toThrow();
  });
});

describe("bindery exporttab", () => {
  it("has the addresses that nm prints, and signatures where types are known", () => {
    const program = pathOf("program");
    const source = compileTo(
      "int api(int x) { return x; } int state = 1; int main(void) { return api(0); }",
      "gcc",
      ["-g"],
    );
    execFileSync("gcc", ["-o", program, source]);
    const { stdout } = bindery(["exporttab", program]);
    const lines = stdout.trimEnd().split("\n");
    const nm = new Map(
      execFileSync("nm", [program], { encoding: "utf8" })
        .split("\n")
        .map((line) => line.split(" ") as [string, string, string])
        .map(([value, , name]) => [name, value] as const),
    );
    for (const name of ["api", "main", "state"]) {
      const [, sig = "", addr = ""] = lines.find((line) => line.startsWith(`${name} `))?.split(" ") ?? [];
      expect(sig).toMatch(/^[0-9a-f]{8,16}$/);
      expect(BigInt(`0x${sig}`)).not.toBe(0n);
      expect(BigInt(`0x${addr}`)).toBe(BigInt(`0x${nm.get(name)}`));
    }
    expect(lines).toEqual([...lines].sort());
    const one = bindery(["exporttab", "--inferno", program, "api"]).stdout;
    expect(one).toMatch(/^api [0-9a-f]{8} [0-9a-f]+\n$/);
    const none = pathOf("none.list");
    writeFileSync(none, "# nothing yet\n");
    expect(bindery(["exporttab", "-x", none, program])).toMatchObject({ status: 0, stdout: "" });
    expect(bindery(["exporttab", "-x", none, program, "api"]).stdout).toMatch(
      /^api [0-9a-f]{16} [0-9a-f]+\n$/,
    );
    const refused = bindery(["exporttab", program, "apis"]);
    expect(refused).toMatchObject({ status: 1, stdout: "" });
    expect(refused.stderr).toContain("apis: is not exported; there is api");
  });
});
