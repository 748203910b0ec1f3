/** Small programs, objects and archives for sessions. */
import { FindWorkshop } from "./find-workshop.ts";

const SOURCES = {
  "user.c": `
int counter __attribute__((aligned(64)));
extern int other(int);
extern const int table[];
const int *pointer = &table[2];
static int __attribute__((noinline)) local(int x) { return x * 3 + counter; }
__attribute__((section(".init.text"))) int setup(int x) { return local(x) + 1; }
int entry(int x) { return other(x) + local(x) + *pointer; }
`,
  "provider.c": `
__attribute__((aligned(4096))) char page[4096] = {1};
const int table[4] = {1, 2, 3, 4};
int other(int x) { return x + page[0]; }
`,
  "main.c": `
extern int entry(int);
int main(int argc, char **argv) { return entry(argc); }
`,
} as const;

/** A workshop with `user.o`, `provider.o`, `both.a`, `both.so` and the program `main` that needs it. */
export class SessionWorkshop extends FindWorkshop {
  constructor() {
    super();
    for (const [name, text] of Object.entries(SOURCES)) this.write(name, text);
    this.run("gcc", "-g", "-O1", "-c", "user.c", "provider.c");
    this.run("ar", "rcs", "both.a", "user.o", "provider.o");
    this.run(
      "gcc",
      "-g",
      "-O1",
      "-shared",
      "-fPIC",
      "-Wl,--build-id",
      "-o",
      "both.so",
      "user.c",
      "provider.c",
    );
    this.run("gcc", "-g", "-O1", "-no-pie", "-o", "main", "main.c", "./both.so");
  }
}
