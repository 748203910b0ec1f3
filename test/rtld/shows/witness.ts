/** Follows a program, and holds what the agent tells at each event against what others tell at that moment. */
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import { expect } from "vitest";
import { type ControlledProcess, followLinker, type LinkerEvent } from "../../../src/rtld/index.ts";

type LoadObject = LinkerEvent["added"][number];

/** An event in short. */
export interface Seen {
  readonly pid: number;
  readonly tid: number;
  /** Event, state, exit code, and what came and went: name, and namespace unless that is 0. */
  readonly line: string;
}

/** Where others write what they know. */
export interface Sources {
  /** What the program prints; each line is one report of dl_iterate_phdr(3). */
  readonly output: () => string;
  /** Path of what `LD_DEBUG=files` writes, without the process id; `undefined` for loaders without. */
  readonly log?: string;
  /** Whether the loader numbers thread-local storage where debuggers find it. */
  readonly hasTlsNumbers: boolean;
}

/** How many things were compared with each source; a test expects that they were at all. */
export interface Compared {
  maps: number;
  log: number;
  reports: number;
}

/** Follows a process and its children to their ends. */
export async function witness(
  target: ControlledProcess,
  sources: Sources,
): Promise<{ seen: Seen[]; compared: Compared }> {
  const seen: Seen[] = [];
  const compared: Compared = { maps: 0, log: 0, reports: 0 };
  const loaded = new Map<number, LoadObject[]>();
  let printed = 0;
  const look = (event: LinkerEvent) => {
    const { pid, tid, added, removed } = event;
    // All that was printed since the event before is of what was loaded then.
    const lines = sources.output().slice(printed);
    printed += lines.length;
    for (const line of lines.split("\n").slice(0, -1)) {
      expect(line).toBe(report(line, loaded, sources.hasTlsNumbers));
      compared.reports++;
    }
    const before = event.event === "exec" || event.event === "attach" ? [] : (loaded.get(pid) ?? []);
    const now = [...before.filter((one) => !removed.includes(one)), ...added];
    now.sort((a, b) => a.lmIdent - b.lmIdent);
    loaded.set(pid, now);
    // Read now, it is known also when the object is gone.
    for (const one of added) expect(one.tlsModId).toBeGreaterThanOrEqual(0);
    seen.push({ pid, tid, line: summary(event) });
    const isQuiet =
      event.state === "RD_CONSISTENT" || event.event === "RD_PREINIT" || event.event === "RD_POSTINIT";
    if (!isQuiet) return;
    compareMaps(pid, now);
    compared.maps++;
    if (sources.log === undefined || !existsSync(`${sources.log}.${pid}`)) return;
    const log = new LoaderLog(readFileSync(`${sources.log}.${pid}`, "utf8"), pid);
    // The loader's log has no word of what it did not load itself.
    expect(now.filter(({ name, isProgram }) => !isProgram && !isGiven(name)).map(objectRow)).toEqual(
      log.alive,
    );
    if (event.event === "RD_PREINIT") expect(log.initialized).toEqual([]);
    if (event.event === "RD_POSTINIT") {
      expect(log.initialized).toEqual(
        expect.arrayContaining(now.filter((one) => !one.isProgram && one.flags === 0).map((one) => one.name)),
      );
      // The C library says so, which the program's first instructions call.
      expect(log.hasBegun).toBe(false);
    } else if (event.event === "RD_DLACTIVITY") {
      // Not initialized yet when it comes; finalized when it goes, if it was initialized at all.
      const own = (objects: readonly LoadObject[]) =>
        objects.map((one) => one.name).filter((one) => !isGiven(one));
      for (const name of own(added)) expect(log.initializedSince(name)).toBe(false);
      for (const name of own(removed)) expect(log.finalizedSince(name)).toBe(log.initialized.includes(name));
    }
    compared.log++;
  };
  let failure: unknown;
  await followLinker(target, (event) => {
    try {
      if (failure === undefined) look(event);
    } catch (error) {
      failure = error;
    }
  });
  if (failure !== undefined) throw failure;
  return { seen, compared };
}

const isGiven = (name: string) => /^linux-(vdso|gate)|\/ld-linux/.test(name);
const objectRow = ({ name, lmIdent, bias, dynamic }: LoadObject) =>
  `${basename(name)} ${lmIdent} ${bias.toString(16)} ${dynamic.toString(16)}`;

/** An event in short. */
function summary(event: LinkerEvent): string {
  const names = (sign: string, objects: LinkerEvent["added"]) =>
    objects.map(({ name, lmIdent }) => `${sign}${basename(name)}${lmIdent === 0 ? "" : `@${lmIdent}`}`);
  const state = event.event === "RD_DLACTIVITY" ? [event.state] : [];
  const how = event.code === undefined ? [] : [`code ${event.code}`];
  return [event.event, ...state, ...how, ...names("+", event.added), ...names("-", event.removed)].join(" ");
}

