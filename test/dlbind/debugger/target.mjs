// A process to be debugged and profiled: takes commands as lines of JSON, answers each with a line of JSON.
import { createInterface } from "node:readline";
import { assemble } from "bindery/asm";
import { dlsym, frameInstructions, LiveObject, RTLD_DEFAULT } from "bindery/dlbind";
import koffi from "koffi";

const SHF_WRITE = 1;
const SHF_EXECINSTR = 4;
const objects = new Map();
const blocks = new Map();
const helper = !process.argv[2] ? undefined : koffi.load(process.argv[2], { global: true });
const native = {
  pause: helper?.func("void c_pause(void)"),
  caller: helper?.func("int c_caller(uintptr_t, uintptr_t, int, int)"),
};

function object(name) {
  const found = objects.get(name);
  if (found === undefined) throw new Error(`no object ${name}`);
  return found;
}

function resolver(lib) {
  return (name) => lib.symbol(name)?.address ?? dlsym(RTLD_DEFAULT, name);
}

function bindOptions({ unwind, ...options }) {
  if (!Array.isArray(unwind)) return unwind === undefined ? options : { ...options, unwind };
  const rules = frameInstructions();
  for (const [rule, ...args] of unwind) rules[rule](...args);
  return { ...options, unwind: { instructions: rules.finish() } };
}

const commands = {
  create(name, options = {}) {
    const lib = LiveObject.create(name, options);
    objects.set(name, lib);
    return { base: lib.base, path: lib.path };
  },
  delete(name) {
    object(name).delete();
    objects.delete(name);
  },
  /** Assembles a function, binds it. */
  define(name, fn, text, options = {}) {
    const lib = object(name);
    const guess = lib.alloc(
      assemble(text, lib.base + 0x100000n, { resolve: resolver(lib) }).length,
      SHF_EXECINSTR,
    );
    const code = assemble(text, guess.address, { resolve: resolver(lib) });
    guess.write(code);
    blocks.set(fn, guess);
    return lib.bind(fn, guess, bindOptions(options));
  },
  /** Stores other code of the same size where a function is, through a view taken before. */
  rewrite(name, fn, text) {
    const lib = object(name);
    const block = blocks.get(fn);
    const view = block.bytes;
    view.set(assemble(text, block.address, { resolve: resolver(lib) }));
    return view.length;
  },
  /** `prefix0`, `prefix1` …, each of which returns its number. */
  defineMany(name, prefix, from, count) {
    const lib = object(name);
    const addresses = [];
    for (let i = from; i < from + count; i++) {
      const block = lib.alloc(6, SHF_EXECINSTR);
      block.write(Uint8Array.of(0xb8, i, i >> 8, i >> 16, i >> 24, 0xc3));
      blocks.set(prefix + i, block);
      addresses.push(lib.bind(prefix + i, block));
    }
    return addresses;
  },
  /** The same one at a time, each published; answers once. */
  defineEach(name, prefix, from, count) {
    const addresses = [];
    for (let i = from; i < from + count; i++) {
      addresses.push(...commands.defineMany(name, prefix, i, 1));
      object(name).publish();
    }
    return addresses;
  },
  data(name, variable, value) {
    const block = object(name).alloc(8, SHF_WRITE);
    block.view.setInt32(0, value, true);
    blocks.set(variable, block);
    return object(name).bind(variable, block);
  },
  rebind(name, fn, to) {
    return object(name).rebind(fn, object(name).symbol(to).address);
  },
  alias(name, alias, fn) {
    return object(name).bind(alias, object(name).symbol(fn).address);
  },
  unbind(name, ...fns) {
    for (const fn of fns) object(name).unbind(fn);
  },
  free(...fns) {
    for (const fn of fns) {
      blocks.get(fn).free();
      blocks.delete(fn);
    }
  },
  publish(name) {
    object(name).publish();
  },
  address(name, symbol) {
    return object(name).symbol(symbol)?.address;
  },
  call(name, fn, ...args) {
    return object(name).call(`int ${fn}(${args.map(() => "int").join(",") || "void"})`, ...args);
  },
  callBack(name, outer, inner, a, b) {
    const lib = object(name);
    return native.caller(lib.symbol(outer).address, resolver(lib)(inner), a, b);
  },
  /** Calls again and again until that much of a processor's time is used. */
  spin(name, fn, milliseconds) {
    const run = object(name).function(`int ${fn}(int)`);
    for (const from = process.cpuUsage(); process.cpuUsage(from).user < milliseconds * 1000; ) run(1_000_000);
  },
  fileOffset(name, symbol) {
    return object(name).fileOffset(symbol);
  },
  pause() {
    native.pause();
  },
};

const toText = (_, value) => (typeof value === "bigint" ? `0x${value.toString(16)}` : value);
console.log(JSON.stringify({ pid: process.pid }));
for await (const line of createInterface({ input: process.stdin })) {
  try {
    const [command, ...args] = JSON.parse(line);
    console.log(JSON.stringify({ value: commands[command](...args) ?? null }, toText));
  } catch (error) {
    console.log(JSON.stringify({ error: error.stack }));
  }
}
