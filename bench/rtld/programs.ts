/** Generated programs: with many libraries linked, and that open as many one after another. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Most libraries that a program loads. */
export const MOST = 1000;

const LIBRARY = `
  .globl f
  .type f, @function
f: mov $1, %eax
  ret
  .size f, . - f
  .section .note.GNU-stack, "", @progbits
`;
/** Waits to be killed if it is told to; otherwise ends. */
const LINKED = `
#include <stdio.h>
#include <unistd.h>
int main(int count, char **arguments) {
  if (count > 1) { puts("ready"); fflush(stdout); for (;;) pause(); }
  return 0;
}
`;
const OPENS = `
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
int main(int count, char **arguments) {
  char path[4096];
  for (int i = 0; i < atoi(arguments[1]); i++) {
    snprintf(path, sizeof path, "%s/lib%d.so", arguments[2], i);
    if (dlopen(path, RTLD_NOW) == 0) return 1;
  }
  return 0;
}
`;

/** A command and its arguments. */
export type CommandLine = readonly [string, ...string[]];

/** A program that waits to be ended. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
}

/** Makes the libraries at once, and programs when they are asked for. */
export class Programs {
  readonly scratch: string;
  readonly #opens: string;
  readonly #linked = new Map<number, string>();

  /** @param scratch a folder, whose owner removes it */
  constructor(scratch: string) {
    this.scratch = scratch;
    const object = this.#file("library.o", "library.s", LIBRARY, (from, to) =>
      execFileSync("as", ["-o", to, from]),
    );
    for (let i = 0; i < MOST; i++) {
      const [path, name] = [join(scratch, `lib${i}.so`), `lib${i}.so`];
      execFileSync("ld", ["-shared", "-soname", name, "-o", path, object, `--defsym=f${i}=f`]);
    }
    this.#opens = this.#file("opens", "opens.c", OPENS, (from, to) =>
      execFileSync("gcc", ["-O1", "-o", to, from]),
    );
  }

  /** A program that needs `count` libraries, and does nothing. */
  linked(count: number): CommandLine {
    let path = this.#linked.get(count);
    if (path === undefined) {
      const names = Array.from({ length: count }, (_, i) => `-l:lib${i}.so`);
      const link = ["-Wl,--no-as-needed", `-L${this.scratch}`, ...names, `-Wl,-rpath,${this.scratch}`];
      path = this.#file(`linked${count}`, "linked.c", LINKED, (from, to) =>
        execFileSync("gcc", ["-O1", "-o", to, from, ...link]),
      );
      this.#linked.set(count, path);
    }
    return [path];
  }

  /** A program that opens `count` libraries one after another. */
  opening(count: number): CommandLine {
    return [this.#opens, String(count), this.scratch];
  }

  /** Starts a program that has `count` libraries, and waits until it has them. */
  async running(count: number): Promise<Running> {
    const [path] = this.linked(count);
    // By a shell: a process can't attach to what Node started.
    const shell = spawn("sh", ["-c", '"$0" wait & echo $!; wait', path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    // Which of the two is printed first is not known.
    for await (const piece of shell.stdout) {
      text += String(piece);
      if (text.includes("ready\n") && /\d+\n/.test(text)) break;
    }
    const pid = Number(/\d+/.exec(text)?.[0]);
    return {
      pid,
      async [Symbol.asyncDispose]() {
        process.kill(pid, "SIGKILL");
        if (shell.exitCode === null) await once(shell, "exit");
      },
    };
  }

  #file(name: string, source: string, text: string, make: (from: string, to: string) => void): string {
    const [from, to] = [join(this.scratch, source), join(this.scratch, name)];
    writeFileSync(from, text);
    make(from, to);
    return to;
  }
}
