/** A program that runs: it loads a plugin twice, maps a text file, says where things are, and waits to be killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { FindWorkshop } from "./find-workshop.ts";

const PLUGIN = `
static int hidden(int x) { return x + NUMBER; }
int (*plugin_function)(int) = hidden;
int plugin_entry(int x) { return plugin_function(x) + NUMBER; }
`;
const HOST = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
int exported(int x) { return x; }
int main(int argc, char **argv) {
  void *plugin = dlopen(argv[1], RTLD_NOW);
  void *copy = dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW);
  void *text = mmap(0, 4096, PROT_READ, MAP_PRIVATE, open(argv[2], O_RDONLY), 0);
  printf("main %p\\n", (void *)main);
  printf("plugin_entry %p\\n", dlsym(plugin, "plugin_entry"));
  printf("copy %p\\n", dlsym(copy, "plugin_entry"));
  printf("hidden %p\\n", *(void **)dlsym(plugin, "plugin_function"));
  printf("text %p\\n", text);
  printf("ready %p\\n", dlsym(RTLD_DEFAULT, "getpid"));
  fflush(stdout);
  for (;;) pause();
}
`;

/** The program while it runs. */
export interface RunningProgram {
  readonly pid: number;
  /** What it printed of itself. */
  readonly addresses: ReadonlyMap<string, bigint>;
  stop(): Promise<void>;
}

export class ProcessWorkshop extends FindWorkshop {
  readonly #children: ChildProcess[] = [];

  constructor() {
    super();
    this.write("host.c", HOST);
    this.run("gcc", "-g", "-O1", "-Wl,--build-id", "-o", "host", "host.c");
  }

  /** Compiles a plugin; each number makes another build id. */
  plugin(name: string, number: number): string {
    const path = this.path(name);
    const source = this.write("plugin.c", PLUGIN);
    const flags = ["-g", "-O1", "-shared", "-fPIC", "-Wl,--build-id"];
    this.run("gcc", ...flags, `-DNUMBER=${number}`, "-o", path, source);
    return path;
  }

  /** Runs the program until it said where everything is. */
  async start(plugin: string): Promise<RunningProgram> {
    const text = this.write("text.txt", "no program\n".repeat(100));
    const child = spawn(this.path("host"), [plugin, text], {
      cwd: this.directory,
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#children.push(child);
    const addresses = new Map<string, bigint>();
    for await (const line of createInterface({ input: child.stdout })) {
      const [name = "", address = "0"] = line.split(" ");
      addresses.set(name, BigInt(address));
      if (name === "ready") break;
    }
    const { pid } = child;
    if (pid === undefined || !addresses.has("ready")) throw new Error("the program does not run");
    const stop = async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    };
    return { pid, addresses, stop };
  }

  override remove(): void {
    for (const child of this.#children) child.kill("SIGKILL");
    super.remove();
  }
}
