/** Types as declarations: compilers take them for the types that they are of, and gdb prints the same. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DW_AT } from "../../src/dwarf/constants/attribute.ts";
import { DW_TAG } from "../../src/dwarf/constants/tag.ts";
import { type Die, rootEntry } from "../../src/dwarf/die.ts";
import { Dwarf } from "../../src/dwarf/dwarf.ts";
import { typeDeclaration } from "../../src/dwarf/type/declaration.ts";
import { typeDefinition } from "../../src/dwarf/type/definition.ts";
import { typeLayout } from "../../src/dwarf/type/layout.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { refusals } from "./read/names-objects.ts";

const C_SOURCE = `
struct node { int a; char b[3]; struct node *next; unsigned bits : 3, more : 7; long : 0; unsigned long last : 40; };
struct tail { short n; double d; char rest[]; };
struct zero { int n; char none[0]; };
union both { int i; float f; struct { char x, y; } pair; };
enum color { RED = -1, GREEN = 70000, BLUE };
struct outer { struct { int x; union { int u; char v[9]; } inner; } in; union { int p; long q; }; enum { ONE, TWO } e; int (*call)(struct outer *, ...); const char *const *names; } ;
struct opaque;
typedef unsigned long word;
typedef int (*handler)(int, const char *);
typedef int matrix[3][4];
typedef void plain(int);

const char *const strings[] = {"a", "b"}; volatile const int *volatile const vcp = 0;
int i; const int ci = 1; volatile unsigned char vuc; const volatile long long cvll; _Bool flag; long double ld;
_Complex double complex; __int128 wide; const char *s; char *const cp = 0; const char *const *const volatile cpp = 0;
int *arr_of_ptr[3]; int (*ptr_to_arr)[3]; int grid[2][3][4]; const int table[2][2] = {{1}}; int *const fixed[2];
int (*fp)(void); int (*unproto)(); void (*variadic)(const char *, ...); handler handlers[4]; plain *pp;
int (*(*fpp)(int, char *(*)(void)))[5]; int (*(*array_of_fp[3])(double))(float); char (*(**deep[2])(int))[7];
void (*const table_of[2])(int) = {0}; int (*volatile *vfp)(int);
struct node n, *np, nodes[2]; const struct node *cnp; union both u; enum color e, *ep; struct opaque *op;
word w; const word cw = 1; matrix m; const matrix cm = {{1}}; matrix *mp; struct tail *tp; struct zero z; struct outer o;
_Atomic int atomic; _Atomic(int *) atomic_ptr; void *vp; const void *cvp;
typedef float vec __attribute__((vector_size(16))); vec v; __attribute__((vector_size(8))) int vi;
static int hidden(struct node *p, int (*f)(int), char c[]) { return p->a + f(c[0]); }
int apply(handler h, const char *restrict text, word many[3]) { return h(1, text) + many[0]; }
int noargs(void) { return i; }
int *returns_pointer(int x) { return &i + x; }
int (*returns_function(int x))(int) { return x ? 0 : 0; }
int any(const char *f, ...) { return f != 0; }
int vla(int count) { int local[count][3]; local[0][0] = hidden(&n, 0, 0); return local[0][0]; }
`;

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-types-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

function compile(source: string, name: string, command: readonly string[]): { path: string; dwarf: Dwarf } {
  const path = join(scratch, `${name}.o`);
  writeFileSync(join(scratch, name), source);
  const [compiler = "", ...options] = command;
  execFileSync(compiler, [...options, "-c", name, "-o", path], { cwd: scratch, stdio: "pipe" });
  return { path, dwarf: Dwarf.open(ElfFile.open(readFileSync(path), { name: path })) };
}

function* globals(dwarf: Dwarf): IterableIterator<Die> {
  for (const unit of dwarf.units()) yield* rootEntry(unit).children();
}

function named(dwarf: Dwarf, tag: number, name: string): Die {
  for (const die of globals(dwarf)) if (die.tag === tag && die.name === name) return die;
  throw new Error(`no ${name}`);
}

const FORMATS = ["-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5"];
const BUILDS = ["gcc", "clang"].flatMap((compiler) => FORMATS.map((format) => ({ compiler, format })));

describe.each(BUILDS)("$compiler $format", ({ compiler, format }) => {
  test("variables and functions of C may be declared again as they are printed", () => {
    const { dwarf } = compile(C_SOURCE, "a.c", [compiler, "-g", format]);
    const lines: string[] = [];
    for (const die of globals(dwarf)) {
      const isVariable = die.tag === DW_TAG.DW_TAG_variable && die.name !== undefined;
      if (isVariable || die.tag === DW_TAG.DW_TAG_subprogram) lines.push(`extern ${typeDeclaration(die)};`);
    }
    expect(lines.length).toBeGreaterThan(50);
    // Before DWARF 5 nothing says that a type is atomic, and that of a 128-bit number or a restricted pointer may not either.
    const said = format === "-gdwarf-5" ? lines : lines.filter((line) => !/\batomic/.test(line));
    const again = join(scratch, "again.c");
    const source = C_SOURCE.replace("static int hidden", "int hidden");
    writeFileSync(again, `${source}${said.join("\n")}\n`);
    execFileSync("gcc", ["-w", "-c", again, "-o", "/dev/null"], {
      stdio: "pipe",
    });
  });
});

const CXX_SOURCE = `
namespace space {
struct base { virtual ~base(); virtual int weight(int) const; int a; };
struct node : public base { node *next; static int made; bool flag : 1; int total() const; node(int); enum class kind : unsigned char { A, B = 4 } k; struct inside { char c; } in; };
template <typename T, int N> struct pack { T items[N]; };
namespace { struct hidden { int h; } lost; }
typedef node *link;
}
int space::node::made = 3;
int space::node::total() const { return a + made + space::lost.h; }
space::node::node(int x) { a = x; }
space::node *np; space::node &nr = *np; space::node &&rr = static_cast<space::node &&>(*np); const space::node *const *cnpp;
int space::node::*pm; int (space::node::*pmf)(); int (space::node::*pmcf)(int, space::node &) const; int (&ra)[3] = *(int (*)[3])0;
int (&rf)(int) = *(int (*)(int))0; space::pack<int, 3> ints; space::link chain; space::node::kind kind; space::node::inside inside;
decltype(nullptr) nothing; wchar_t wide; char16_t c16; char (*const *(&weird)[2])(space::link) = *(char (*const *(*)[2])(space::link))0;
bool truth; int variadic(const char *, ...) { return 0; } space::node *make(int count, const space::node &from) { return &nr; }
void (*callback)(space::node *, void (*)(const space::node::inside &));
`;

describe.each([
  { compiler: "g++", options: ["-gdwarf-4"] },
  { compiler: "g++", options: ["-gdwarf-5"] },
  { compiler: "clang++", options: ["-gdwarf-5"] },
  { compiler: "g++", options: ["-gdwarf-4", "-fdebug-types-section"] },
  { compiler: "clang++", options: ["-gdwarf-5", "-fdebug-types-section"] },
])("$compiler $options", ({ compiler, options }) => {
  test("variables and functions of C++ may be declared again as they are printed", () => {
    const { dwarf } = compile(CXX_SOURCE, "a.cc", [compiler, "-g", ...options]);
    const lines: string[] = [];
    for (const die of globals(dwarf)) {
      const isOwned =
        (die.name ?? "") === "made" || die.name === "total" || die.name === "node" || die.name === "lost";
      if (isOwned || die.name === undefined) continue;
      const isFunction = die.tag === DW_TAG.DW_TAG_subprogram && !/^~|^_/.test(die.name);
      if (isFunction || die.tag === DW_TAG.DW_TAG_variable) lines.push(`extern ${typeDeclaration(die)};`);
    }
    expect(lines.length).toBeGreaterThan(20);
    const again = join(scratch, "again.cc");
    writeFileSync(again, `${CXX_SOURCE}${lines.join("\n")}\n`);
    execFileSync("g++", ["-w", "-c", again, "-o", "/dev/null"], { stdio: "pipe" });
  });
});

test("types that stand in a unit of their own are called and laid out as if they were in place", () => {
  const sizes = [[], ["-fdebug-types-section"]].map((options) => {
    const { dwarf } = compile(CXX_SOURCE, "a.cc", ["clang++", "-g", "-gdwarf-5", ...options]);
    const pointer = named(dwarf, DW_TAG.DW_TAG_variable, "np").attribute(DW_AT.DW_AT_type)?.reference;
    const node = pointer?.attribute(DW_AT.DW_AT_type)?.reference;
    if (node === undefined) throw new Error("no node");
    return [typeDeclaration(node, "x"), typeLayout(node).size, typeDefinition(node, { layout: true })];
  });
  expect(sizes[1]).toEqual(sizes[0]);
  expect(sizes[0]?.slice(0, 2)).toEqual(["space::node x", 32]);
});

test("names of C++ have their owners, methods their qualifiers", () => {
  const { dwarf } = compile(CXX_SOURCE, "a.cc", ["g++", "-g"]);
  const space = named(dwarf, DW_TAG.DW_TAG_namespace, "space");
  const node = [...space.children()].find(
    (die) => die.name === "node" && die.tag === DW_TAG.DW_TAG_structure_type,
  );
  if (node === undefined) throw new Error("no node");
  expect(typeDeclaration(node, "x")).toBe("space::node x");
  expect(typeDefinition(node)).toBe(`struct node : space::base {
    space::node *next;
    static int made;
    bool flag : 1;
    int total() const;
    node(int);
    space::node::kind k;
    space::node::inside in;
};`);
  const pmcf = named(dwarf, DW_TAG.DW_TAG_variable, "pmcf");
  expect(typeDeclaration(pmcf)).toBe("int (space::node::*pmcf)(int, space::node &) const");
  const hidden = [...space.children()].find(
    (die) => die.tag === DW_TAG.DW_TAG_namespace && die.name === undefined,
  );
  const [type] = hidden?.children() ?? [];
  expect(typeDeclaration(type, "y")).toBe("space::(anonymous namespace)::hidden y");
});

describe.each(BUILDS)("$compiler $format", ({ compiler, format }) => {
  test("types are those that gdb prints", () => {
    const { path, dwarf } = compile(C_SOURCE, "a.c", [compiler, "-g", format]);
    // gdb prints vectors by their elements, knows C's complex types by its own names, and atomic ones not at all.
    const isOwn = (name = "") => /^(v|vi|complex|atomic\w*)$/.test(name);
    const variables = [...globals(dwarf)].filter(
      (die) => die.tag === DW_TAG.DW_TAG_variable && die.name !== undefined && !isOwn(die.name),
    );
    const printed = gdb(
      path,
      variables.map(({ name }) => `whatis ${name}`),
    );
    expect(variables.length).toBeGreaterThan(40);
    for (const [i, die] of variables.entries()) {
      const type = die.attribute(DW_AT.DW_AT_type)?.reference;
      expect(`${die.name}: ${compact(typeDeclaration(type))}`).toBe(
        `${die.name}: ${compact(printed[i] ?? "")}`,
      );
    }
  });

  test("definitions are those that gdb prints, at the offsets that it prints", () => {
    const { path, dwarf } = compile(C_SOURCE, "a.c", [compiler, "-g", format]);
    const types: [number, string][] = [
      [DW_TAG.DW_TAG_structure_type, "struct node"],
      [DW_TAG.DW_TAG_structure_type, "struct tail"],
      [DW_TAG.DW_TAG_structure_type, "struct outer"],
      [DW_TAG.DW_TAG_union_type, "union both"],
      [DW_TAG.DW_TAG_enumeration_type, "enum color"],
    ];
    const printed = gdb(
      path,
      types.map(([, spelled]) => `ptype /o ${spelled}`),
    );
    for (const [i, [tag, spelled]] of types.entries()) {
      const [, name = ""] = spelled.split(" ");
      const die = named(dwarf, tag, name);
      const text = printed[i] ?? "";
      expect(compact(typeDefinition(die))).toBe(compact(`${text};`));
      if (tag !== DW_TAG.DW_TAG_structure_type) continue;
      const { members, size } = typeLayout(die);
      expect(size).toBe(Number(/total size \(bytes\): +(\d+) \*\/\s*}\s*$/.exec(text)?.[1]));
      // Of what is nested it prints places from the start of the outermost.
      if (name === "outer") continue;
      const places = [...text.matchAll(/^\/\* +(\d+)(?:: ?(\d+))? +\| +(\d+)/gm)];
      expect(
        members.map(({ offset, isBitField, size: bits }) => [offset, isBitField ? "" : (bits ?? 0) / 8]),
      ).toEqual(
        places.map(([, at, bit, bytes]) => [
          8 * Number(at) + Number(bit ?? 0),
          bit === undefined ? Number(bytes) : "",
        ]),
      );
      const holes = [...text.matchAll(/XXX +(\d+)-(byte|bit) +hole/g)];
      const found = members.reduce((sum, { hole }) => sum + hole, 0);
      expect(found).toBe(
        holes.reduce((sum, [, count, unit]) => sum + Number(count) * (unit === "bit" ? 1 : 8), 0),
      );
    }
  });
});

test("a definition shows what is where, and what is not used", () => {
  const { dwarf } = compile(C_SOURCE, "a.c", ["gcc", "-g"]);
  const node = named(dwarf, DW_TAG.DW_TAG_structure_type, "node");
  expect(typeDefinition(node, { layout: true }).replace(/ +\/\*/g, " /*")).toBe(`struct node {
    int a; /*      0      4 */
    char b[3]; /*      4      3 */
 /* XXX 1-byte hole */
    struct node *next; /*      8      8 */
    unsigned int bits : 3; /*   16:0 3 bits */
    unsigned int more : 7; /*   16:3 7 bits */
 /* XXX 54-bit hole */
    long unsigned int last : 40; /*   24:0 40 bits */
 /* XXX 3-byte padding */

 /* size: 32, members: 6 */
};`);
  const matrix = named(dwarf, DW_TAG.DW_TAG_typedef, "matrix");
  expect([typeDefinition(matrix), typeDeclaration(matrix, "x")]).toEqual([
    "typedef int matrix[3][4];",
    "matrix x",
  ]);
  expect(typeDeclaration(undefined, "*p")).toBe("void *p");
  const fp = named(dwarf, DW_TAG.DW_TAG_variable, "array_of_fp");
  expect(typeDeclaration(fp, "renamed")).toBe("int (*(*renamed[3])(double))(float)");
});

