// Unloads a module by force while a call of it is on the stack, says what is left, and ends without returning into it.
import { readFileSync, writeSync } from "node:fs";
import { ExportTable, NativeModule } from "bindery/dynld";

const [path] = process.argv.slice(2);
const table = new ExportTable().addFunction("void back(void)", () => {
  const said = [];
  for (const act of [() => module.unload(), () => module.reload({ name: path, bytes: readFileSync(path) })]) {
    try {
      act();
    } catch (error) {
      said.push(error.code);
    }
  }
  const mapped = () => readFileSync("/proc/self/maps", "utf8").includes("bindery:forced");
  said.push(mapped());
  module.unload({ force: true });
  said.push(module.isUnloaded, mapped());
  writeSync(1, JSON.stringify(said));
  // Nothing may return to where the module was.
  process.exit(0);
});
const module = NativeModule.open(path, { name: "forced", table });
module.fn.into();
