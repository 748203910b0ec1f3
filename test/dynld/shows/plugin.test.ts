/** A plug-in in C as its author compiles it, `gcc -c -g`: examples/plugin.c, from load to unload. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { dladdr } from "../../../src/dlbind/index.ts";
import {
  type Callback,
  ExportTable,
  NativeModule,
  RecordView,
  snapshot,
  text,
} from "../../../src/dynld/index.ts";
import { DynldError } from "../../../src/errors.ts";
import { linkMaps } from "../../../src/host/dl.ts";
import { compile } from "../support/compile.ts";

const SOURCE = readFileSync(fileURLToPath(new URL("../../../examples/plugin.c", import.meta.url)), "utf8");
const HANDED_OVER = { state: { save: "save", restore: "restore" } };

/** The plug-in's exports, as `bindery dts` would declare them. */
interface Plugin {
  readonly fn: {
    watch(limit: number, alarm: Callback | null): void;
    take(reading: object): number;
    summarize(): RecordView;
  };
  readonly data: object;
}

/** Compiled after edits of the source. */
function edited(...edits: readonly (readonly [from: string, to: string])[]) {
  let source = SOURCE;
  for (const [from, to] of edits) {
    if (!source.includes(from)) throw new Error(`examples/plugin.c has no ${from}`);
    source = source.replace(from, to);
  }
  return compile(source, "gcc", ["-g"]);
}

/** The lines of the kernel's table that are the module's. */
function mappings(): string[] {
  return readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .filter((line) => line.includes("bindery:plugin"));
}

describe("a plug-in in C", () => {
  const lines: string[] = [];
  const alarms: unknown[] = [];
  const table = new ExportTable().addFunction("void host_log(const char *line)", (line: string) => {
    lines.push(line);
  });
  const load = () => NativeModule.load<Plugin>(edited(), { name: "plugin", table });
  const watch = (plugin: NativeModule<Plugin>, limit: number): Callback => {
    const alarm = plugin
      .type("alarm_function *")
      .callback(({ sensor, value }: { sensor: Int8Array; value: number }, above: number) => {
        alarms.push([text(sensor), value, above]);
      });
    plugin.fn.watch(limit, alarm);
    return alarm;
  };

  afterEach(() => {
    lines.length = 0;
    alarms.length = 0;
    expect(mappings()).toEqual([]);
  });

  it("takes structures, gives them, and calls back", () => {
    using plugin = load();
    using _alarm = watch(plugin, 70);
    expect(snapshot(plugin.fn.summarize())).toEqual({ count: 0, least: 0, greatest: 0, mean: 0 });
    expect(plugin.fn.take({ sensor: "inlet", value: 68 })).toBe(1);
    const reading = plugin.type("struct reading").create({ sensor: "fifteen letters", value: 73.5 });
    expect(reading).toBeInstanceOf(RecordView);
    expect(plugin.fn.take(reading as RecordView)).toBe(2);
    expect(alarms).toEqual([["fifteen letters", 73.5, 70]]);
    expect(snapshot(plugin.fn.summarize())).toEqual({ count: 2, least: 68, greatest: 73.5, mean: 70.75 });
    plugin.fn.watch(0, null);
    plugin.fn.take({ sensor: "inlet", value: 99 });
    expect(alarms).toHaveLength(1);
  });

  it("refuses what its functions do not take, by parameter and member", () => {
    using plugin = load();
    const take = plugin.fn.take as (...args: unknown[]) => unknown;
    expect(() => take()).toThrow("take: found 0 arguments, expected 1: reading");
    expect(() => take({ sensor: "inlet", value: "hot" })).toThrow(/take: parameter 1, reading: \.value/);
    expect(() => take({ sensor: "sixteen letters!", value: 1 })).not.toThrow();
    expect(() => take({ sensor: "seventeen letters", value: 1 })).toThrow(/reading: \.sensor/);
    expect(snapshot(plugin.fn.summarize())).toMatchObject({ count: 1 });
  });

  it("is replaced by what was edited and compiled since, which knows what it knew; the old code is gone", () => {
    using plugin = load();
    using _alarm = watch(plugin, 70);
    const { take, summarize } = plugin.fn;
    take({ sensor: "inlet", value: 72 });
    const [before, where] = [plugin.base, plugin.address("take") ?? 0n];
    expect(dladdr(where)?.symbol?.name).toBe("take");

    plugin.reload(edited(["tolerance = 0;", "tolerance = 5;"]), HANDED_OVER);
    expect(lines).toEqual(["plug-in: here", "plug-in: here", "plug-in: gone"]);
    expect([take({ sensor: "inlet", value: 75 }), take({ sensor: "inlet", value: 75.5 })]).toEqual([2, 3]);
    expect(alarms).toEqual([
      ["inlet", 72, 70],
      ["inlet", 75.5, 70],
    ]);
    expect(snapshot(summarize())).toMatchObject({ count: 3, least: 72, greatest: 75.5 });

    expect(plugin.base).not.toBe(before);
    expect(mappings().filter((line) => line.startsWith(before.toString(16)))).toEqual([]);
    expect(dladdr(where)).toBeUndefined();
    expect(linkMaps().filter(({ name }) => name.includes("plugin"))).toHaveLength(1);
  });

  it("refuses a version whose types have changed, says which member, runs nothing of it, and goes on", () => {
    using plugin = load();
    plugin.fn.take({ sensor: "inlet", value: 1 });
    const other = edited(["  double value;\n", "  float value;\n  long when;\n"]);
    expect(() => plugin.reload(other, HANDED_OVER)).toThrow(
      /signature mismatch: take: .*struct reading: expected double value at 16, found float value at 16$/,
    );
    const fewer = edited(["struct summary summarize(void)", "static struct summary summarize(void)"]);
    expect(() => plugin.reload(fewer)).toThrow("the new version does not export summarize");
    expect(lines).toEqual(["plug-in: here"]);
    expect(mappings().filter((line) => line.includes("r-xp"))).toHaveLength(1);
    expect(plugin.fn.take({ sensor: "inlet", value: 2 })).toBe(2);
  });

  it("is refused when the program's function is of another type", () => {
    const host = `void host_log(int line) { (void)line; }`;
    using owner = NativeModule.load(compile(host, "gcc", ["-g"]), { name: "host" });
    const offered = new ExportTable().addModule(owner);
    let refused: unknown;
    try {
      NativeModule.load(edited(), { name: "plugin", table: offered }).unload();
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(DynldError);
    expect(refused).toMatchObject({
      code: "DYNLD_SIGNATURE_MISMATCH",
      symbol: "host_log",
      message: expect.stringMatching(/module expects void \(const char \*\), program provides void \(int\)/),
    });
    owner.unload();
  });

  it("is not unloaded by what it calls back, and once unloaded is not called", () => {
    const plugin = load();
    const codes: unknown[] = [];
    using alarm = plugin.type("alarm_function *").callback(() => {
      try {
        plugin.unload();
      } catch (error) {
        codes.push(error instanceof DynldError ? error.code : error);
      }
    });
    plugin.fn.watch(70, alarm);
    const { take } = plugin.fn;
    expect(take({ sensor: "inlet", value: 71 })).toBe(1);
    expect(codes).toEqual(["DYNLD_IN_USE"]);
    plugin.unload();
    expect(lines.at(-1)).toBe("plug-in: gone");
    expect(() => take({ sensor: "inlet", value: 71 })).toThrow("the module was unloaded");
  });
});
