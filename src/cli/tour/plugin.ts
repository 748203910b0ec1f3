/** Fourth stop: a plug-in straight from the compiler, called by its own types, replaced, refused, gone. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  ExportTable,
  type ModuleFile,
  NativeModule,
  type RecordView,
  snapshot,
  text,
} from "../../dynld/index.ts";
import { DynldError } from "../../errors.ts";
import { fact, heading, say, show } from "./print.ts";

/** As it lies beside `dist/cli`, where the command runs. */
const SOURCE = fileURLToPath(new URL("../../examples/plugin.c", import.meta.url));

/** Exports of the plug-in that are called here; `bindery dts plugin.o` declares them all. */
interface Plugin {
  readonly fn: {
    readonly watch: Typed<(limit: number, alarm: unknown) => void>;
    readonly take: Typed<(reading: Reading) => number>;
    readonly summarize: Typed<() => RecordView>;
  };
  readonly data: object;
}

type Typed<F> = F & { readonly declaration: string };

interface Reading {
  readonly sensor: string;
  readonly value: number;
}

/** The same in the plug-in's memory. */
interface SeenReading {
  readonly sensor: Int8Array;
  readonly value: number;
}

/** An edit of the source. */
interface Edit {
  readonly from: string;
  readonly to: string;
}

const TOLERANT: Edit = { from: "tolerance = 0;", to: "tolerance = 5;" };
const OTHER_STRUCTURE: Edit = { from: "  double value;\n", to: "  float value;\n  long when;\n" };

export function showPlugin(): void {
  heading("4. A plug-in");
  const scratch = mkdtempSync(join(tmpdir(), "bindery-tour-"));
  try {
    const source = readFileSync(SOURCE, "utf8");
    const first = compile(scratch, source);
    if (first === undefined) say("not shown: examples/plugin.c needs gcc, which is not installed");
    else play(first, ({ from, to }) => compile(scratch, source.replace(from, to)) ?? first);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function play(first: ModuleFile, edited: (edit: Edit) => ModuleFile): void {
  say(
    "examples/plugin.c is compiled with `gcc -c -g`, and the object loaded against a table of one function of ours:",
  );
  using table = new ExportTable();
  table.addFunction("void host_log(const char *line)", (line: string) => show(line));
  const plugin = NativeModule.load<Plugin>(first, { name: "plugin", table });
  try {
    fact("in the link map", plugin.object.path);
    say("\nIts functions are typed by its debug information:");
    for (const { declaration } of [plugin.fn.take, plugin.fn.summarize]) show(declaration);

    say("\nA structure goes in, a function of ours is called back, a structure comes out:");
    using alarm = plugin.type("alarm_function *").callback((reading: SeenReading, limit: number) => {
      show(`alarm: ${text(reading.sensor)} is at ${reading.value}, above ${limit}`);
    });
    plugin.fn.watch(70, alarm);
    for (const value of [68, 73]) plugin.fn.take({ sensor: "inlet", value });
    showSummary(plugin);

    say(`\nThe source is edited: ${TOLERANT.to} The new version takes over what the old one knew:`);
    plugin.reload(edited(TOLERANT), { state: { save: "save", restore: "restore" } });
    for (const value of [74, 76]) plugin.fn.take({ sensor: "inlet", value });
    showSummary(plugin);

    say("\nOne that was compiled with another struct reading is refused, and the version before stays:");
    showRefused(() => plugin.reload(edited(OTHER_STRUCTURE)));
    fact("readings", plugin.fn.take({ sensor: "outlet", value: 20 }));
  } finally {
    say("\nUnloaded:");
    plugin.unload();
  }
  const left = readFileSync("/proc/self/maps", "utf8").includes("bindery:plugin");
  fact("still mapped", left ? "yes" : "no");
}

function showSummary(plugin: NativeModule<Plugin>): void {
  const members = Object.entries(snapshot(plugin.fn.summarize()));
  fact("summarize()", members.map(([name, value]) => `${name} ${value}`).join(", "));
}

/** Shows why something is refused, a line for each step that the message takes. */
function showRefused(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof DynldError)) throw error;
    fact("refused", error.code);
    show(error.message.replaceAll(/, (?=new version)|: (?=struct )/g, "$&\n  "));
    return;
  }
  throw new Error("a version with another structure was loaded");
}

/** @returns `undefined` without a compiler */
function compile(scratch: string, source: string): ModuleFile | undefined {
  const name = join(scratch, "plugin.o");
  writeFileSync(join(scratch, "plugin.c"), source);
  try {
    execFileSync("gcc", ["-c", "-g", "plugin.c"], { cwd: scratch, stdio: "ignore" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return { name, bytes: readFileSync(name) };
}
