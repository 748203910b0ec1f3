/** What reading link maps costs the process's debugger, and what it finds of relocations. */
import { execFileSync } from "node:child_process";
import { basename } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LiveProcess, ObservedProcess, RtldAgent } from "../../src/rtld/index.ts";
import { RtldWorkshop } from "./workshop.ts";

const COUNT = 60;
const PROGRAM = `
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  for (int i = 0; i < ${COUNT}; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/lib%d.so", argv[1], i);
    if (dlopen(path, RTLD_NOW) == 0) return 1;
  }
  return 0;
}
`;

/** Counts what is read. */
class CountingProcess extends LiveProcess {
  reads = 0;
  bytes = 0;

  override pread(address: bigint, length: number): Uint8Array | undefined {
    this.reads++;
    this.bytes += length;
    return super.pread(address, length);
  }
}

const workshop = new RtldWorkshop();
let program = "";
beforeAll(() => {
  program = workshop.compile("program", PROGRAM);
  const library = workshop.compile("lib0.so", "int x;", "-shared", "-fPIC");
  for (let i = 1; i < COUNT; i++) execFileSync("cp", [library, workshop.path(`lib${i}.so`)]);
});
afterAll(() => workshop.remove());

describe("reading link maps", () => {
  it("takes as much for the last library that was opened as for the first", async () => {
    const target = workshop.spawn(program, [workshop.directory]);
    const service = new CountingProcess(target);
    const agent = RtldAgent.new(service);
    const notify = agent.eventAddr("RD_DLACTIVITY");
    if (notify.type === "RD_NOTIFY_BPT") target.insertBreakpoint(notify.bptaddr);
    const opened: { readonly name: string; readonly reads: number; readonly bytes: number }[] = [];
    target.continue();
    for (;;) {
      const event = await target.next();
      if (event.kind === "exit") break;
      if (event.kind !== "breakpoint") continue;
      service.lwp = event.tid;
      service.reads = 0;
      service.bytes = 0;
      const { added } = agent.eventChange();
      const [one] = added;
      if (added.length === 1 && one !== undefined) {
        opened.push({ name: basename(one.name), reads: service.reads, bytes: service.bytes });
      }
      target.continue(event.tid);
    }
    expect(opened.map(({ name }) => name)).toEqual(Array.from({ length: COUNT }, (_, i) => `lib${i}.so`));
    // r_debug, the last link map's successor, and one or two pages of the new one and its name.
    for (const { reads, bytes } of opened) {
      expect(reads).toBeLessThanOrEqual(5);
      expect(bytes).toBeLessThan(4 * 4096);
    }
  });

  it("of all of them takes fewer questions than there are objects", () => {
    const service = new (class extends ObservedProcess {
      reads = 0;
      override pread(address: bigint, length: number): Uint8Array | undefined {
        this.reads++;
        return super.pread(address, length);
      }
    })(process.pid);
    try {
      const agent = RtldAgent.new(service);
      service.reads = 0;
      const { length } = agent.objects;
      expect(length).toBeGreaterThan(8);
      expect(service.reads).toBeLessThan(2 * length);
    } finally {
      service.close();
    }
  });

  it("counts relocations as readelf lists them", () => {
    using own = ObservedProcess.own();
    const objects = RtldAgent.new(own).objects.filter(
      ({ name, flags }) => flags === 0 && name.startsWith("/"),
    );
    for (const { name, relocationCount } of objects) {
      const listed = execFileSync("readelf", ["-Wr", name], { encoding: "utf8", maxBuffer: 2 ** 28 });
      expect({ name, count: relocationCount }).toEqual({
        name,
        count: listed.match(/^[0-9a-f]{8,}/gm)?.length ?? 0,
      });
    }
    expect(objects.length).toBeGreaterThan(5);
  });
});
