/** What `readelf -wi` says of a file's entries, as data. */
import { execFileSync } from "node:child_process";

export interface OracleAttribute {
  readonly offset: number;
  readonly name: string;
  /** The text behind the colon, as printed. */
  readonly text: string;
}

export interface OracleEntry {
  readonly offset: number;
  readonly depth: number;
  readonly tag: string;
  readonly attributes: OracleAttribute[];
}

export function readelfEntries(path: string): OracleEntry[] {
  const text = execFileSync("readelf", ["-wNi", path], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const entries: OracleEntry[] = [];
  for (const line of text.split("\n")) {
    const entry = /^ <([0-9a-f]+)><([0-9a-f]+)>: Abbrev Number: \d+ \((.+)\)$/.exec(line);
    if (entry !== null) {
      const [, depth = "", offset = "", tag = ""] = entry;
      entries.push({ offset: hex(offset), depth: Number(depth), tag, attributes: [] });
      continue;
    }
    const attribute = /^ {4}<([0-9a-f]+)> {3}(DW_AT_\S+?)\s*: ?(.*)$/.exec(line);
    if (attribute === null) continue;
    const [, offset = "", name = "", value = ""] = attribute;
    entries.at(-1)?.attributes.push({ offset: hex(offset), name, text: value });
  }
  return entries;
}

function hex(text: string): number {
  return Number.parseInt(text, 16);
}
