/** Who asks for libraries, against what the run-time linker says of it with LD_DEBUG=files. */
import { execFileSync } from "node:child_process";
import { basename } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { followLinker } from "../../src/rtld/index.ts";
import { RtldWorkshop } from "./workshop.ts";

/** Opens a plug-in by itself, by a library, by a plug-in, in another namespace; and has the C library open one. */
const PROGRAM = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <iconv.h>
void *help(const char *name);
int main(int argc, char **argv) {
  void *outer = dlopen(argv[1], RTLD_NOW);
  void *(*open_it)(const char *) = (void *(*)(const char *))dlsym(outer, "open_it");
  open_it("libm.so.6");
  dlclose(help(argv[2]));
  dlmopen(LM_ID_NEWLM, argv[2], RTLD_LAZY);
  return iconv_open("UTF-8", "EUC-JP") == (iconv_t)-1;
}
`;
/** Its call is the last that is executed of its function. */
const HELPER = `
#include <dlfcn.h>
void *help(const char *name) { return dlopen(name, RTLD_NOW); }
`;
const OUTER = `
#include <dlfcn.h>
void *open_it(const char *name) { void *volatile h = dlopen(name, RTLD_NOW); return h; }
`;

const workshop = new RtldWorkshop();
const files = { program: "", outer: "", plugin: "" };
beforeAll(() => {
  workshop.compile("libhelper.so", HELPER, "-shared", "-fPIC", "-O0");
  files.outer = workshop.compile("outer.so", OUTER, "-shared", "-fPIC", "-fomit-frame-pointer");
  files.plugin = workshop.compile("plugin.so", "int plugin;", "-shared", "-fPIC");
  files.program = workshop.compile("program", PROGRAM, "-L.", "-lhelper", `-Wl,-rpath,${workshop.directory}`);
});
afterAll(() => workshop.remove());

describe("who asks for libraries", () => {
  it("is what the run-time linker itself takes for its caller", async () => {
    const target = workshop.spawn(files.program, [files.outer, files.plugin]);
    const asked: string[] = [];
    const dropped: string[] = [];
    let code: number | undefined;
    await followLinker(target, (event) => {
      code = event.code;
      const by = basename(event.by?.name ?? "");
      if (event.event !== "RD_DLACTIVITY") expect(event.by).toBeUndefined();
      if (event.state !== "RD_CONSISTENT") return;
      asked.push(...event.added.slice(0, 1).map(({ name }) => `${basename(name)} by ${by}`));
      dropped.push(...event.removed.map(({ name }) => `${basename(name)} by ${by}`));
    });
    expect(code).toBe(0);
    const debug = execFileSync(
      "sh",
      ["-c", 'LD_DEBUG=files "$@" 2>&1', "sh", files.program, files.outer, files.plugin],
      {
        encoding: "utf8",
      },
    );
    const said = [...debug.matchAll(/file=(\S+) \[\d+\];\s+dynamically loaded by (\S+) \[\d+\]/g)];
    const told = said.map(([, name = "", by = ""]) => `${basename(name)} by ${basename(by)}`);
    // Of what goes to another namespace it says no caller.
    expect(asked.filter((one) => one !== "plugin.so by program")).toEqual(told);
    expect(asked).toEqual([
      "outer.so by program",
      "libm.so.6 by outer.so",
      "plugin.so by libhelper.so",
      "plugin.so by program",
      "EUC-JP.so by libc.so.6",
    ]);
    // The helper only opens; the program closes.
    expect(dropped[0]).toBe("plugin.so by program");
  });
});
