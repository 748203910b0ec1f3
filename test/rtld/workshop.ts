/** Programs to control, compiled in a directory of their own. What was started there ends when it is removed. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ControlledProcess, Target, type TargetSpawnOptions } from "../../src/rtld/index.ts";

/** Where Debian has C libraries of i386 for x86_64. */
const LIB32 = "/usr/lib32";

/** A program that runs below a shell, as the child of another process than this one. */
export interface Started {
  readonly pid: number;
  /** What it printed, and its exit code, once it ended. */
  readonly ended: Promise<{ readonly output: string; readonly code: number }>;
}

export class RtldWorkshop {
  readonly directory = realpathSync(mkdtempSync(join(tmpdir(), "bindery-rtld-")));
  readonly #targets: ControlledProcess[] = [];
  readonly #children: ChildProcess[] = [];
  #count = 0;

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Compiles C source. */
  compile(name: string, source: string, ...flags: string[]): string {
    return this.compileBy("gcc", name, source, ...flags);
  }

  compileBy(compiler: string, name: string, source: string, ...flags: string[]): string {
    const input = this.path(`${name}.c`);
    writeFileSync(input, source);
    const args = ["-g", "-O1", "-o", this.path(name), input, ...flags];
    execFileSync(compiler, args, { cwd: this.directory, stdio: "pipe" });
    return this.path(name);
  }

  /** Compiles C source for i386, without what only gcc's own 32-bit libraries have. */
  compile32(name: string, source: string, ...flags: string[]): string {
    const isLibrary = flags.includes("-shared");
    const position = flags.includes("-no-pie") || isLibrary ? [] : ["-pie", "-fPIE"];
    const start = isLibrary ? [] : [`${LIB32}/${flags.includes("-no-pie") ? "crt1" : "Scrt1"}.o`];
    const frame = [...start, `${LIB32}/crti.o`, `${LIB32}/crtn.o`];
    return this.compileBy("gcc", name, source, "-m32", "-nostdlib", ...position, ...frame, ...flags, "-lc");
  }

  run(program: string, ...args: string[]): string {
    return execFileSync(program, args, { cwd: this.directory, encoding: "utf8" });
  }

  /** Address of a symbol in a file, as nm(1) has it. */
  symbol(file: string, name: string): bigint {
    const [, address = "0"] = new RegExp(`^(\\w+) \\w ${name}$`, "m").exec(this.run("nm", file)) ?? [];
    return BigInt(`0x${address}`);
  }

  /** A file for the output of a program, and what is in it. */
  output(): { readonly path: string; read(): string } {
    const path = this.path(`output${++this.#count}`);
    writeFileSync(path, "");
    return { path, read: () => readFileSync(path, "utf8") };
  }

  spawn(program: string, args: readonly string[] = [], options: TargetSpawnOptions = {}): Target {
    return this.keep(Target.spawn(program, args, options));
  }

  attach(pid: number): Target {
    return this.keep(Target.attach(pid));
  }

  keep<T extends ControlledProcess>(target: T): T {
    this.#targets.push(target);
    return target;
  }

  /** Starts a program that is not controlled, and waits until it printed its first line. */
  async start(program: string, ...args: string[]): Promise<Started> {
    const out = this.output();
    // Whatever ends this process, its end of the pipe is closed then.
    const watch = "{ read -r line; kill -KILL 0; } <&3 &";
    const run = 'out=$1; shift; "$@" > "$out" 3<&- & echo $! > "$out.pid"; wait $!; exit $?';
    const child = spawn("sh", ["-c", `${watch} ${run}`, "sh", out.path, program, ...args], {
      cwd: this.directory,
      stdio: ["ignore", "ignore", "ignore", "pipe"],
      // A group of its own, which ends as a whole.
      detached: true,
    });
    this.#children.push(child);
    const ended = new Promise<{ output: string; code: number }>((resolve) => {
      child.once("exit", (code) =>
        resolve({ output: existsSync(out.path) ? out.read() : "", code: code ?? -1 }),
      );
    });
    const number = `${out.path}.pid`;
    while (
      !(out.read().includes("\n") && existsSync(number) && readFileSync(number, "utf8").endsWith("\n"))
    ) {
      if (child.exitCode !== null) throw new Error(`${program} ended: ${child.exitCode}`);
      await sleep(2);
    }
    const pid = Number(readFileSync(number, "utf8"));
    return { pid, ended };
  }

  remove(): void {
    for (const target of this.#targets) target.kill();
    for (const { pid } of this.#children) if (pid !== undefined) killIfAny(-pid);
    rmSync(this.directory, { recursive: true });
  }
}

function killIfAny(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}
