/** What elfutils says of modules: ranges, build ids, symbols. */
import { spawnSync } from "node:child_process";
import { basename } from "node:path";

/** A line of `eu-unstrip -n`. */
export interface EuModule {
  readonly start: bigint;
  readonly end: bigint;
  /** `undefined` where it found none. */
  readonly id: string | undefined;
  readonly name: string;
}

/** The modules that libdwfl reports for the same question. It may fail behind a line that it printed. */
export function euModules(...args: string[]): EuModule[] {
  const { stdout } = spawnSync("eu-unstrip", ["-n", ...args], { encoding: "utf8", env: clean() });
  return stdout
    .trim()
    .split("\n")
    .map((line) => {
      const [range = "", id = "", , , name = ""] = line.split(" ");
      const [start = "", size = ""] = range.split("+");
      const from = BigInt(start);
      return {
        start: from,
        end: from + BigInt(size),
        id: /^[0-9a-f]{4,}/.exec(id)?.[0],
        name: basename(name),
      };
    });
}

/** `symbol+0x10`, `symbol`, or nothing, for each address, as libdwfl finds them: `eu-addr2line -S`. */
export function euSymbols(addresses: readonly bigint[], ...args: string[]): string[] {
  const input = addresses.map((one) => `0x${one.toString(16)}\n`).join("");
  const { stdout } = spawnSync("eu-addr2line", ["-S", ...args], { input, encoding: "utf8", env: clean() });
  // Two lines each: symbol, then place.
  return stdout
    .trim()
    .split("\n")
    .filter((_, line) => line % 2 === 0)
    .map((line) => line.replace(/ .*$/, "").replace(/^(\?\?|\(\)\+.*)$/, ""));
}

/** Nothing is to come from servers. */
function clean(): Record<string, string | undefined> {
  return { ...process.env, DEBUGINFOD_URLS: "" };
}
