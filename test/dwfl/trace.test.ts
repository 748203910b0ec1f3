/** Lines of real backtraces, as kernels, glibc, gdb and coredumpctl write them, and what they refer to. */
import { describe, expect, it } from "vitest";
import { traceReferences } from "../../src/dwfl/symbolize/trace.ts";

/** `symbol+offset/size [module]`, with `<` where the place is what a call returns to. */
function shown(line: string): string[] {
  return traceReferences(line).map((one) => {
    const back = one.isReturn ? "<" : "";
    switch (one.kind) {
      case "kernel":
        return `${back}${one.symbol}+${one.offset}/${one.size}${one.module === undefined ? "" : ` [${one.module}]`}`;
      case "address":
        return `${back}${one.address.toString(16)}`;
      case "program":
        return `${back}${one.file}(${one.symbol ?? ""}+${one.offset ?? "?"})@${one.address.toString(16)}`;
      case "mapped":
        return `${back}${one.file}+${one.offset}`;
      default:
        return `${back}${one.file}:${one.symbol}@${one.address.toString(16)}`;
    }
  });
}

describe("traceReferences", () => {
  it.each([
    ["[   12.345683]  ? xfs_iget+0xb7/0x150 [xfs]", ["<xfs_iget+183/336 [xfs]"]],
    ["[   12.345680] RIP: 0010:xfs_log_force+0x32/0x1e0 [xfs]", ["xfs_log_force+50/480 [xfs]"]],
    ["RIP: 0010:[<ffffffff811e4b35>]  [<ffffffff811e4b35>] ksys_write+0x6f/0xf0", ["ksys_write+111/240"]],
    ["EIP: do_page_fault+0x1a/0x4b0", ["do_page_fault+26/1200"]],
    [" [<ffffffff81234567>] do_one_initcall+0x4/0x200", ["<do_one_initcall+4/512"]],
    ["[  1.5]  [<ffffffff81234567>]", ["<ffffffff81234567"]],
    ["pc : el1_abort+0x14/0x5c", ["el1_abort+20/92"]],
    ["lr : el1_abort+0x24/0x5c", ["<el1_abort+36/92"]],
    ["PC is at do_undefinstr+0x20/0x28", ["do_undefinstr+32/40"]],
    ["LR is at handle_irq+0x20/0x28", ["<handle_irq+32/40"]],
    ["NIP [c000000000012345] .show_regs+0x8/0x10", ["show_regs+8/16"]],
    ["[c0000001] [c0000002] kernel_clone+0xa4/0x4c0 (unreliable)", ["<kernel_clone+164/1216"]],
    ["epc : riscv_fault+0x10/0x20", ["riscv_fault+16/32"]],
    ["WARNING: CPU: 1 PID: 7 at fs/inode.c:12 drop_nlink+0x3f/0x60", ["drop_nlink+63/96"]],
    [
      "BUG: KASAN: use-after-free in kfree_skb.part.0+0x1f/0x30 [my-mod 0123abcd]",
      ["<kfree_skb.part.0+31/48 [my-mod]"],
    ],
    ["calling  init_module+0x0/0x1000 [x] @ 33", ["init_module+0/4096 [x]"]],
    ["./prog(func+0x12) [0x55d0c0de1139]", ["<./prog(func+18)@55d0c0de1139"]],
    ["/usr/lib/libfoo.so.1(+0x1139)[0x7f00c0de1139]", ["</usr/lib/libfoo.so.1(+4409)@7f00c0de1139"]],
    ["./prog() [0x401136]", ["<./prog(+?)@401136"]],
    ["./prog[0x401136]", ["<./prog(+?)@401136"]],
    ["                #0  0x00007f3c9ec8fe2c n/a (libc.so.6 + 0x8fe2c)", ["libc.so.6+589356"]],
    ["                #1  0x00007f3c9ec40f12 raise (libc.so.6 + 0x40f12)", ["<libc.so.6+266002"]],
    ["#1  0x00007ffff7e0d537 in abort () from /lib/libc.so.6", ["</lib/libc.so.6:abort@7ffff7e0d537"]],
    ["#0  0x00007ffff7e0d537 in f (x=1) from ./lib.so", ["./lib.so:f@7ffff7e0d537"]],
    ["[    0.000000] Linux version 6.12.117 (gcc (Debian 12.2.0) 12.2.0) #1 SMP", []],
    ["Code: 48 8b 05 <0f> 0b 48 89", []],
    ["CR2: 0000000000000008 CR3: 000000010a5c2000", []],
    ["", []],
  ])("%s", (line, expected) => {
    expect(shown(line)).toEqual(expected);
  });

  it("takes no time for lines that are no trace, however long", () => {
    for (const piece of ["/a", "a(", "f+0x", "[<", "# 1 ", " + 0x", "0x1 in ("]) {
      expect(
        traceReferences(piece.repeat(1000)).length + traceReferences(piece.repeat(1_000_000)).length,
      ).toBe(0);
    }
  });
});
