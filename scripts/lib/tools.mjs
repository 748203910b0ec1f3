/** The programs that the tests drive or compare with, and how to get them. */
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { release } from "node:os";
import { dirname, join } from "node:path";
import { root, run, succeeds, which } from "./run.mjs";

/**
 * One row a Debian package: the commands the tests call from it, the first package name that exists on this
 * system, and what the tests need it for. A command counts as there when it is in PATH and, where
 * `runs` is given, succeeds with those arguments.
 */
const TOOLS = [
  { commands: ["gcc"], packages: ["gcc"], why: "compiles helper libraries and programs" },
  { commands: ["g++"], packages: ["g++"], why: "C++ exceptions through generated frames" },
  { files: ["/usr/include/stdio.h"], packages: ["libc6-dev"], why: "C headers for the helpers" },
  { commands: ["rustc"], packages: ["rustc"], why: "plug-ins in Rust, and its types" },
  {
    files: ["/usr/include/zlib.h", "/usr/lib/x86_64-*/libz.a"],
    packages: ["zlib1g-dev"],
    why: "a library of objects, loaded as a module",
  },
  { commands: ["clang"], packages: ["clang"], why: "objects for machines that gcc here does not make" },
  { commands: ["ld.lld"], packages: ["lld"], why: "links those objects" },
  { commands: ["llvm-readelf", "llvm-dwarfdump"], packages: ["llvm"], why: "a reader to compare with" },
  {
    files: ["/usr/include/llvm-*/llvm/BinaryFormat/Dwarf.def"],
    packages: ["llvm-dev"],
    why: "LLVM's DWARF constants, to compare ours with",
  },
  { files: ["/usr/include/dwarf.h"], packages: ["libdw-dev"], why: "elfutils' DWARF constants, likewise" },
  {
    commands: ["gdb", "gcore"],
    packages: ["gdb"],
    why: "sees live objects: attached before and after; dumps processes",
  },
  {
    commands: ["musl-gcc"],
    packages: ["musl-tools"],
    why: "programs whose run-time linker is another one",
  },
  { commands: ["python3"], packages: ["python3"], why: "an XML parser, for drawings of address spaces" },
  { commands: ["gdbserver"], packages: ["gdbserver"], why: "controls programs for a remote debugger" },
  {
    files: ["/usr/lib32/Scrt1.o", "/usr/lib32/libc.so.6"],
    packages: ["libc6-dev-i386"],
    why: "32-bit programs and their run-time linker",
  },
  {
    commands: ["qemu-aarch64"],
    packages: ["qemu-user"],
    why: "runs programs of another machine, for a remote debugger",
  },
  {
    commands: ["aarch64-linux-gnu-ld"],
    packages: ["binutils-aarch64-linux-gnu"],
    why: "GNU ld's linkage tables of that machine",
  },
  {
    files: ["/usr/aarch64-linux-gnu/lib/Scrt1.o", "/usr/aarch64-linux-gnu/lib/libc.so.6"],
    packages: ["libc6-dev-arm64-cross"],
    why: "that machine's C library and run-time linker",
  },
  { commands: ["lldb"], packages: ["lldb"], why: "the same for the other debugger" },
  {
    commands: ["readelf", "objdump", "objcopy", "strip", "ar", "as", "ld"],
    packages: ["binutils"],
    why: "oracle for ELF and archives",
  },
  { commands: ["eu-readelf", "eu-elflint"], packages: ["elfutils"], why: "second oracle, and a checker" },
  {
    commands: ["debuginfod", "debuginfod-find"],
    packages: ["debuginfod"],
    why: "a server of debug files on the loopback, and the client that shares its cache with ours",
  },
  {
    commands: ["abidiff"],
    packages: ["abigail-tools"],
    why: "says which changes of sources change their ABI",
  },
  { commands: ["dwz"], packages: ["dwz"], why: "debug files that share a supplementary file" },
  {
    commands: ["perf"],
    runs: ["--version"],
    packages: ["linux-perf", `linux-tools-${release()}`, "linux-tools-generic"],
    why: "names of generated code in profiles",
  },
  { commands: ["xz"], packages: ["xz-utils"], why: "makes compressed inputs" },
  { commands: ["zstd"], packages: ["zstd"], why: "makes compressed inputs" },
];

