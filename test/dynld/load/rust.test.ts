/** Objects of rustc: `#[no_mangle] extern "C"` functions, and of the part of its library that they need. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { compile, tool } from "../support/compile.ts";

/** The part of Rust's library that needs no operating system, as an archive. */
const libraries = tool("rustc", "--print", "target-libdir").trim();
const name = readdirSync(libraries).find((file) => /^libcore-.*\.rlib$/.test(file)) ?? "";
const core = { name, bytes: readFileSync(join(libraries, name)) };

describe("a Rust object", () => {
  it.each([
    ["-O", "-Cpanic=abort"],
    ["-Copt-level=0", "-Cpanic=abort", "-g"],
    ["-O", "-Cpanic=abort", "-Ccode-model=large", "-Crelocation-model=pic"],
  ])("without the standard library runs: %s %s", (...flags) => {
    const source = `#![no_std]
      #[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
      extern "C" { fn host_note(value: i32) -> i32; }
      static NAMES: [&str; 3] = ["zero", "one", "three"];
      static mut COUNT: i32 = 0;
      #[no_mangle] pub extern "C" fn name_length(i: usize) -> usize { NAMES.iter().nth(i).map_or(99, |n| n.len()) }
      #[no_mangle] pub unsafe extern "C" fn count(step: i32) -> i32 { COUNT += host_note(step); COUNT }`;
    const table = new ExportTable()
      .addFunction("int host_note(int)", (value: number) => value * 2)
      .addFunction("void rust_eh_personality(void)", () => {})
      .addLibrary("libgcc_s.so.1")
      .addLibrary("libc.so.6");
    using module = NativeModule.load([compile(source, "rustc", flags), core], { name: "rusty", table });
    expect(module.call("int count(int)", 5)).toBe(10);
    expect(module.call("int count(int)", 1)).toBe(12);
    expect([0, 1, 2, 3].map((i) => Number(module.call("size_t name_length(size_t)", i)))).toEqual([
      4, 3, 5, 99,
    ]);
  });
});
