/**
 * What the kernel and the file system say of this process, read without any help of the product.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A line of `/proc/self/maps`. [proc(5)] */
export interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
  readonly permissions: string;
  readonly path: string;
}

export function mappings(): Mapping[] {
  return readFileSync("/proc/self/maps", "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [, start = "", end = "", permissions = "", path = ""] =
        /^(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)$/.exec(line) ?? [];
      return { start: BigInt(`0x${start}`), end: BigInt(`0x${end}`), permissions, path };
    });
}

/** Descriptors of this process that are open on something whose name has `part` in it, with that name. */
export function descriptors(part: string): { fd: number; target: string }[] {
  return readdirSync("/proc/self/fd").flatMap((entry) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${entry}`);
      return target.includes(part) ? [{ fd: Number(entry), target }] : [];
    } catch {
      // The descriptor that listed the directory is closed by now.
      return [];
    }
  });
}

/** Links in the directories of links of this process, wherever these may lie. */
export function links(): string[] {
  return ["/dev/shm", tmpdir()].flatMap((place) =>
    readdirSync(place)
      .filter((entry) => entry.startsWith("bindery-") && entry.includes(`-${process.pid}-`))
      .flatMap((entry) => readdirSync(join(place, entry)).map((link) => join(place, entry, link))),
  );
}
