/** Makes a live object and loads an object file, named by its argument, and says of both where they are. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { LiveObject } from "bindery/dlbind";
import { ExportTable, NativeModule } from "bindery/dynld";

const MAIN = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
const say = (what, { path, base }) => console.log(`${what} ${path} 0x${base.toString(16)}`);

const lib = LiveObject.create("house");
say("created", lib);
const table = new ExportTable().addLibrary("libc.so.6", ["strlen"]);
const [, , file] = process.argv;
const module = NativeModule.open(file, { table });
say("loaded", module.object);
console.log(`called ${module.call("int measure(const char *)", "hello")}`);
const maps = execFileSync(process.execPath, [MAIN, "maps", "-p", String(process.pid)], { encoding: "utf8" });
for (const line of maps.split("\n")) if (line !== "") console.log(`maps ${line}`);
module.unload();
console.log("unloaded");
lib.delete();
console.log("deleted");
