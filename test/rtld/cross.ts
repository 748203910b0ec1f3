/** Programs of other machines, with Debian's C libraries of those, and qemu that runs them. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RemoteTarget } from "../../src/rtld/index.ts";
import type { RtldWorkshop } from "./workshop.ts";

/** A machine that programs are compiled for. */
export interface CrossMachine {
  /** As clang has it. */
  readonly triple: string;
  /** Its emulator, behind `qemu-`. */
  readonly qemu: string;
  /** Links, unless a compiler flag names another one. */
  readonly linker: string;
  /** What its C library was compiled with, where clang has another default. */
  readonly flags?: readonly string[];
}

export const AARCH64: CrossMachine = { triple: "aarch64-linux-gnu", qemu: "aarch64", linker: "lld" };

/** Where a machine's files are. */
export const sysrootOf = ({ triple }: CrossMachine): string => `/usr/${triple}`;

/** Compiles C source by clang. */
export function compileCross(
  workshop: RtldWorkshop,
  machine: CrossMachine,
  name: string,
  source: string,
  ...flags: string[]
): string {
  const isLibrary = flags.includes("-shared");
  const isFixed = flags.includes("-no-pie");
  const sysroot = sysrootOf(machine);
  const lib = `${sysroot}/lib`;
  const start = isLibrary ? [] : [`${lib}/${isFixed ? "crt1" : "Scrt1"}.o`];
  return workshop.compileBy(
    "clang",
    name,
    source,
    ...(machine.flags ?? []),
    ...[`--target=${machine.triple}`, `-fuse-ld=${machine.linker}`, "-isystem", `${sysroot}/include`],
    ...["-nostdlib", "-nostartfiles", ...start, `${lib}/crti.o`, `${lib}/crtn.o`, `-L${lib}`, "-L."],
    ...(isLibrary || isFixed ? [] : ["-pie", "-fPIE"]),
    ...flags,
    "-lc",
  );
}

/** Starts a program under qemu, and connects to its stub. */
export async function startCross(
  workshop: RtldWorkshop,
  machine: CrossMachine,
  program: string,
  env: NodeJS.ProcessEnv = {},
) {
  const place = workshop.path(`${basename(program)}.socket`);
  const out = workshop.output();
  const script = 'qemu-$0 -g "$1" -L "$2" "$3" > "$4"';
  const args = [machine.qemu, place, sysrootOf(machine), program, out.path];
  const child = spawn("sh", ["-c", script, ...args], { env: { ...process.env, ...env }, stdio: "inherit" });
  while (!existsSync(place)) {
    if (child.exitCode !== null) throw new Error(`qemu ended: ${child.exitCode}`);
    await sleep(2);
  }
  const target = workshop.keep(await RemoteTarget.connect(place, { sysroot: sysrootOf(machine) }));
  return { target, out };
}
