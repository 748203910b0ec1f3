/** The modules in data/, which Inferno's own compilers and linkers made, and what its own loader made of them. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseSymbolTable } from "../../../src/dynld/symbol-table.ts";

const folder = resolve(import.meta.dirname, "data");

/** What `NAME.expected.json` holds: what libdynld made of the module, numbers in hexadecimal where they are text. */
export interface Expected {
  readonly file: string;
  readonly arch: string;
  readonly dynmagic: string;
  readonly header: Readonly<Record<string, number | string>>;
  readonly base: string;
  readonly size: number;
  readonly exports: readonly { readonly name: string; readonly sig: string; readonly addr: string }[];
  readonly imports: readonly {
    readonly index: number;
    readonly name: string;
    readonly hostsig: string;
    readonly addr: string;
  }[];
  readonly relocs: readonly {
    readonly at: number;
    readonly mode: number;
    readonly before: string;
    readonly after: string;
    readonly before2?: string;
    readonly after2?: string;
  }[];
  /** Relocated text and data. */
  readonly image: string;
}

/** File names of the nine modules. */
export const MODULES = ["m1min", "m2basic", "m3dev"].flatMap((name) =>
  ["386", "arm", "power"].map((machine) => `${name}.${machine}`),
);

/** Path of a file of data/. */
export function dataPath(name: string): string {
  return resolve(folder, name);
}

/** A module's bytes, the caller's own. */
export function moduleBytes(name: string): Uint8Array {
  return Uint8Array.from(readFileSync(dataPath(name)));
}

/** What Inferno's loader made of a module. */
export function expectedOf(name: string): Expected {
  return JSON.parse(readFileSync(dataPath(`${name}.expected.json`), "utf8")) as Expected;
}

/** The program's table that the modules were loaded against. */
export const HOST = parseSymbolTable(readFileSync(dataPath("host.syms"), "utf8"), "host.syms");

/** 32 bits as the expectations have them. */
export function hex8(value: number | bigint): string {
  return value.toString(16).padStart(8, "0");
}
