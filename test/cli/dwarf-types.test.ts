/** Types as `bindery dwarf types` prints them: compilers take them, and lay them out as it says. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { groupsOf, shown } from "./dwarf-support.ts";
import { bindery } from "./run.ts";

/** Types that need one another in many ways, in no good order where C allows that. */
const SOURCE = `
#include <stddef.h>
struct late;
typedef struct late late_t;
enum state { OFF, ON = 70000, NEGATIVE = -1 };
typedef int (*handler)(late_t *, struct late **, enum state);
struct user { late_t *pointer; struct { int x; union { long l; char c[3]; } in; } inner; handler handlers[2]; };
typedef struct { short a; unsigned b : 3, c : 7; long : 0; unsigned long d : 40; } bits_t;
union both { int i; double d; bits_t bits; };
struct late { union both both; struct user users[2]; enum state state; enum { ONE, TWO } number; char tail[]; };
typedef const struct late *const *deep_t[3];
struct last { deep_t deep; _Bool flag; _Complex double complex; __int128 wide; float vector __attribute__((vector_size(16))); };
enum { LONELY = 5, FREE };
struct tight { char c; int i; long l; struct { short s; char d; } in; } __attribute__((packed));
struct roomy { char c; int i __attribute__((aligned(32))); struct tight tight; double d; };
struct line { int i; } __attribute__((aligned(64)));
struct gaps { unsigned a : 3, : 2, e : 4, : 0, f : 1; unsigned char g : 2; long h; unsigned k : 5; unsigned : 0; };
enum small { LITTLE } __attribute__((packed));
struct all { enum small small[3]; struct line line; struct gaps gaps; struct roomy roomy; int last; };
late_t *late; struct last last; struct all all; int lonely = LONELY;
`;

const scratch = mkdtempSync(join(tmpdir(), "bindery-cli-types-"));
afterAll(() => rmSync(scratch, { recursive: true }));
writeFileSync(join(scratch, "a.c"), SOURCE);

function compile(compiler: string, ...options: string[]): string {
  const object = join(scratch, `${compiler}${options.join("")}.o`);
  execFileSync(compiler, [...options, "-c", "a.c", "-o", object], { cwd: scratch, stdio: "pipe" });
  return object;
}

interface Unit {
  readonly types: readonly {
    readonly offset: number;
    readonly tag: string;
    readonly name?: string;
    readonly size?: number;
    readonly members?: readonly {
      readonly name?: string;
      readonly bitOffset: number;
      readonly bitSize?: number;
    }[];
    readonly enumerators?: Readonly<Record<string, string>>;
  }[];
}

describe.each([
  ["gcc", "-gdwarf-4"],
  ["gcc", "-gdwarf-5"],
  ["clang", "-gdwarf-4"],
  ["clang", "-gdwarf-5"],
])("%s %s", (compiler, format) => {
  test("the compiler takes what is printed, with the sizes and offsets that are printed", () => {
    const object = compile(compiler, "-g", format);
    const header = bindery(["dwarf", "types", object]).stdout;
    const assertions: string[] = [];
    for (const { tag, name = "", size, members = [], enumerators = {} } of groupsOf<Unit>(
      shown("types", object)[0],
    ).flatMap(({ types }) => types)) {
      const type = tag === "DW_TAG_typedef" ? name : `${keyword(tag)} ${name}`;
      if (name !== "") assertions.push(`_Static_assert(sizeof(${type}) == ${size}, "${type}");`);
      for (const { name: member = "", bitOffset, bitSize } of members) {
        const isWhole = bitOffset % 8 === 0 && (bitSize === undefined || bitSize % 8 === 0);
        const place = `offsetof(${type}, ${member})`;
        if (isWhole && name !== "" && member !== "" && !/^[abcdefghk]$/.test(member))
          assertions.push(`_Static_assert(${place} == ${bitOffset / 8}, "${place}");`);
      }
      for (const [enumerator, value] of Object.entries(enumerators))
        assertions.push(`_Static_assert(${enumerator} == ${value}, "${enumerator}");`);
    }
    expect(assertions.length).toBeGreaterThan(40);
    for (const text of [SOURCE, `#include <stddef.h>\n${header}`]) {
      writeFileSync(join(scratch, "again.c"), `${text}\n${assertions.join("\n")}\n`);
      execFileSync("gcc", ["-w", "-fsyntax-only", "again.c"], { cwd: scratch, stdio: "pipe" });
    }
  });
});

function keyword(tag: string): string {
  return { DW_TAG_structure_type: "struct", DW_TAG_union_type: "union" }[tag] ?? "enum";
}

test("shows one type by name, once, and by its offset", () => {
  const object = compile("gcc", "-g");
  const two = join(scratch, "two.o");
  execFileSync("ld", ["-r", "-z", "muldefs", object, object, "-o", two]);
  const name = ["--name", "bits_t"];
  expect(groupsOf<Unit>(shown("types", ...name, two)[0]).map(({ types }) => types.length)).toEqual([1, 0]);
  const [one] = groupsOf<Unit>(shown("types", ...name, object)[0]).flatMap(({ types }) => types);
  const byOffset = groupsOf<Unit>(shown("types", "--die", String(one?.offset), object)[0]);
  expect(byOffset.flatMap(({ types }) => types)).toEqual([one]);
  const { stdout } = bindery(["dwarf", "types", "--name", "bits_t", object]);
  expect(stdout).toBe(`
/* .debug_info+0x0: DW_UT_compile, DWARF 5, 32-bit format, 8-byte addresses: "a.c" */
typedef struct {
    short int a;                                            /*      0      2 */
    unsigned int b : 3;                                     /*    2:0 3 bits */
    unsigned int c : 7;                                     /*    2:3 7 bits */
    /* XXX 38-bit hole */
    long unsigned int d : 40;                               /*    8:0 40 bits */
    /* XXX 3-byte padding */

    /* size: 16, members: 4 */
} bits_t;

`);
});
