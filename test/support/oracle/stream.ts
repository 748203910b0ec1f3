/** What a tool prints, line by line as it comes: outputs of gigabytes take no room. */
import { spawn } from "node:child_process";
import { StringDecoder } from "node:string_decoder";

/**
 * Runs a tool and gives each line of its output to `take`, until that says false: the tool is ended then.
 * @returns the signal that ended the tool by itself
 * @throws Error when the tool can't be run
 */
export function eachLine(
  tool: string,
  args: readonly string[],
  take: (line: string) => boolean,
): Promise<NodeJS.Signals | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, { stdio: ["ignore", "pipe", "ignore"] });
    const decoder = new StringDecoder("utf8");
    let rest = "";
    let wanted = true;
    child.stdout.on("data", (chunk: Buffer) => {
      if (!wanted) return;
      const text = rest + decoder.write(chunk);
      let start = 0;
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
        if (!take(text.slice(start, end))) {
          wanted = false;
          child.kill();
          return;
        }
        start = end + 1;
      }
      rest = text.slice(start);
    });
    child.on("error", reject);
    child.on("close", (_, signal) => {
      if (wanted && rest !== "" && signal === null) take(rest);
      resolve(wanted ? (signal ?? undefined) : undefined);
    });
  });
}
