/** Programs of aarch64, with Debian's C library of that machine, and qemu that runs them. */
import type { RtldWorkshop } from "./workshop.ts";

/** Where that machine's files are. */
export const SYSROOT = "/usr/aarch64-linux-gnu";

/** Compiles by clang, and links by the linker that is named. */
export function compileCross(
  workshop: RtldWorkshop,
  name: string,
  source: string,
  linker: string,
  ...flags: string[]
): string {
  const isLibrary = flags.includes("-shared");
  const isFixed = flags.includes("-no-pie");
  const lib = `${SYSROOT}/lib`;
  const start = isLibrary ? [] : [`${lib}/${isFixed ? "crt1" : "Scrt1"}.o`];
  return workshop.compileBy(
    "clang",
    name,
    source,
    ...["--target=aarch64-linux-gnu", `-fuse-ld=${linker}`, "-isystem", `${SYSROOT}/include`, "-nostdlib"],
    ...["-nostartfiles", ...start, `${lib}/crti.o`, `${lib}/crtn.o`, `-L${lib}`, "-L."],
    ...(isLibrary || isFixed ? [] : ["-pie", "-fPIE"]),
    ...flags,
    "-lc",
  );
}
