/** Objects of rustc: `#[no_mangle] extern "C"` functions, and of the part of its library that they need. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { compile, pathOf, tool } from "../support/compile.ts";

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

  it("with all of the standard library runs: collections, panics that are caught, threads", () => {
    const path = pathOf("with_std.rs");
    writeFileSync(
      path,
      `use std::{cell::RefCell, collections::BTreeMap};
       thread_local! { static KEPT: RefCell<Vec<u32>> = RefCell::new(Vec::new()); }
       #[no_mangle] pub extern "C" fn keep(n: u32) -> usize {
         KEPT.with(|kept| { kept.borrow_mut().push(n); kept.borrow().len() })
       }
       #[no_mangle] pub extern "C" fn total(n: u32) -> u64 {
         let mut map = BTreeMap::new();
         for i in 0..n { map.insert(i % 7, i as u64); }
         map.values().sum::<u64>() + format!("{}", n).len() as u64
       }
       #[no_mangle] pub extern "C" fn caught(n: usize) -> i32 {
         std::panic::set_hook(Box::new(|_| {}));
         std::panic::catch_unwind(|| { let v = vec![1, 2, 3]; v[n] }).unwrap_or(-1)
       }
       #[no_mangle] pub extern "C" fn threads() -> i32 {
         (0..4).map(|i| std::thread::spawn(move || i * 10)).map(|t| t.join().unwrap()).sum()
       }`,
    );
    const [object, archive] = [pathOf("with_std.o"), pathOf("libwith_std.a")];
    tool("rustc", "--emit=obj", "--crate-type=lib", "-g", "-o", object, path);
    tool("rustc", "--crate-type=staticlib", "-g", "-o", archive, path);
    const table = new ExportTable();
    for (const library of ["libc.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"]) table.addLibrary(library);
    const module = NativeModule.open([object, archive], { name: "with_std", table });
    expect(Number(module.call("uint64_t total(uint32_t)", 100))).toBe(675);
    expect(module.call("int caught(size_t)", 1)).toBe(2);
    expect(module.call("int caught(size_t)", 7)).toBe(-1);
    expect(module.call("int threads(void)")).toBe(60);
    expect(Number(module.call("size_t keep(uint32_t)", 5))).toBe(1);
    module.unload();
    expect(readFileSync("/proc/self/maps", "utf8")).not.toContain("bindery:with_std");
  });
});
