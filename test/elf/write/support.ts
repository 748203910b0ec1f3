/** Tools that check what the writer and the editor make: compilers, linkers, and readers that are not ours. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory for one test file, removed when the process ends. */
export class Workshop {
  readonly directory = mkdtempSync(join(tmpdir(), "bindery-elf-write-"));

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Writes a file, executable, and gives its path. */
  save(name: string, contents: Uint8Array | string): string {
    writeFileSync(this.path(name), contents, { mode: 0o755 });
    return this.path(name);
  }

  /** Runs a command here; fails the test with its output unless it exits with `status`. */
  run(command: string, args: readonly string[], status = 0): string {
    const result = spawnSync(command, args, {
      cwd: this.directory,
      encoding: "utf8",
      maxBuffer: 1 << 28,
      env: { ...process.env, LC_ALL: "C" },
    });
    if (result.error !== undefined) throw result.error;
    if (result.status !== status)
      throw new Error(
        `${command} ${args.join(" ")}: exit ${result.status}\n${result.stdout}${result.stderr}`,
      );
    return `${result.stdout}${result.stderr}`;
  }

  /** Everything that readelf shows, its complaints last. */
  show(path: string): string {
    const options = { encoding: "utf8", maxBuffer: 1 << 28, env: { ...process.env, LC_ALL: "C" } } as const;
    const { error, stdout, stderr } = spawnSync("readelf", ["-aW", path], options);
    if (error !== undefined) throw error;
    return `${stdout}${stderr}`.replaceAll(path, "FILE");
  }

  /** Everything that readelf shows; it must not complain. */
  readelf(path: string): string {
    const shown = this.show(path);
    const complaint = /^readelf: .*$/m.exec(shown);
    if (complaint !== null) throw new Error(complaint[0]);
    return shown;
  }

  /** What eu-elflint finds wrong, with `--gnu-ld`; "No errors" if nothing. */
  lint(path: string): string {
    const result = spawnSync("eu-elflint", ["--gnu-ld", path], { encoding: "utf8" });
    if (result.error !== undefined) throw result.error;
    return `${result.stdout}${result.stderr}`.trim();
  }

  /** What eu-elflint says of `path` and does not say of `original`, section numbers aside. */
  newComplaints(path: string, original: string): string[] {
    const said = (of: string) =>
      this.lint(of)
        .split("\n")
        .map((line) => line.replace(/^section \[ *\d+\] /, ""));
    const old = new Set([...said(original), "No errors"]);
    return said(path).filter((line) => !old.has(line));
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Names of symbols of `path` and of the section each is in, as readelf prints them. */
export function symbolSections(shop: Workshop, path: string): Map<string, string> {
  const sections = sectionNames(shop, path);
  const found = new Map<string, string>();
  for (const line of shop.run("readelf", ["-sW", path]).split("\n")) {
    const row = /^\s*\d+: [0-9a-f]+\s+\S+ (\S+)\s+\S+\s+\S+\s+(?:\[.*\]\s+)?(\S+)(?: (\S+))?$/.exec(line);
    if (row === null || row[3] === undefined) continue;
    const [, , index = "", name = ""] = row;
    found.set(name, /^\d+$/.test(index) ? (sections[Number(index)] ?? "?") : index);
  }
  return found;
}

/** Names of the sections of `path`, by index, as readelf prints them. */
export function sectionNames(shop: Workshop, path: string): string[] {
  const names: string[] = [];
  for (const line of shop.run("readelf", ["-SW", path]).split("\n")) {
    const row = /^\s*\[\s*(\d+)\] (\S*)\s+[A-Z]/.exec(line);
    if (row !== null) names[Number(row[1])] = row[2] ?? "";
  }
  return names;
}