test("bit-fields count from the other end in big-endian files", () => {
  const layouts = ["-gdwarf-2", "-gdwarf-5"].map((format) => {
    const { dwarf } = compile(C_SOURCE, "a.c", ["clang", "--target=s390x-linux-gnu", "-g", format]);
    return typeLayout(named(dwarf, DW_TAG.DW_TAG_structure_type, "node")).members.map(({ offset }) => offset);
  });
  expect(layouts).toEqual([0, 1].map(() => [0, 32, 64, 128, 131, 192]));
});

/** Entries of C, each of one attribute DW_AT_type: a pointer to itself, and a function of two pointers to itself. */
test("types that lead back to themselves are refused", () => {
  const source = join(scratch, "loop.s");
  writeFileSync(
    source,
    `.section .debug_abbrev,"",@progbits
  .byte 1, 0x11, 1, 0, 0, 2, 0x0f, 0, 0x49, 0x13, 0, 0, 3, 0x15, 1, 0, 0, 4, 0x05, 0, 0x49, 0x13, 0, 0
  .byte 5, 0x13, 1, 0, 0, 6, 0x0d, 0, 0x49, 0x13, 0, 0, 0
.section .debug_info,"",@progbits
cu: .long 2f-1f
1: .short 5
  .byte 1, 8
  .long .debug_abbrev
  .byte 1
pointer: .byte 2
  .long pointer-cu
function: .byte 3, 4
  .long indirect-cu
  .byte 4
  .long indirect-cu
  .byte 0
indirect: .byte 2
  .long function-cu
structure: .byte 5, 6
  .long to_structure-cu
  .byte 6
  .long to_structure-cu
  .byte 0
to_structure: .byte 2
  .long structure-cu
  .byte 0
2:
`,
  );
  const object = join(scratch, "loop.o");
  execFileSync("as", [source, "-o", object]);
  const dies = [...globals(Dwarf.open(ElfFile.open(readFileSync(object))))];
  expect(dies.map(({ tagName }) => tagName)).toHaveLength(5);
  const [pointer, callable, , structure] = dies;
  const loop = expect.objectContaining({ code: "DWARF_LOOP" });
  expect(() => typeDeclaration(pointer)).toThrow(loop);
  expect(() => typeDeclaration(callable)).toThrow(loop);
  expect(typeDeclaration(structure)).toBe("struct {...}");
  if (structure !== undefined) expect(() => typeDefinition(structure)).toThrow(loop);
});

