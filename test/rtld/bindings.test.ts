/** Which functions calls are bound to, against what the run-time linker says of it with LD_DEBUG=bindings. */
import { execFileSync } from "node:child_process";
import { basename } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BindingEvent, followLinker } from "../../src/rtld/index.ts";
import { RtldWorkshop } from "./workshop.ts";

/** Calls functions of the C library and of plug-ins, some of them from several threads at once. */
const PROGRAM = `
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
int linked(int);
static void *work(void *x) { return (void *)(long)(atoi("1") + labs(2) + getpid()); }
int main(int argc, char **argv) {
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(threads + i, 0, work, 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
  void *h = dlopen(argv[1], RTLD_LAZY);
  int (*plugin)(int) = (int (*)(int))dlsym(h, "plugin");
  return plugin(linked(3)) + plugin(3);
}
`;
const LINKED = "#include <stdlib.h>\nint linked(int x) { return abs(x); }\nint other(int x) { return x; }";
const PLUGIN =
  '#include <stdlib.h>\nint linked(int);\nint plugin(int x) { return linked(x) + atoi(getenv("PATH") ? "1" : "2"); }';
const SYMBOLS = /^(atoi|labs|abs|getpid|getenv|linked|pthread_(create|join)|dlopen|dlsym)$/;

const workshop = new RtldWorkshop();
const files: Record<string, string> = {};
beforeAll(() => {
  const flags = ["-fno-builtin", "-fPIC"];
  workshop.compile("liblinked.so", LINKED, "-shared", ...flags);
  const link = ["-L.", "-llinked", `-Wl,-rpath,${workshop.directory}`, ...flags];
  for (const kind of ["lazy", "now"]) {
    files[kind] = workshop.compile(kind, PROGRAM, ...link, `-Wl,-z,${kind}`);
    files[`plugin-${kind}`] = workshop.compile(
      `plugin-${kind}.so`,
      PLUGIN,
      "-shared",
      ...link,
      `-Wl,-z,${kind}`,
    );
  }
  files["plugin-noplt"] = workshop.compile("plugin-noplt.so", PLUGIN, "-shared", "-fno-plt", ...link);
});
afterAll(() => workshop.remove());

async function told(program: string, plugin: string): Promise<BindingEvent[]> {
  const target = workshop.spawn(program, [plugin]);
  const events: BindingEvent[] = [];
  let code: number | undefined;
  const bindings = { symbols: SYMBOLS, listener: (event: BindingEvent) => events.push(event) };
  await followLinker(
    target,
    (event) => {
      code = event.code;
    },
    { bindings },
  );
  expect(code).toBe(8);
  return events;
}

/** `FROM SYMBOL TO` of bindings between the program, its library, the plug-in and the C library. */
function said(program: string, plugin: string): string[] {
  const text = execFileSync("sh", ["-c", 'LD_DEBUG=bindings "$@" 2>&1; true', "sh", program, plugin], {
    encoding: "utf8",
  });
  const all = [...text.matchAll(/binding file (\S+) \[0\] to (\S+) \[0\]: normal symbol `(\w+)'/g)];
  return all
    .filter(([, , , symbol = ""]) => SYMBOLS.test(symbol))
    .map(([, from = "", to = "", symbol = ""]) => `${basename(from)} ${symbol} ${basename(to)}`);
}

const line = ({ from, symbol, to }: BindingEvent) =>
  `${basename(from.name)} ${symbol} ${basename(to?.name ?? "")}`;
/** Bindings of the C library's own calls, and those that a look-up by name makes. */
const isTheirs = (one: string) => !one.startsWith("libc.so.6");

describe("bindings", () => {
  for (const [program, plugin] of [
    ["lazy", "plugin-now"],
    ["now", "plugin-lazy"],
    ["lazy", "plugin-noplt"],
  ] as const) {
    it(`of a program that is bound ${program}, with ${plugin}, are those that the run-time linker makes`, async () => {
      const events = await told(files[program] ?? "", files[plugin] ?? "");
      const expected = new Set(said(files[program] ?? "", files[plugin] ?? "").filter(isTheirs));
      expect(expected.size).toBeGreaterThan(8);
      expect(new Set(events.map(line).filter(isTheirs))).toEqual(expected);
      const lazy = new Set(events.filter((one) => one.isLazy).map(({ from }) => basename(from.name)));
      expect(lazy.has(program)).toBe(program === "lazy");
      expect(lazy.has(`${plugin}.so`)).toBe(plugin === "plugin-lazy");
    });
  }
});
