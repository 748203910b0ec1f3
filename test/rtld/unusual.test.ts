/** Programs that are started in unusual ways: with auditors, as scripts. /proc says what they have. */
import { chmodSync, readFileSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { followLinker, type LinkerEvent, ObservedProcess, RtldAgent } from "../../src/rtld/index.ts";
import { RtldWorkshop } from "./workshop.ts";

const OPENER = `
#include <dlfcn.h>
int main(void) {
  void *m = dlopen("libm.so.6", RTLD_NOW);
  if (m) dlclose(m);
  return 3;
}
`;

const AUDITOR = `
#define _GNU_SOURCE
#include <link.h>
unsigned la_version(unsigned version) { return version; }
unsigned la_objopen(struct link_map *map, Lmid_t space, uintptr_t *cookie) { return LA_FLG_BINDTO; }
`;

const workshop = new RtldWorkshop();
const programs = { opener: "", auditor: "", script: "" };
beforeAll(() => {
  programs.opener = workshop.compile("opener", OPENER);
  programs.auditor = workshop.compile("auditor.so", AUDITOR, "-shared", "-fPIC");
  programs.script = workshop.path("script");
  writeFileSync(programs.script, "#!/bin/sh\nexit 4\n");
  chmodSync(programs.script, 0o755);
});
afterAll(() => workshop.remove());

/** Follows a program to its end. @returns what it told, with the names of objects */
async function follow(
  program: string,
  env: NodeJS.ProcessEnv = {},
  each: (event: LinkerEvent) => void = () => {},
): Promise<string[]> {
  const lines: string[] = [];
  const target = workshop.spawn(program, [], { env: { ...process.env, ...env } });
  await followLinker(target, (event) => {
    const { added, removed, code, error } = event;
    const names = [
      ...added.map((one) => `+${one.lmIdent}:${basename(one.name)}`),
      ...removed.map((one) => `-${one.lmIdent}:${basename(one.name)}`),
    ];
    lines.push(
      [event.event, event.state, ...names, code, error?.message].filter((one) => one !== undefined).join(" "),
    );
    each(event);
  });
  return lines;
}

/** Files of which a process has mapped code. */
function mappedBy(pid: number): Set<string> {
  const lines = readFileSync(`/proc/${pid}/maps`, "utf8").split("\n");
  const found = lines.flatMap((line) => / r-xp .* (\/.*|\[vdso\])$/.exec(line)?.[1] ?? []);
  return new Set(found);
}

it("an auditor comes before what the program is linked with, which RD_PREINIT tells of", async () => {
  const sizes: number[] = [];
  const known = new Set<string>();
  const lines = await follow(programs.opener, { LD_AUDIT: programs.auditor }, (event) => {
    for (const { name } of event.added) known.add(name.startsWith("linux-") ? "[vdso]" : realpathSync(name));
    if (event.event !== "RD_PREINIT") return;
    expect(known).toEqual(mappedBy(event.pid));
    sizes.push(known.size);
  });
  expect(sizes).toEqual([5]);
  expect(lines).toEqual([
    "exec RD_NOSTATE",
    "RD_DLACTIVITY RD_ADD",
    "RD_DLACTIVITY RD_CONSISTENT +0:opener +0:ld-linux-x86-64.so.2 +0:linux-vdso.so.1 +1:auditor.so",
    "RD_DLACTIVITY RD_ADD",
    "RD_PREINIT RD_NOSTATE +0:libc.so.6",
    "RD_POSTINIT RD_NOSTATE",
    "RD_DLACTIVITY RD_ADD",
    "RD_DLACTIVITY RD_CONSISTENT +0:libm.so.6",
    "RD_DLACTIVITY RD_DELETE",
    "RD_DLACTIVITY RD_CONSISTENT -0:libm.so.6",
    "exit RD_NOSTATE 3",
  ]);
});

it("a script's program is its interpreter, also to who only looks", async () => {
  const names = new Set<string>();
  const lines = await follow(programs.script, {}, ({ event, pid, added }) => {
    if (event !== "RD_PREINIT") return;
    using seen = new ObservedProcess(pid);
    for (const list of [added, RtldAgent.new(seen).objects])
      names.add(list.find((one) => one.isProgram)?.name ?? "");
  });
  expect(lines.at(-1)).toBe("exit RD_NOSTATE 4");
  expect([...names]).toEqual([realpathSync("/bin/sh")]);
});

it("a library whose file was replaced since has no table where the new file has it", async () => {
  const source = "#include <unistd.h>\nint value(void) { return getpid() > 0; }\n";
  const library = workshop.compile("libvalue.so", source, "-shared", "-fPIC");
  const more = Array.from({ length: 300 }, (_, i) => `int f${i}(int x) { return x * ${i}; }`).join("\n");
  const other = workshop.compile("libother.so", `${more}\n${source}`, "-shared", "-fPIC");
  const main =
    '#include <stdio.h>\n#include <unistd.h>\nint value(void);\nint main(void) { puts("begins"); fflush(stdout); pause(); return value(); }';
  const link = ["-L.", "-lvalue", `-Wl,-rpath,${workshop.directory}`];
  const { pid } = await workshop.start(workshop.compile("user", main, ...link));
  const table = () => {
    using seen = new ObservedProcess(pid);
    const found = RtldAgent.new(seen).objects.find((one) => one.name === library);
    return (found?.pltBase ?? 0n) - (found?.bias ?? 0n);
  };
  const [, address = "0"] = / \.plt +PROGBITS +(\w+)/.exec(workshop.run("readelf", "-SW", library)) ?? [];
  expect(table()).toBe(BigInt(`0x${address}`));
  renameSync(other, library);
  using seen = new ObservedProcess(pid);
  expect(RtldAgent.new(seen).objects.find((one) => one.name === library)?.pltBase).toBe(0n);
});
