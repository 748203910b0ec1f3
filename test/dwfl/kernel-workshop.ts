/** A kernel of a few functions, and modules as kernels have them: objects with `.modinfo`, some of them compressed. */
import { readFileSync } from "node:fs";
import { FindWorkshop } from "./find-workshop.ts";

const IMAGE = `
int counter = 1;
__attribute__((section(".head.text"))) void _stext(void) {}
int _printk(int x) { return x + counter; }
int exported(void) { return 7; }
`;

/** Address that the image is linked at. */
export const LINKED = 0xffff_ffff_8100_0000n;

/** A module that has functions `NAME_init` in `.init.text` and `NAME_run`, and calls what `needs` says. */
export interface ModuleSource {
  readonly name: string;
  /** What its debug information refers to. */
  readonly refers: string;
  /** Names in `depends=`; `undefined`: no `.modinfo`. */
  readonly depends: string | undefined;
  readonly extra?: string;
}

export class KernelWorkshop extends FindWorkshop {
  /** Compiles `vmlinux`. */
  vmlinux(name: string): string {
    const path = this.path(name);
    const source = this.write("image.c", IMAGE);
    const flags = ["-g", "-O1", "-fno-pie", "-mcmodel=kernel", "-nostdlib", "-static", "-Wl,--build-id"];
    const place = `-Wl,-e,_stext,-Ttext-segment=0x${LINKED.toString(16)},-z,noseparate-code`;
    this.run("gcc", ...flags, place, "-o", path, source);
    return path;
  }

  /** Compiles a module. */
  module(path: string, { name, refers, depends, extra = "" }: ModuleSource): string {
    const info = `__attribute__((section(".modinfo"), used)) static const char info[] = "license=GPL\\0depends=${depends}";`;
    const source = `
int variable = 3;
extern int ${refers}(int);
__attribute__((section(".init.text"))) int ${name}_init(void) { return ${refers}(1); }
int ${name}_run(int x) { return ${refers}(x) + variable; }
${depends === undefined ? "" : info}
${extra}
`;
    this.write("module.c", source);
    this.run("gcc", "-g", "-O1", "-fno-pie", "-mcmodel=kernel", "-S", "module.c");
    // Compilers do not describe what they only know to be elsewhere: the variable's location becomes the function's.
    const assembly = readFileSync(this.path("module.s"), "utf8");
    const changed = assembly.replace(/(\.byte\t0x3\n\t\.quad\t)variable/, `$1${refers}`);
    const file = this.write("module.s", changed);
    this.run("as", "-o", this.path(path), file);
    return this.path(path);
  }
}
