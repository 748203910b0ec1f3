/** The tour, as `npm start` runs it at its end. */
import { expect, test } from "vitest";
import { bindery } from "./run.ts";

test("shows libc as a file, a live object called through the loader, and gdb's own backtrace through it", () => {
  const { stdout, stderr, status } = bindery(["tour"]);
  expect([status, stderr]).toEqual([0, ""]);
  const address = (label: string): string | undefined =>
    new RegExp(`${label} +(0x[0-9a-f]+)$`, "m").exec(stdout)?.[1];
  expect(address("\\+ where it is mapped")).toBe(address("= what dlsym says"));
  expect(stdout).toMatch(/dladdr of its 5th byte +sort_numbers at 0x/);
  expect(stdout).toMatch(/mov eax, dword ptr \[rdi\]/);
  expect(stdout).toMatch(/after +-3 0 6 7 12 42 85 1999$/m);
  // gdb: stopped in the one function, called by libc, called by the other one, called by the FFI library.
  expect(stdout).toMatch(
    /#0 .* in compare_numbers \(\)[\s\S]*qsort[\s\S]* in sort_numbers \(\)[\s\S]*koffi\.node/,
  );
});
