/** What the tests of `bindery dwarf` share: objects, the same linked at known addresses, and documents of JSON. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ElfFile } from "../../src/elf/file.ts";
import { type Build, compile } from "../dwarf/read/location-objects.ts";
import { bindery } from "./run.ts";

/** A file in a document; groups have different keys. */
export interface Shown {
  readonly file: string;
  readonly errors?: readonly { readonly code: string; readonly message: string }[];
  readonly [groups: string]: unknown;
}

/** The document that a subcommand prints of files that it can read. */
export function shown(...args: readonly string[]): Shown[] {
  const { status, stdout, stderr } = bindery(["dwarf", ...args, "--json"]);
  if (status !== 0 || stderr !== "") throw new Error(`${args.join(" ")}: ${status} ${stderr}`);
  return JSON.parse(stdout) as Shown[];
}

/** An object, and the same linked. */
export interface Pair {
  readonly name: string;
  readonly object: string;
  readonly linked: string;
}

/** Sections of code and data of all objects, each at an address of its own, and what is linked so. */
export function linkedAtKnownPlaces(
  scratch: string,
  builds: readonly Build[],
): { pairs: Pair[]; places: Map<string, bigint> } {
  const objects = builds.map((build, index) => compile(scratch, build, `${index}.o`));
  const names = new Set(objects.flatMap(loadedSections));
  const places = new Map(
    [...names].sort().map((name, index) => [name, BigInt(0x10_0000 + 0x1_0000 * index)]),
  );
  const sections = [...places].map(([name, address]) => `${name} ${address} : { *(${name}) }`);
  const script = join(scratch, "script");
  writeFileSync(script, `SECTIONS {\n${sections.join("\n")}\n}\n`);
  const options = ["-T", script, "--unresolved-symbols=ignore-all", "-e", "0", "--no-warn-rwx-segments"];
  const pairs = objects.map((object, index) => {
    const linked = object.replace(/\.o$/, "");
    execFileSync("ld", [...options, object, "-o", linked], { stdio: "pipe" });
    const { compiler = "", options: flags = [] } = builds[index] ?? {};
    return { name: `${compiler} ${flags.join(" ")}`, object, linked };
  });
  return { pairs, places };
}

function loadedSections(object: string): string[] {
  const { sections } = ElfFile.open(readFileSync(object), { name: object });
  return sections.filter(({ flags, size }) => (flags & 2) !== 0 && size > 0n).map(({ name }) => name);
}

/** `--place` for each. */
export function placeOptions(places: ReadonlyMap<string, bigint>): string[] {
  return [...places].flatMap(([name, address]) => ["--place", `${name}=0x${address.toString(16)}`]);
}

/** A document with every `.text+0x10` replaced by where that is. */
export function moved(document: unknown, places: ReadonlyMap<string, bigint>): unknown {
  const text = JSON.stringify(document).replaceAll(
    /(\.[\w.]+)\+(0x[0-9a-f]+)/g,
    (whole, name: string, offset: string) => {
      const start = places.get(name);
      return start === undefined ? whole : `0x${(start + BigInt(offset)).toString(16)}`;
    },
  );
  return JSON.parse(text);
}

/** The groups of a document, whatever their key. */
export function groupsOf<Group>(document: Shown | undefined): readonly Group[] {
  return Object.values(document ?? {}).find(Array.isArray) ?? [];
}
