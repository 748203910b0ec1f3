/** Programs and their debug files, made the way that packagers make them, in a directory that is removed afterwards. */
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

/** `WHICH` keeps the build ids of the programs apart; the structures are what dwz moves to the supplementary file. */
const SOURCE = `
struct shape { int sides; double area; const char *name; struct shape *next; };
int helper(struct shape *s, int n) { int t = 0; for (struct shape *p = s; p; p = p->next) t += p->sides * n; return t; }
int main(void) { struct shape s = {WHICH, 1.5, "tri", 0}; return helper(&s, 2); }
`;

/** A stripped program and what was taken out of it. */
export interface Program {
  readonly path: string;
  readonly debug: string;
  /** As readelf prints it; empty if there is none. */
  readonly id: string;
}

export class FindWorkshop {
  readonly directory = realpathSync(mkdtempSync(join(tmpdir(), "bindery-dwfl-")));

  /** A path here; its directory is made. */
  path(...parts: string[]): string {
    const path = join(this.directory, ...parts);
    mkdirSync(dirname(path), { recursive: true });
    return path;
  }

  run(program: string, ...args: string[]): string {
    const options = {
      cwd: this.directory,
      encoding: "utf8",
      env: this.environment(),
      stdio: "pipe",
    } as const;
    return execFileSync(program, args, options);
  }

  /** As {@link run}, while this process answers requests; gives exit code and output. */
  async runBeside(environment: Record<string, string>, program: string, ...args: string[]) {
    const options = { cwd: this.directory, encoding: "utf8", env: this.environment(environment) } as const;
    try {
      const { stdout } = await promisify(execFile)(program, args, options);
      return { code: 0, stdout: stdout.trim() };
    } catch (error) {
      if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "number") throw error;
      return { code: error.code, stdout: "" };
    }
  }

  /** The environment without settings of debuginfod, save those given, and with a home directory here. */
  environment(more: Record<string, string> = {}): Record<string, string | undefined> {
    const clean = Object.entries(process.env).filter(([name]) => !/^(DEBUGINFOD_|XDG_CACHE)/.test(name));
    return { ...Object.fromEntries(clean), HOME: this.directory, DEBUGINFOD_URLS: "", ...more };
  }

  /** Compiles a program to `name`, and takes its debug sections out to `name.debug`. */
  program(name: string, which: number, ...flags: string[]): Program {
    const path = this.path(name);
    const source = this.path("shape.c");
    writeFileSync(source, SOURCE);
    const debug = `${path}.debug`;
    this.run("gcc", "-g", "-O1", `-DWHICH=${which}`, "-Wl,--build-id", ...flags, "-o", path, source);
    this.run("objcopy", "--only-keep-debug", path, debug);
    this.run("strip", "-g", path);
    return { path, debug, id: buildIdOf(path) };
  }

  write(name: string, bytes: Uint8Array | string): string {
    const path = this.path(name);
    writeFileSync(path, bytes);
    return path;
  }

  copy(from: string, ...to: string[]): string {
    const path = this.path(...to);
    copyFileSync(from, path);
    return path;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** The debug file that elfutils finds, or `-`. */
  elfutilsFinds(path: string, globals: string, environment: Record<string, string> = {}): string | undefined {
    const args = ["-n", `--debuginfo-path=:.debug:${globals}`, "-e", path];
    const ran = spawnSync("eu-unstrip", args, { encoding: "utf8", env: this.environment(environment) });
    return ran.stdout.trim().split(/\s+/)[3];
  }

  /** The debug file that gdb finds, and what it warns of. */
  gdbFinds(path: string, globals: string): { path: string | undefined; output: string } {
    const args = ["-batch", "-nx", "-iex", `set debug-file-directory ${globals}`, path, "-ex"];
    args.push('python [print("separate:", one.filename) for one in gdb.objfiles() if one.owner]');
    const ran = spawnSync("gdb", args, { encoding: "utf8", env: this.environment() });
    const output = ran.stdout + ran.stderr;
    return { path: /^separate: (.*)$/m.exec(output)?.[1], output };
  }

  /** What gdb prints of a type, with the debug files that it finds itself. */
  gdbTypes(path: string, globals: string, type: string): string {
    return this.run(
      "gdb",
      "-batch",
      "-nx",
      "-iex",
      `set debug-file-directory ${globals}`,
      path,
      "-ex",
      `ptype ${type}`,
    );
  }
}

/** What readelf says the build id is; empty if there is none. */
export function buildIdOf(path: string): string {
  const text = execFileSync("readelf", ["-n", path], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return /Build ID: ([0-9a-f]+)/.exec(text)?.[1] ?? "";
}
