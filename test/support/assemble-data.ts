/** Objects of literal data, for any machine: assembled for this one, and labelled as the other's. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { EM } from "../../src/elf/constants/machine.ts";

const E_MACHINE = 18;
const directory = mkdtempSync(join(tmpdir(), "bindery-data-"));
afterAll(() => rmSync(directory, { recursive: true }));

/**
 * Assembles `source`, which holds data only, into an object that says it is for `machine`.
 *
 * @returns its path, in a directory that goes away with the test file that asks
 */
export function assembleData(name: string, source: string, machine: number = EM.EM_X86_64): string {
  const path = join(directory, name);
  execFileSync("as", ["-o", path], { input: source });
  const bytes = readFileSync(path);
  bytes.writeUInt16LE(machine, E_MACHINE);
  writeFileSync(path, bytes);
  return path;
}
