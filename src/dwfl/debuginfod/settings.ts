/** The environment variables of debuginfod clients [debuginfod-client-config(7)]. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** How to ask debuginfod servers, and where to keep what they give. */
export interface DebuginfodSettings {
  /** URL prefixes of servers (`http:`, `https:`, `file:`), asked all at once. None: neither servers nor cache are used. */
  readonly servers: readonly string[];
  /** Directory of the cache; shared with every other client. */
  readonly cachePath: string;
  /** Seconds within which a server must give 100 KiB or the whole file; 0 for no limit. */
  readonly timeoutS: number;
  /** Seconds that a query may take in all; 0 for no limit. */
  readonly maxTimeS: number;
  /** Largest file to download, in bytes; 0 for no limit. */
  readonly maxSize: number;
  /** How often to ask again those servers that could not be reached or broke off. */
  readonly retries: number;
  /** Headers to send, name and value. */
  readonly headers: readonly (readonly [string, string])[];
  /** Whether to print progress to standard error. */
  readonly progress: boolean;
  /** Whether to print what is asked and answered to standard error. */
  readonly verbose: boolean;
}

/** Variables by name, as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The settings that the environment asks for: `DEBUGINFOD_URLS`, `_CACHE_PATH`, `_TIMEOUT`, `_MAXTIME`, `_MAXSIZE`,
 * `_RETRY_LIMIT`, `_HEADERS_FILE`, `_PROGRESS`, `_VERBOSE`. What is unset or is no number has elfutils' default. A
 * headers file that can't be read counts as empty.
 */
export function settingsFromEnvironment(environment: Environment = process.env): DebuginfodSettings {
  return {
    servers: (environment.DEBUGINFOD_URLS ?? "").split(/\s+/).filter((url) => url !== ""),
    cachePath: cachePath(environment),
    timeoutS: count(environment.DEBUGINFOD_TIMEOUT, 90),
    maxTimeS: count(environment.DEBUGINFOD_MAXTIME, 0),
    maxSize: count(environment.DEBUGINFOD_MAXSIZE, 0),
    retries: count(environment.DEBUGINFOD_RETRY_LIMIT, 2),
    headers: readHeaders(environment.DEBUGINFOD_HEADERS_FILE),
    progress: environment.DEBUGINFOD_PROGRESS !== undefined,
    verbose: environment.DEBUGINFOD_VERBOSE !== undefined,
  };
}

/** `$DEBUGINFOD_CACHE_PATH`, else the deprecated directory if it is there, else that below the XDG cache directory. */
function cachePath(environment: Environment): string {
  const { DEBUGINFOD_CACHE_PATH: chosen = "", XDG_CACHE_HOME: xdg = "", HOME: home = "/" } = environment;
  if (chosen !== "") return chosen;
  const deprecated = join(home, ".debuginfod_client_cache");
  if (existsSync(deprecated)) return deprecated;
  return join(xdg === "" ? join(home, ".cache") : xdg, "debuginfod_client");
}

/** A whole number; below zero it counts as 0, as `atoi` and elfutils have it. */
function count(text: string | undefined, otherwise: number): number {
  const number = Number.parseInt(text ?? "", 10);
  return Number.isNaN(number) ? otherwise : Math.max(0, number);
}

/** One `Name: value` a line; other lines are left out. */
function readHeaders(path: string | undefined): [string, string][] {
  if (path === undefined || path === "") return [];
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  const headers: [string, string][] = [];
  for (const line of text.split("\n")) {
    const [, name, value] = /^([^\s:]+):\s*(\S.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) headers.push([name, value]);
  }
  return headers;
}
