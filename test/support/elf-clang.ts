/** ELF files that clang and lld make during the test run, for every machine they know of ours. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A machine to compile for: clang's triple, what it needs beside it, and how lld links it, if it does. */
export interface Target {
  readonly name: string;
  readonly triple: string;
  readonly flags?: readonly string[];
  /** Hash tables that lld can make for it; `undefined` where lld can't link it. */
  readonly hash: "both" | "sysv" | undefined;
}

export const TARGETS: readonly Target[] = [
  { name: "x86_64", triple: "x86_64-linux-gnu", hash: "both" },
  { name: "i386", triple: "i386-linux-gnu", hash: "both" },
  { name: "aarch64", triple: "aarch64-linux-gnu", hash: "both" },
  { name: "arm", triple: "armv7a-linux-gnueabi", hash: "both" },
  { name: "riscv64", triple: "riscv64-linux-gnu", hash: "both" },
  { name: "riscv32", triple: "riscv32-linux-gnu", hash: "both" },
  { name: "ppc64le", triple: "powerpc64le-linux-gnu", hash: "both" },
  { name: "ppc64", triple: "powerpc64-linux-gnu", flags: ["-mabi=elfv2"], hash: "both" },
  { name: "s390x", triple: "s390x-linux-gnu", hash: undefined },
  { name: "mips64", triple: "mips64-linux-gnu", flags: ["-mabi=64"], hash: "sysv" },
  { name: "mips64el", triple: "mips64el-linux-gnu", flags: ["-mabi=64"], hash: "sysv" },
  { name: "mips", triple: "mips-linux-gnu", hash: "sysv" },
];

/** A directory for a test file's products, removed with {@link Workshop.remove}. */
export class Workshop {
  readonly directory = mkdtempSync(join(tmpdir(), "bindery-elf-"));

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Runs a program here and gives what it prints. */
  run(program: string, ...args: string[]): string {
    return execFileSync(program, args, {
      cwd: this.directory,
      encoding: "utf8",
      maxBuffer: 2 ** 30,
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** Compiles a source of `test/elf/fixtures` to an object; gives its path. */
  compile(target: Target, source: string, ...flags: string[]): string {
    const output = this.path(`${target.name}-${source}${flags.join("")}.o`);
    const input = join(import.meta.dirname, "../elf/fixtures", source);
    const { triple } = target;
    this.run(
      "clang",
      `--target=${triple}`,
      ...(target.flags ?? []),
      ...flags,
      "-fPIC",
      "-c",
      input,
      "-o",
      output,
    );
    return output;
  }

  /** Links objects to a shared library; gives its path. */
  link(target: Target, objects: readonly string[], ...flags: string[]): string {
    const output = this.path(`${target.name}${flags.join("").replaceAll(/[^a-z0-9]/g, "")}.so`);
    const hash = `--hash-style=${target.hash ?? "both"}`;
    this.run("ld.lld", "-shared", hash, "--build-id", "-soname=it.so", ...flags, ...objects, "-o", output);
    return output;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
