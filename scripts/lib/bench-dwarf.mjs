/** What `npm run bench:dwarf` needs beside the sources: the kernel's debug files, and the peers, compiled. */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { kernelFiles } from "./kernel.mjs";
import { ensureBuilt } from "./prepare.mjs";
import { must, root, run } from "./run.mjs";
import { ensureTools } from "./tools.mjs";

const SOURCES = join(root, "bench/dwarf/peers");
const BUILT = join(root, ".cache/bench/peers");
/** Where Debian's packages of Rust crates put their sources. */
const REGISTRY = "/usr/share/cargo/registry";
/** Names a cargo to use instead of Debian's; the crates stay Debian's. */
const CARGO = "BINDERY_BENCH_CARGO";

const TOOLS = [
  { commands: ["gcc"], packages: ["gcc"], why: "compiles the peer that uses libdw" },
  { files: ["/usr/include/elfutils/libdwfl.h"], packages: ["libdw-dev"], why: "the peer libdw" },
  { commands: ["addr2line"], packages: ["binutils"], why: "GNU addr2line, a peer" },
  { commands: ["eu-addr2line"], packages: ["elfutils"], why: "eu-addr2line, a peer" },
  { commands: ["llvm-addr2line"], packages: ["llvm"], why: "llvm-addr2line, a peer" },
];

/** One row a crate that the peer in Rust names, and the compiler; what they need, apt adds. */
const RUST_TOOLS = [
  { files: ["/usr/bin/cargo", "/usr/bin/rustc"], packages: ["cargo"], why: "compiles the peers in Rust" },
  ...["gimli", "object", "addr2line", "memmap2", "typed-arena"].map((crate) => ({
    files: [`${REGISTRY}/${crate}-*/Cargo.toml`],
    packages: [`librust-${crate}-dev`],
    why: `the crate ${crate}`,
  })),
];

/**
 * Fetches and compiles what is missing.
 * @returns the path of a JSON file that says where all of it is: `modules`, `vmlinux`, `cli`, `measure`, `libdw`, and
 *   `gimli`, which is absent where the peer in Rust could not be built
 */
export function prepare() {
  if (!ensureTools(TOOLS, "The peers")) process.exit(1);
  ensureBuilt();
  mkdirSync(BUILT, { recursive: true });
  const prepared = {
    ...kernelFiles(),
    cli: join(root, "dist/cli/main.js"),
    measure: compileC("measure"),
    libdw: compileC("libdw", "-ldw"),
    gimli: compileRust(),
  };
  const file = join(BUILT, "prepared.json");
  writeFileSync(file, JSON.stringify(prepared));
  return file;
}

function compileC(name, ...libraries) {
  const program = join(BUILT, name);
  must("gcc", ["-O2", "-Wall", "-Wextra", "-o", program, join(SOURCES, `${name}.c`), ...libraries]);
  return program;
}

/** Builds with the sources that Debian's packages carry, and no network. */
function compileRust() {
  if (!ensureTools(RUST_TOOLS, "The peers in Rust")) {
    console.error("cargo or its crates are not at hand: the columns of gimli and addr2line are left out");
    return undefined;
  }
  const cargo = process.env[CARGO] ?? "/usr/bin/cargo";
  const home = join(BUILT, "cargo");
  mkdirSync(home, { recursive: true });
  const sources = `[source.crates-io]\nreplace-with = "debian"\n[source.debian]\ndirectory = "${REGISTRY}"\n`;
  writeFileSync(join(home, "config.toml"), sources);
  // cargo writes its lock file beside the sources, so they are copied.
  const project = join(BUILT, "gimli");
  cpSync(join(SOURCES, "gimli"), project, { recursive: true, preserveTimestamps: true });
  const debian = process.env[CARGO] === undefined ? { RUSTC: "/usr/bin/rustc" } : {};
  const env = { ...process.env, ...debian, CARGO_HOME: home, CARGO_TARGET_DIR: join(BUILT, "target") };
  const code = run(cargo, ["build", "--release", "--offline", "--quiet"], { cwd: project, env });
  if (code !== 0) throw new Error("the peer in Rust could not be built");
  return join(BUILT, "target/release/peer");
}