test("damage is refused with a place, or gives some text", () => {
  const source =
    "struct s { int a : 3; struct s *next[2]; int (*f)(struct s, const char *); } v; enum e { A, B } x;\n";
  const { path } = compile(source, "small.c", ["gcc", "-g"]);
  const read = (dwarf: Dwarf): void => {
    for (const die of globals(dwarf)) {
      typeDeclaration(die);
      typeDefinition(die, { layout: true });
    }
  };
  expect(refusals(path, /^\.debug_(info|abbrev)$/, 1000, read)).toBeGreaterThan(200);
});

/** What gdb prints for each command, one process for all. */
function gdb(file: string, commands: readonly string[]): string[] {
  const options = ["set width 0", ...commands.flatMap((command) => [command, "echo ----\\n"])];
  const text = execFileSync("gdb", ["-nx", "-batch", ...options.flatMap((option) => ["-ex", option]), file], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return text.split("----\n").map((one) => one.replace("type = ", ""));
}

/** Without the spaces that are a matter of taste, and enumerators' last comma. */
function compact(text: string): string {
  return text
    .replace(/\/\*.*?\*\//g, "")
    .replace(/\blong unsigned int\b/g, "unsigned long")
    .replace(/\b(long|short) int\b/g, "$1")
    .replace(/\s+/g, " ")
    .replace(/,? }/g, " }")
    .replace(/ ?([*(){};,=]) ?/g, "$1")
    .trim();
}
