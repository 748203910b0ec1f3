import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");

interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}

function manifest(file: string): Manifest {
  return JSON.parse(readFileSync(resolve(root, file), "utf8")) as Manifest;
}

/** Package names in the first column of the table below a heading that starts with `heading`. */
function documented(heading: string): string[] {
  const text = readFileSync(resolve(root, "docs/dependencies.md"), "utf8");
  const part = text.split(/^## /m).find((section) => section.startsWith(heading)) ?? "";
  return [...part.matchAll(/^\| `([^`]+)` \| \S/gm)].map((match) => match[1] ?? "").sort();
}

describe("docs/dependencies.md", () => {
  it.each([
    ["At run time", manifest("package.json").dependencies],
    ["For development", manifest("package.json").devDependencies],
    ["In `tools/`", manifest("tools/package.json").devDependencies],
  ])("gives a reason for each package: %s", (heading, packages) => {
    expect(documented(heading)).toEqual(Object.keys(packages ?? {}).sort());
  });

  it.each(["", "tools/"])("%spackage-lock.json belongs to its package.json", (folder) => {
    const { packages } = manifest(`${folder}package-lock.json`) as { packages?: Record<string, Manifest> };
    const { dependencies, devDependencies } = manifest(`${folder}package.json`);
    expect(packages?.[""]).toMatchObject({ ...(dependencies && { dependencies }), devDependencies });
  });

  it.each(["package-lock.json", "tools/package-lock.json"])("%s names no registry host", (file) => {
    expect(readFileSync(resolve(root, file), "utf8")).not.toMatch(/"resolved": "https?:/);
  });
});
