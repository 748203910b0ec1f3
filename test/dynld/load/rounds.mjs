// Loads and unloads a module of all that modules have, round after round, and says what of it is left in the process.
import { readdirSync, readFileSync, writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { ExportTable, NativeModule } from "bindery/dynld";
import koffi from "koffi";
import { dlsym, linkMaps, RTLD_DEFAULT } from "../../../dist/host/dl.js";

const [path, typedPath, count] = process.argv.slice(2);
const plain = { name: path, bytes: readFileSync(path) };
const typed = { name: typedPath, bytes: readFileSync(typedPath) };
const lines = [];
const table = new ExportTable()
  .addLibrary("libstdc++.so.6")
  .addLibrary("libgcc_s.so.1")
  .addLibrary("libc.so.6")
  .addFunction("void log_line(const char *text)", (text) => lines.push(text));
for (let i = 0; i < 10; i++) table.addFunction(`int host${i}(int)`, (n) => n + i);

/** One round in ten is with debug information, typed calls and a thread: they take most of the time. */
function round(isTyped) {
  lines.length = 0;
  const module = NativeModule.load(isTyped ? typed : plain, { name: "round", table, global: true });
  const call = (name, n) => (isTyped ? module.fn[name](n) : module.call(`int ${name}(int)`, n));
  const said = [call("called", 1), call("thrown", 3), call("counted", isTyped ? 1 : 0)];
  said.push(dlsym(module.object.handle, "called") === module.address("called"));
  module.unload();
  said.push(dlsym(RTLD_DEFAULT, "called"), ...lines);
  const expected = `55,3,${isTyped ? 41 : 21},true,,made,unwound,unwound,unwound,unwound,ended,gone`;
  if (said.join() !== expected) throw new Error(said.join());
}

const ofProcess = (name) => readFileSync(`/proc/self/${name}`, "utf8");

/** Mappings of files and of code, whole: the others are the heaps of JavaScript and of the C library. */
const isLasting = (line) => /^\S+ ..x/.test(line) || (line.includes("/") && !line.includes("[heap]"));

const threads = () => readdirSync("/proc/self/task").length;

const state = () => ({
  mappings: ofProcess("maps").split("\n").filter(isLasting),
  objects: linkMaps().map(({ name }) => name),
  threads: threads(),
  descriptors: readdirSync("/proc/self/fd").length,
});

const sizes = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split(" ");
koffi.struct("mallinfo2", Object.fromEntries(sizes.map((name) => [name, "size_t"])));
const mallinfo = koffi.load(null).func("mallinfo2 mallinfo2(void)");

/** KiB that are resident, that JavaScript has, and that the C library has given out. */
function memory() {
  const { uordblks, hblkhd } = mallinfo();
  const { rss, heapUsed } = process.memoryUsage();
  return { resident: rss / 1024, heap: heapUsed / 1024, malloc: (uordblks + hblkhd) / 1024 };
}

// Views that are ended are given back when the event loop turns.
const turn = () => new Promise((resolve) => setImmediate(resolve));
const samples = [];
let before;
for (let i = 1; i <= Number(count); i++) {
  round(i % 10 === 0);
  if (i % 10 === 0) await turn();
  if (i % 50 !== 0) continue;
  globalThis.gc();
  await turn();
  before ??= state();
  samples.push(memory());
}
// A thread that was joined may be on its way out yet.
for (let i = 0; i < 1000 && threads() > before.threads; i++) await setTimeout(10);
writeSync(1, JSON.stringify({ before, after: state(), samples }));
