/** Inferno's `signof` from debug information: what it is from the declarations themselves. */
import { afterAll, describe, expect, it } from "vitest";
import { CDeclarations } from "../../../src/dynld/inferno/index.ts";
import { infernoSignature } from "../../../src/dynld/signature/inferno.ts";
import { TypedFile } from "../../../src/dynld/signature/typed-file.ts";
import { Workshop } from "./compile.ts";

const workshop = new Workshop();
afterAll(() => workshop[Symbol.dispose]());

const SOURCE = `
typedef unsigned char uchar;
enum Kind { A, B };
struct Opaque;
struct List { struct List *next; int value; struct List **tail; };
struct Pair { short a[3]; struct List list; union { int i; double d; } u; };
struct Bits { int a : 3; unsigned b : 4; };
struct Dev { char *name; int (*read)(struct Dev *, void *, long, long long); void (*init)(void); };
char c; uchar uc; short s; unsigned short us; int i; unsigned int ui; long l; unsigned long ul;
long long vl; unsigned long long uvl; float f; double d;
int *pi; void *pv; char **ppc; int ai[10]; int aai[2][3]; const char *cc;
struct List list; struct Pair pair; struct Bits bits; struct Dev dev; struct Opaque *opaque;
int fvoid(void) { return 0; }
int fvar(char *fmt, ...) { return 0; }
struct List *fstruct(struct List a, struct Pair *p, int (*compare)(void *, void *)) { return 0; }
int fenum(enum Kind kind) { return 0; }
`;

const NAMES =
  "c uc s us i ui l ul vl uvl f d pi pv ppc ai aai cc list pair bits dev opaque fvoid fvar fstruct fenum".split(
    " ",
  );

describe("signof of compiled declarations", () => {
  it.each(["gcc", "clang"])("is that of the declarations, from %s", (compiler) => {
    using file = TypedFile.openLocal(workshop.compileText(SOURCE, compiler));
    const declared = CDeclarations.parse(SOURCE);
    for (const name of NAMES) {
      const typed = file.typeOf(file.exported(name)) ?? expect.fail(name);
      expect([name, infernoSignature(typed)]).toEqual([name, declared.signof(name)]);
    }
  });
});
