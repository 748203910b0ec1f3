/** Link maps as a table, a tree or JSON. */
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RtldError } from "../../errors.ts";
import { openElf } from "../../host/file.ts";
import {
  CoreProcess,
  LiveProcess,
  type LoadObject,
  ObservedProcess,
  type ProcService,
  RemoteTarget,
  RtldAgent,
} from "../../rtld/index.ts";
import { saveFile } from "../files.ts";
import { jsonPieces } from "../json.ts";
import { printable } from "../message.ts";
import { objectName } from "../object-name.ts";
import { Output } from "../output.ts";
import { drawing } from "./svg.ts";

/** Options of `bindery maps`. */
export interface MapsOptions {
  readonly pid?: number;
  readonly core?: string;
  readonly remote?: string;
  readonly exe?: string;
  readonly sysroot?: string;
  readonly tree?: boolean;
  readonly json?: boolean;
  readonly svg?: string;
}

/** Tries to meet a process that runs while it does not load or unload. */
const TRIES = 200;
const PAUSE = 5;

/** Prints what a process or core file has loaded. @throws RtldError if it can't be known */
export async function showMaps(options: MapsOptions): Promise<void> {
  using source = await openSource(options);
  const objects = await consistent(RtldAgent.new(source.process), source.runs);
  const output = new Output();
  if (options.svg !== undefined)
    saveFile(options.svg, drawing(titleOf(source.process.name, objects), objects));
  else if (options.json === true) for (const piece of jsonPieces(objects.map(asJson))) output.write(piece);
  else
    for (const line of (options.tree === true ? treeLines : tableLines)(objects))
      output.line(printable(line));
  if (options.json === true) output.line("");
  output.flush();
}

interface Source extends Disposable {
  readonly process: ProcService;
  /** Whether it changes while it is looked at. */
  readonly runs: boolean;
}

async function openSource({ pid, core = "", remote, exe, sysroot }: MapsOptions): Promise<Source> {
  // Files that a core file names may be gone, but not the one that is named here.
  if (exe !== undefined) openElf(exe).close();
  const files = {
    ...(exe === undefined ? {} : { executable: exe }),
    ...(sysroot === undefined ? {} : { sysroot }),
  };
  if (remote !== undefined) {
    const target = await RemoteTarget.connect(remote, files);
    return { process: new LiveProcess(target), runs: false, [Symbol.dispose]: () => target.detach() };
  }
  const process = pid === undefined ? CoreProcess.open(core, files) : new ObservedProcess(pid);
  return { process, runs: pid !== undefined, [Symbol.dispose]: () => process.close() };
}

async function consistent(agent: RtldAgent, runs: boolean): Promise<readonly LoadObject[]> {
  for (let tries = 1; ; tries++) {
    try {
      return agent.objects;
    } catch (error) {
      if (!(error instanceof RtldError) || error.code !== "RD_NOMAPS" || !runs || tries === TRIES)
        throw error;
      await sleep(PAUSE);
    }
  }
}

function titleOf(source: string, objects: readonly LoadObject[]): string {
  const program = objects.find((one) => one.isProgram);
  return program === undefined ? source : `${program.name}, ${source}`;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

function asJson(object: LoadObject) {
  return {
    name: object.name,
    lmid: object.lmIdent,
    base: hex(object.base),
    end: hex(object.end),
    dataBase: hex(object.dataBase),
    dynamic: hex(object.dynamic),
    linkMap: hex(object.linkMap),
    pltBase: hex(object.pltBase),
    pltSize: object.pltSize,
    tlsModId: object.tlsModId,
    flags: object.flags,
    needed: object.needed,
  };
}

function* tableLines(objects: readonly LoadObject[]): Generator<string> {
  const rows = objects.map((one) => [
    String(one.lmIdent),
    hex(one.base),
    hex(one.end),
    hex(one.dynamic),
    one.pltBase === 0n ? "-" : hex(one.pltBase),
    one.tlsModId === 0 ? "-" : String(one.tlsModId),
    objectName(one),
  ]);
  const all = [["LMID", "BASE", "END", "DYNAMIC", "PLT", "TLS", "NAME"], ...rows];
  const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  for (const row of all) {
    yield row
      .map((cell, column) => (column === 0 ? cell.padStart(4) : cell.padEnd(widths[column] ?? 0)))
      .join("  ");
  }
}

/** Each object below the first that needs it; objects that nobody needs, as those of dlopen(3), by themselves. */
function* treeLines(objects: readonly LoadObject[]): Generator<string> {
  const shown = new Set<LoadObject>();
  const neededBy = (object: LoadObject) =>
    object.needed.map(
      (name) =>
        objects.find(
          (one) => one.lmIdent === object.lmIdent && (one.soname === name || basename(one.name) === name),
        ) ?? name,
    );
  const needed = new Set(objects.flatMap(neededBy));
  function* show(object: LoadObject | string, depth: number): Generator<string> {
    const indent = "  ".repeat(depth);
    if (typeof object === "string") {
      yield `${indent}${object} (not loaded)`;
    } else if (shown.has(object)) {
      yield `${indent}${object.name} (above)`;
    } else {
      shown.add(object);
      const space = object.lmIdent === 0 ? "" : ` in namespace ${object.lmIdent}`;
      yield `${indent}${object.name} at ${hex(object.base)}${depth === 0 ? space : ""}`;
      for (const one of neededBy(object)) yield* show(one, depth + 1);
    }
  }
  for (const object of objects) if (!needed.has(object)) yield* show(object, 0);
}
