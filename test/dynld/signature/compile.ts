/** Compiles sources in a directory of the test's own. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A source that lies beside the tests. */
export function source(name: string): string {
  return fileURLToPath(new URL(`data/${name}`, import.meta.url));
}

/** A directory that goes away, and what was compiled into it. */
export class Workshop implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "bindery-signature-"));
  #count = 0;

  /** Path of a new file with a text. */
  write(name: string, text: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    return path;
  }

  /** Path of what a command makes; its arguments have `OUT` in place of that. */
  run(command: string, args: readonly string[], suffix = ".o"): string {
    const path = join(this.directory, `${this.#count++}${suffix}`);
    execFileSync(
      command,
      args.map((arg) => (arg === "OUT" ? path : arg)),
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    return path;
  }

  /** Path of an object file. */
  compile(compiler: string, input: string, flags: readonly string[] = []): string {
    return this.run(compiler, ["-w", "-g", "-c", ...flags, input, "-o", "OUT"]);
  }

  /** The same for C in a text. */
  compileText(text: string, compiler = "gcc", flags: readonly string[] = []): string {
    return this.compile(compiler, this.write(`${this.#count}.c`, text), flags);
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
