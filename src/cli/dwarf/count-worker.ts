/** What a thread of `--stats` runs. */
import { serveJobs } from "../jobs/worker.ts";
import { type CountContext, type Counted, countFile } from "./count.ts";
import { loadDump } from "./dumps.ts";

void serveJobs<CountContext, string, Counted>(async ({ name, options }) => {
  const dump = await loadDump(name, options);
  return (file) => countFile(file, options, dump);
});
