/** `npm run build`: compiles src/ to dist/, removes from dist/ what no source makes any more, and bundles the command. */
import { chmodSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { bundleCommand } from "./lib/bundle.mjs";
import { filesBelow, stampBuild } from "./lib/prepare.mjs";
import { must, root } from "./lib/run.mjs";

const dist = join(root, "dist");
// What was bundled is not what the compiler made: it makes all of it again.
rmSync(join(dist, "cli"), { recursive: true, force: true });
must(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"]);

for (const file of filesBelow(dist)) {
  const source = file.replace(/(\.d\.ts|\.js)(\.map)?$/, ".ts");
  if (!existsSync(join(root, "src", source))) rmSync(join(dist, file));
}
await bundleCommand(dist);
chmodSync(join(dist, "cli/main.js"), 0o755);
stampBuild();
