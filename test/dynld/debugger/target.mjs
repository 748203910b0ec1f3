// A process that debuggers are let loose on: loads, calls and unloads modules as lines of JSON say.
import { createInterface } from "node:readline";
import { ExportTable, NativeModule } from "bindery/dynld";

const modules = new Map();
const table = new ExportTable()
  .addLibrary("libc.so.6")
  .addLibrary("libstdc++.so.6")
  .addLibrary("libgcc_s.so.1");

const commands = {
  load(name, ...paths) {
    modules.set(name, NativeModule.open(paths, { name, table }));
    return null;
  },
  loadAs(name, options, ...paths) {
    const module = NativeModule.open(paths, { name, table, ...options });
    modules.set(name, module);
    return module.object.path;
  },
  fileOffset(name, symbol) {
    return Number(modules.get(name).object.fileOffset(symbol));
  },
  address(name, symbol) {
    return `0x${modules.get(name).address(symbol).toString(16)}`;
  },
  spin(name, prototype, milliseconds) {
    const call = modules.get(name).function(prototype);
    for (const from = process.cpuUsage(); process.cpuUsage(from).user < milliseconds * 1000; )
      call(1_000_000);
    return null;
  },
  call(name, prototype, ...args) {
    return modules.get(name).call(prototype, ...args);
  },
  reload(name, path) {
    modules.get(name).reload({ name: path, bytes: process.getBuiltinModule("node:fs").readFileSync(path) });
    return null;
  },
  unload(name) {
    modules.get(name).unload();
    return null;
  },
};

process.stdout.write(`{"pid":${process.pid}}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...args] = JSON.parse(line);
  let answer;
  try {
    answer = { value: commands[command](...args) };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