/** Where programs that a distribution hides from PATH are linked; part of the tests' PATH. */
const LINKS = join(root, ".cache/bin");

/** PATH for the tests: as it is, and before it the links of {@link findHiddenPerf}. */
export const testPath = `${LINKS}:${process.env.PATH ?? ""}`;

/** A `*` stands for one directory's name of any version. */
function fileExists(file) {
  const [before, after] = file.split("*");
  if (after === undefined) return existsSync(file);
  const parent = dirname(before);
  if (!existsSync(parent)) return false;
  return readdirSync(parent).some(
    (entry) => existsSync(join(parent, entry, after)) && `${parent}/${entry}`.startsWith(before),
  );
}

function present(tool) {
  const commands = tool.commands ?? [];
  const files = tool.files ?? [];
  return (
    files.every(fileExists) &&
    commands.every((command) => {
      const path = which(command, testPath);
      return path !== undefined && (tool.runs === undefined || succeeds(path, tool.runs));
    })
  );
}

/** What is not there. */
function missingOf(tools) {
  return tools.filter((tool) => !present(tool));
}

/**
 * Ubuntu's /usr/bin/perf is a script that refuses to start a perf of another kernel than the running one,
 * which is the normal case in a container. Any perf will do here, so an installed one is linked directly.
 */
function findHiddenPerf() {
  const folder = "/usr/lib/linux-tools";
  try {
    for (const version of readdirSync(folder)) {
      const perf = join(folder, version, "perf");
      if (!succeeds(perf, ["--version"])) continue;
      mkdirSync(LINKS, { recursive: true });
      rmSync(join(LINKS, "perf"), { force: true });
      symlinkSync(perf, join(LINKS, "perf"));
      return;
    }
  } catch {
    // No such folder: not an Ubuntu, or linux-tools is not installed.
  }
}

/** The first of a tool's package names that apt can install here, else the first. */
function packageFor(tool) {
  const known = tool.packages.find((name) => succeeds("sh", ["-c", `apt-cache show ${name} | grep -q .`]));
  return known ?? tool.packages[0];
}

/** The start of an apt command line that may be run without asking anybody, or undefined. */
function aptPrefix() {
  if (which("apt-get") === undefined) return undefined;
  const env = ["env", "DEBIAN_FRONTEND=noninteractive"];
  if (process.getuid?.() === 0) return env;
  return which("sudo") !== undefined && succeeds("sudo", ["-n", "true"]) ? ["sudo", "-n", ...env] : undefined;
}

/**
 * Installs what is missing through apt where that needs no password. Gives true when everything is there;
 * otherwise has printed what to do, and why.
 *
 * @param tools rows as those of the tests, which they are if none are given
 * @param who needs them, as a sentence begins
 */
export function ensureTools(tools = TOOLS, who = "The tests") {
  findHiddenPerf();
  if (missingOf(tools).length === 0) return true;
  const apt = aptPrefix();
  if (apt !== undefined) {
    const [command, ...args] = apt;
    const quiet = ["-qq", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120", "-y"];
    run(command, [...args, "apt-get", ...quiet, "update"]);
    const packages = missingOf(tools).map(packageFor);
    console.log(`installing ${packages.join(" ")}`);
    run(command, [...args, "apt-get", ...quiet, "install", "--no-install-recommends", ...packages]);
    findHiddenPerf();
  }
  const missing = missingOf(tools);
  if (missing.length === 0) return true;
  for (const { commands, files, why } of missing) {
    console.error(`missing: ${[...(commands ?? []), ...(files ?? [])].join(", ")} (${why})`);
  }
  const packages = missing.map(packageFor).join(" ");
  console.error(`${who} need this. Run this line, then the same again:`);
  console.error(`  sudo apt-get update && sudo apt-get install -y ${packages}`);
  return false;
}
