import { type ExecFileSyncOptionsWithStringEncoding, execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly version: string;
  readonly exports: Record<string, string | { types: string; default: string }>;
};
const entries = Object.entries(manifest.exports)
  .filter(([, target]) => typeof target !== "string")
  .map(([path]) => `bindery${path.slice(1)}`);

/** A folder with nothing but the packed package installed, as a user's project has it. */
const folder = mkdtempSync(join(tmpdir(), "bindery-packed-"));
let packed: string[] = [];

beforeAll(() => {
  const npm: ExecFileSyncOptionsWithStringEncoding = { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] };
  const report = execFileSync(
    "npm",
    ["pack", "--ignore-scripts", "--json", "--loglevel=error", "--pack-destination", folder],
    { ...npm, cwd: root },
  );
  const [tarball] = JSON.parse(report) as { filename: string; files: { path: string }[] }[];
  packed = (tarball?.files ?? []).map((file) => file.path);
  writeFileSync(join(folder, "package.json"), '{"private":true,"type":"module"}');
  const options = ["--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
  execFileSync("npm", ["install", ...options, join(folder, tarball?.filename ?? "")], {
    ...npm,
    cwd: folder,
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a module text in the user's project. */
function node(text: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ["--input-type=module", "-e", text], { cwd: folder, encoding: "utf8" });
}

/** Entries that act on processes, for which native code is needed. */
const ACTING = ["bindery/dlbind", "bindery/dynld", "bindery/rtld"];

/** Imports an entry, and says how many names it has, and which native add-ons the kernel then sees mapped in the process. */
function imported(entry: string): { names: number; addons: string[] } {
  const { status, stdout, stderr } = node(`
    import { readFileSync } from "node:fs";
    const names = Object.keys(await import(${JSON.stringify(entry)})).length;
    const maps = readFileSync("/proc/self/maps", "utf8");
    console.log(JSON.stringify({ names, addons: [...new Set(maps.match(/[^/\\n]+\\.node$/gm) ?? [])] }));
  `);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout) as { names: number; addons: string[] };
}

describe("the package as packed", () => {
  it("holds what is built and what explains it, and no sources or tests", () => {
    // The tour compiles an example.
    const wanted = [
      "README.md",
      "LICENSE",
      "CHANGELOG.md",
      "docs/rosetta.md",
      "examples/plugin.c",
      "dist/cli/main.js",
    ];
    for (const file of wanted) expect(packed).toContain(file);
    expect(
      packed.filter((file) => !/^(dist\/|docs\/|examples\/|[A-Z]+\.md$|LICENSE$|package\.json$)/.test(file)),
    ).toEqual([]);
    expect(packed.filter((file) => /^docs\/api\/|\.tsbuildinfo$/.test(file))).toEqual([]);
  });

  it("installs a command that answers", () => {
    const bin = join(folder, "node_modules/.bin/bindery");
    expect(execFileSync(bin, ["--version"], { encoding: "utf8" }).trim()).toBe(manifest.version);
  });

  it("starts threads from where it is installed", () => {
    const bin = join(folder, "node_modules/.bin/bindery");
    const twice = ["1", "2"].map((jobs) =>
      execFileSync(bin, ["dwarf", "frames", "--stats", "--jobs", jobs, "/bin/ls", "/bin/sh"], {
        encoding: "utf8",
      }),
    );
    expect(twice[0]).toMatch(/^\d+ cies, [1-9]/);
    expect(twice[1]).toBe(twice[0]);
  });

  it.each(entries)(
    "imports %s, finds names in it, and native code only where it acts on processes",
    (entry) => {
      const { names, addons } = imported(entry);
      expect(names).toBeGreaterThan(0);
      if (ACTING.includes(entry)) expect(addons).toContain("koffi.node");
      else expect(addons).toEqual([]);
    },
  );

  it.each(entries)("is required as CommonJS, too: %s", (entry) => {
    const text = `console.log(Object.keys(require("${entry}")).length)`;
    const options = { cwd: folder, encoding: "utf8" } as const;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--input-type=commonjs", "-e", text],
      options,
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(Number(stdout)).toBeGreaterThan(0);
  });

  it("imports the pure entries where the FFI library can't be loaded", () => {
    const koffi = join(folder, "node_modules/koffi");
    renameSync(koffi, `${koffi}-away`);
    // In its place, not just gone: a folder above may hold another one.
    mkdirSync(koffi);
    writeFileSync(join(koffi, "index.js"), 'throw Error("no FFI library here")');
    try {
      for (const entry of ["bindery/elf", "bindery/errors", "bindery/dynld/inferno"]) {
        expect(node(`await import("${entry}")`).status).toBe(0);
      }
      expect(node('await import("bindery/dlbind")').stderr).toContain("no FFI library here");
    } finally {
      rmSync(koffi, { recursive: true });
      renameSync(`${koffi}-away`, koffi);
    }
  });

  it("gives every entry types that resolve, without the types of Node for the pure ones", () => {
    const compile = (names: readonly string[], types: readonly string[]): string => {
      const uses = names.map((name, index) => `import * as e${index} from "${name}"; export { e${index} };`);
      writeFileSync(join(folder, "use.mts"), uses.join("\n"));
      const options = {
        module: "nodenext",
        target: "es2023",
        lib: ["es2023", "esnext.disposable"],
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        typeRoots: [join(root, "node_modules/@types")],
        types,
      };
      writeFileSync(
        join(folder, "tsconfig.json"),
        JSON.stringify({ compilerOptions: options, files: ["use.mts"] }),
      );
      const tsc = join(root, "node_modules/typescript/bin/tsc");
      return spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" }).stdout;
    };
    const pure = entries.filter((name) => /\/(elf|dwarf|errors|dynld\/inferno)$/.test(name));
    expect(compile(pure, [])).toBe("");
    expect(compile(entries, ["node"])).toBe("");
    expect(compile(["bindery/nothing"], [])).toContain("bindery/nothing");
  });
});
