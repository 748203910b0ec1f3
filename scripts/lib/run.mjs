/** Running other programs, for scripts that must work before anything is installed. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository, absolute. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Runs a program with our output and no input, and gives its exit code.
 * A program killed by a signal counts as 128 + the signal, as in a shell.
 */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    ...options,
  });
  if (result.error !== undefined) throw result.error;
  if (result.signal !== null) {
    process.stderr.write(`${command}: killed by ${result.signal}\n`);
    return 128;
  }
  return result.status ?? 1;
}

/** Like {@link run}, but a failure ends this process with the same code. */
export function must(command, args, options) {
  const code = run(command, args, options);
  if (code !== 0) process.exit(code);
}

/** Whether a program runs and succeeds; says nothing on the terminal. */
export function succeeds(command, args) {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

/** Absolute path of a program in PATH, or undefined. */
export function which(name, path = process.env.PATH ?? "") {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      if (folder !== "" && statSync(file).isFile()) return file;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
