/** `npm run build`: compiles src/ to dist/, and removes from dist/ what no source makes any more. */
import { chmodSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { filesBelow, stampBuild } from "./lib/prepare.mjs";
import { must, root } from "./lib/run.mjs";

const dist = join(root, "dist");
must(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"]);

for (const file of filesBelow(dist)) {
  const source = file.replace(/(\.d\.ts|\.js)(\.map)?$/, ".ts");
  if (!existsSync(join(root, "src", source))) rmSync(join(dist, file));
}
const main = join(dist, "cli/main.js");
if (existsSync(main)) chmodSync(main, 0o755);
stampBuild();
