/** Brings a checkout up to date: packages as the lock file says, dist/ as src/ says. Does nothing when it is. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { must, root } from "./run.mjs";

const OLDEST_NODE = [20, 19];

/** Ends the process with one line when this Node is too old for the package. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [wantMajor, wantMinor] = OLDEST_NODE;
  if (major > wantMajor || (major === wantMajor && minor >= wantMinor)) return;
  console.error(`Node ${OLDEST_NODE.join(".")} or newer is needed, this is ${process.versions.node}`);
  process.exit(1);
}

/**
 * Whether what npm installed in `folder` is what its lock file asks for. npm leaves its own record in
 * node_modules; packages that are optional may be for another platform and are not asked for.
 */
function installed(folder) {
  const record = join(folder, "node_modules/.package-lock.json");
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8")).packages;
  const present = JSON.parse(readFileSync(record, "utf8")).packages;
  return Object.entries(wanted).every(
    ([path, entry]) =>
      path === "" ||
      entry.optional === true ||
      (present[path]?.version === entry.version && existsSync(join(folder, path))),
  );
}

/**
 * Installs the packages of a folder of the repository unless its node_modules match its lock file. Not `npm ci`:
 * that refuses a lock file without entries for every platform's optional binaries, and a lock file written where
 * the registry is a partial mirror has none for the platforms it leaves out.
 */
export function ensureInstalled(folder = root) {
  if (installed(folder)) return;
  console.log(`installing npm packages${folder === root ? "" : ` in ${relative(root, folder)}/`}`);
  must("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
}

/** Every file below a folder, sorted, as paths relative to it. */
export function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** Where the digest of the sources that dist/ was made from is kept. */
const STAMP = join(root, ".cache/built");

/** Digest of everything that decides what dist/ holds. */
function sourceDigest() {
  const hash = createHash("sha256");
  const inputs = ["tsconfig.json", "tsconfig.build.json", "package-lock.json"];
  inputs.push("scripts/build.mjs", "scripts/lib/bundle.mjs");
  for (const file of [...inputs, ...filesBelow(join(root, "src")).map((name) => join("src", name))]) {
    hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest("hex");
}

/** Notes that dist/ was made from the sources as they are; {@link ensureBuilt} goes by it. */
export function stampBuild() {
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, sourceDigest());
}

/** Builds dist/ unless it was made from the sources as they are. */
export function ensureBuilt() {
  const current =
    existsSync(join(root, "dist/cli/main.js")) &&
    existsSync(STAMP) &&
    readFileSync(STAMP, "utf8") === sourceDigest();
  if (current) return;
  console.log("building");
  must(process.execPath, [join(root, "scripts/build.mjs")]);
}
