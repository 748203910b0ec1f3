/** What run-time linkers tell that have SDT probes, and that tell the same twice. */
import { renameSync } from "node:fs";
import { basename } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { followLinker, LiveProcess, RtldAgent } from "../../src/rtld/index.ts";
import { LOADER, LOADER_FLAGS, RETURNS } from "./loaders.ts";
import { RtldWorkshop } from "./workshop.ts";

const workshop = new RtldWorkshop();
const files = { program: "", loader: "" };
beforeAll(() => {
  files.loader = workshop.compile("loader.so", LOADER, ...LOADER_FLAGS);
  files.program = workshop.compile(
    "program",
    RETURNS,
    "-nostdlib",
    "-pie",
    "-Wl,-E",
    `-Wl,--dynamic-linker=${files.loader}`,
  );
});
afterAll(() => workshop.remove());

describe("a run-time linker with probes", () => {
  it("tells of relocation, too, and may tell the same twice", async () => {
    const told: string[] = [];
    await followLinker(workshop.spawn(files.program), ({ event, state, added, removed, code }) => {
      const names = [
        ...added.map(({ name }) => `+${basename(name)}`),
        ...removed.map(({ name }) => `-${basename(name)}`),
      ];
      told.push(
        [event, state === "RD_NOSTATE" ? "" : state, ...names, code ?? ""]
          .join(" ")
          .trim()
          .replace(/ +/g, " "),
      );
    });
    expect(told).toEqual([
      "exec",
      "RD_DLACTIVITY RD_ADD",
      "RD_PREINIT +program",
      "RD_POSTINIT",
      "RD_DLACTIVITY RD_ADD",
      "RD_DLACTIVITY RD_ADD",
      "RD_DLACTIVITY RD_CONSISTENT +first.so",
      "reloc_start",
      "reloc_complete",
      "RD_DLACTIVITY RD_ADD",
      "RD_DLACTIVITY RD_ADD",
      "RD_DLACTIVITY RD_CONSISTENT +second.so",
      "RD_DLACTIVITY RD_CONSISTENT",
      "reloc_start",
      "reloc_complete",
      "RD_DLACTIVITY RD_DELETE",
      "RD_DLACTIVITY RD_DELETE",
      "RD_DLACTIVITY RD_CONSISTENT -first.so",
      "exit 3",
    ]);
  });

  it("has them where readelf says", () => {
    const target = workshop.spawn(files.program);
    const agent = RtldAgent.new(new LiveProcess(target));
    const text = workshop.run("readelf", "-nW", files.loader);
    const said = [...text.matchAll(/Name: (\w+)\s+Location: 0x(\w+)/g)].map(
      ([, name, at]) => `${name} ${BigInt(`0x${at}`)}`,
    );
    const base = new LiveProcess(target).pauxv().get(7) ?? 0n;
    expect(said.length).toBe(7);
    expect(agent.probes.map(({ name, address }) => `${name} ${address - base}`)).toEqual(said);
  });

  it("has none where another file took its place", () => {
    const old = workshop.compile("old.so", LOADER, ...LOADER_FLAGS);
    const other = LOADER.replace("static void tell", "int more(int x) { return x * 7; }\nstatic void tell");
    const added = workshop.compile("new.so", other, ...LOADER_FLAGS);
    const link = ["-nostdlib", "-pie", "-Wl,-E", `-Wl,--dynamic-linker=${old}`];
    const agent = RtldAgent.new(
      new LiveProcess(workshop.spawn(workshop.compile("upgraded", RETURNS, ...link))),
    );
    expect(agent.probes.length).toBeGreaterThan(0);
    renameSync(added, old);
    expect(agent.probes).toEqual([]);
  });

  it("has none in glibc as Debian builds it", () => {
    const agent = RtldAgent.new(new LiveProcess(workshop.spawn("/bin/true")));
    const said = workshop.run("readelf", "-nW", "/lib64/ld-linux-x86-64.so.2");
    expect(agent.probes.length).toBe(said.split("stapsdt").length - 1);
  });
});
