/**
 * `npm run test:remote [-- vitest arguments]`: programs of machines with another order of bytes, of 32 bits, or with two kinds
 * of instructions, each with its C library, under qemu. What they need is installed first.
 */
import { join } from "node:path";
import { ensureInstalled, requireNode } from "./lib/prepare.mjs";
import { root, run } from "./lib/run.mjs";
import { ensureTools, testPath } from "./lib/tools.mjs";

const why = "programs of other machines";
/** As the tools of all tests, for these. */
const TOOLS = [
  { commands: ["qemu-s390x", "qemu-ppc", "qemu-arm", "qemu-riscv64"], packages: ["qemu-user"], why },
  { commands: ["s390x-linux-gnu-ld"], packages: ["binutils-s390x-linux-gnu"], why },
  { files: ["/usr/s390x-linux-gnu/lib/Scrt1.o"], packages: ["libc6-dev-s390x-cross"], why },
  { commands: ["powerpc-linux-gnu-ld"], packages: ["binutils-powerpc-linux-gnu"], why },
  { files: ["/usr/powerpc-linux-gnu/lib/Scrt1.o"], packages: ["libc6-dev-powerpc-cross"], why },
  { commands: ["riscv64-linux-gnu-ld"], packages: ["binutils-riscv64-linux-gnu"], why },
  { files: ["/usr/riscv64-linux-gnu/lib/Scrt1.o"], packages: ["libc6-dev-riscv64-cross"], why },
  { files: ["/usr/arm-linux-gnueabihf/lib/Scrt1.o"], packages: ["libc6-dev-armhf-cross"], why },
];

requireNode();
ensureInstalled();
if (!ensureTools() || !ensureTools(TOOLS, "These tests")) process.exit(1);
const vitest = join(root, "node_modules/vitest/vitest.mjs");
const args = ["run", "--config", "vitest.files.config.ts", "test/remote/", ...process.argv.slice(2)];
process.exitCode = run(process.execPath, [vitest, ...args], { env: { ...process.env, PATH: testPath } });