/** What a report of the program should say, by what the agent has. */
function report(line: string, loaded: ReadonlyMap<number, readonly LoadObject[]>, hasTls: boolean): string {
  const [head = "", first = "", ...rest] = line.split("|");
  const [pid, ns] = head.split(" ").map(Number);
  const own = loaded.get(pid ?? 0)?.filter((one) => one.lmIdent === ns) ?? [];
  const said = [first, ...rest];
  const rows = own.map(({ name, bias, tlsModId, isProgram }, i) => {
    // glibc has no name for the program, musl the one that it was started by.
    const isUnnamed = isProgram && said[i]?.startsWith(" ") === true;
    const tls = hasTls ? tlsModId : (said[i] ?? "").split(" ")[2];
    return `${isUnnamed ? "" : sameFile(name, said[i] ?? "")} ${bias.toString(16)} ${tls}`;
  });
  return [head, ...rows].join("|");
}

/** A name, or the one that the program has for it: a loader in a second namespace stands for that of the first. */
function sameFile(name: string, said: string): string {
  const other = said.split(" ")[0] ?? "";
  return basename(other) === basename(name) && name.includes("/ld-linux") ? other : name;
}

/** That exactly the files of the objects are mapped to be executed, each from its base on. */
function compareMaps(pid: number, objects: readonly LoadObject[]): void {
  const maps = readFileSync(`/proc/${pid}/maps`, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [, from = "0", to = "0", mode = "", path = ""] =
        /^(\w+)-(\w+) (\S+) \S+ \S+ \S+\s*(.*)$/.exec(line) ?? [];
      return { from: BigInt(`0x${from}`), to: BigInt(`0x${to}`), mode, path };
    });
  const code = maps.filter(
    ({ mode, path }) => mode.includes("x") && (path.startsWith("/") || path === "[vdso]"),
  );
  const mapped = code.map(({ from, path }) => {
    const own = maps.filter((one) => one.path === path && one.from <= from);
    // A file may be mapped more than once: each mapping begins where one before it has a gap, or its first page again.
    let base = from;
    for (const one of own.reverse()) if (one.to === base || one.from === from) base = one.from;
    return `${path} ${base.toString(16)}`;
  });
  // Of one loader in several namespaces there is one.
  const told = objects.map((one) => `${fileOf(pid, one)} ${one.base.toString(16)}`);
  expect([...new Set(told)].sort()).toEqual(mapped.sort());
  for (const { end } of objects) expect(maps.some((one) => one.from < end && end <= one.to)).toBe(true);
}

function fileOf(pid: number, { name, flags, isProgram }: LoadObject): string {
  if (isProgram) return realpathSync(`/proc/${pid}/exe`);
  return flags === 0 ? realpathSync(name) : "[vdso]";
}

/** What `LD_DEBUG=files` said so far. */
class LoaderLog {
  /** Basename, namespace, bias and address of the dynamic section of what is there, in order by namespace. */
  readonly alive: readonly string[];
  readonly initialized: string[] = [];
  hasBegun = false;
  /** What was done last to what has a name. */
  readonly #last = new Map<string, "loaded" | "initialized" | "finalized">();

  constructor(text: string, pid: number) {
    let alive: string[] = [];
    let pending = "";
    for (const line of text.split("\n")) {
      const [, writer, said = ""] = /^\s*(\d+):\t(.*)$/.exec(line) ?? [];
      if (Number(writer) !== pid) continue;
      const [, file = "", ns = "0", what = ""] = /^file=(\S+) \[(\d+)\]; {2}(.*)$/.exec(said) ?? [];
      const [, dynamic, base] = /^ {2}dynamic: 0x(\w+) {2}base: 0x(\w+)/.exec(said) ?? [];
      const [, action, name = ""] = /^calling (init|fini): (\S+)/.exec(said) ?? [];
      if (what === "generating link map") {
        pending = `${basename(file)} ${ns}`;
        this.#last.set(basename(file), "loaded");
      } else if (what === "destroying link map") {
        alive = alive.filter((one) => !one.startsWith(`${basename(file)} ${ns} `));
      } else if (dynamic !== undefined && base !== undefined) {
        alive.push(`${pending} ${hex(base)} ${hex(dynamic)}`);
      } else if (action === "init") {
        this.initialized.push(name);
        this.#last.set(basename(name), "initialized");
      } else if (action === "fini") this.#last.set(basename(name), "finalized");
      else if (said.startsWith("transferring control: ")) this.hasBegun = true;
    }
    const namespace = (row: string) => Number(row.split(" ")[1]);
    this.alive = alive.sort((a, b) => namespace(a) - namespace(b));
  }

  /** Whether the finalizer of a file was called since it was loaded last. */
  finalizedSince(name: string): boolean {
    return this.#last.get(basename(name)) === "finalized";
  }

  /** Whether the initializer of a file was called since it was loaded last. */
  initializedSince(name: string): boolean {
    return this.#last.get(basename(name)) === "initialized";
  }
}

const hex = (digits: string) => BigInt(`0x${digits}`).toString(16);
