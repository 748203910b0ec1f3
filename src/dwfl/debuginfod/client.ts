/** Asks debuginfod servers for files by build id, through the cache that all clients of a user share. */

import { attemptAt, checkBuildId } from "../find/attempt.ts";
import { type CacheDownload, DebuginfodCache, type DebuginfodKind } from "./cache.ts";
import { type ProgressListener, stderrProgress } from "./progress.ts";
import { type RequestAnswer, RequestFailure, request, requestTarget } from "./request.ts";
import { type DebuginfodSettings, type Environment, settingsFromEnvironment } from "./settings.ts";

/** What one server, or the cache, said. */
export interface DebuginfodAnswer {
  /** The URL asked, without credentials; or the cache's directory. */
  readonly place: string;
  /** Whether it is sure to have no such file. */
  readonly absent: boolean;
  readonly what: string;
}

/** A file, or what every server answered. */
export type DebuginfodResult =
  /** `server` is the URL it was downloaded from; `undefined` if it was in the cache. */
  | { readonly path: string; readonly server: string | undefined }
  /** No answers if there are no servers. */
  | { readonly path: undefined; readonly answers: readonly DebuginfodAnswer[] };

/** Who hears of queries. By default standard error, if the settings ask for that. */
export interface DebuginfodListeners {
  readonly progress?: ProgressListener;
  /** Gets a line for each thing asked and answered. */
  readonly verbose?: (line: string) => void;
}

/** A client. It holds nothing open between queries. */
export class DebuginfodClient {
  readonly settings: DebuginfodSettings;
  readonly #cache: DebuginfodCache;
  readonly #progress: ProgressListener | undefined;
  readonly #verbose: ((line: string) => void) | undefined;

  constructor(settings: DebuginfodSettings, listeners: DebuginfodListeners = {}) {
    this.settings = settings;
    this.#cache = new DebuginfodCache(settings.cachePath);
    this.#progress = listeners.progress ?? (settings.progress ? stderrProgress() : undefined);
    this.#verbose =
      listeners.verbose ?? (settings.verbose ? (line) => process.stderr.write(`${line}\n`) : undefined);
  }

  /** A client as the environment has it; see {@link settingsFromEnvironment}. */
  static fromEnvironment(
    environment: Environment = process.env,
    listeners: DebuginfodListeners = {},
  ): DebuginfodClient {
    return new DebuginfodClient(settingsFromEnvironment(environment), listeners);
  }

  /**
   * Gives the file of a build id: from the cache, or from the first server that has it. All servers are asked at once.
   * A download is checked to be an ELF file of that build id before it gets into the cache. If all servers say that
   * they have no such file, the cache remembers that for a while.
   *
   * @param id the build id in hexadecimal, lower case
   * @throws ElfError `ELF_BAD_VALUE` if `id` is not that, HostError if the cache can't be used, and `signal`'s reason
   */
  async find(id: string, kind: DebuginfodKind, signal?: AbortSignal): Promise<DebuginfodResult> {
    const servers = [...new Set(this.settings.servers)];
    if (servers.length === 0) return { path: undefined, answers: [] };
    const known = this.#fromCache(id, kind);
    if (known !== undefined) return known;
    const download = this.#cache.begin(id, kind);
    let kept = false;
    try {
      const limit = new AbortController();
      using _timer = abortAfter(this.settings.maxTimeS, limit);
      const signals = signal === undefined ? [limit.signal] : [limit.signal, signal];
      const query = new Query(this.settings, id, kind, download, AbortSignal.any(signals), this.#progress);
      const result = await query.run(servers);
      signal?.throwIfAborted();
      kept = result.path !== undefined;
      for (const line of describeResult(result)) this.#verbose?.(line);
      if (result.path === undefined && result.answers.every((one) => one.absent))
        this.#cache.remember(id, kind);
      return result;
    } finally {
      if (!kept) download.drop();
    }
  }

  #fromCache(id: string, kind: DebuginfodKind): DebuginfodResult | undefined {
    this.#cache.prepare();
    const entry = this.#cache.lookUp(id, kind);
    if (entry === undefined) return undefined;
    if (entry.path !== undefined) {
      this.#verbose?.(`debuginfod: ${entry.path}: found in the cache`);
      return { path: entry.path, server: undefined };
    }
    const what = `the servers had no such file ${entry.missing} s ago`;
    this.#verbose?.(`debuginfod: ${this.#cache.path}: ${what}`);
    return { path: undefined, answers: [{ place: this.#cache.path, absent: true, what }] };
  }
}

/** Why a server is no longer listened to when another one sends the file. Not its failure: it may be asked again. */
const LET_GO = new RequestFailure("another server was faster");

/** One file being asked for. */
class Query {
  readonly #settings: DebuginfodSettings;
  readonly #id: string;
  readonly #kind: DebuginfodKind;
  readonly #download: CacheDownload;
  readonly #signal: AbortSignal;
  readonly #progress: ProgressListener | undefined;

  constructor(
    settings: DebuginfodSettings,
    id: string,
    kind: DebuginfodKind,
    download: CacheDownload,
    signal: AbortSignal,
    progress: ProgressListener | undefined,
  ) {
    this.#settings = settings;
    this.#id = id;
    this.#kind = kind;
    this.#download = download;
    this.#signal = signal;
    this.#progress = progress;
  }

  /** Asks all; then again those that were not reached or broke off, as often as the settings say. */
  async run(servers: readonly string[]): Promise<DebuginfodResult> {
    const answers = new Map<string, DebuginfodAnswer>();
    const asked = new Map<string, number>();
    let left = servers;
    while (left.length > 0) {
      const failures = new Map<string, RequestFailure>();
      const result = await this.#ask(left, failures);
      if (result !== undefined) return result;
      for (const [server, { absent, message: what }] of failures) {
        answers.set(server, { place: this.#describe(server), absent, what });
      }
      left = left.filter((server) => {
        const failure = failures.get(server);
        if (failure === undefined || this.#signal.aborted) return false;
        if (failure === LET_GO) return true;
        const times = (asked.get(server) ?? 0) + 1;
        asked.set(server, times);
        return failure.again && times <= this.#settings.retries;
      });
    }
    return { path: undefined, answers: [...answers.values()] };
  }

  /** One round: the first server that begins to send is taken at its word, the others are let go. */
  async #ask(
    servers: readonly string[],
    failures: Map<string, RequestFailure>,
  ): Promise<DebuginfodResult | undefined> {
    const controllers = new Map(servers.map((server) => [server, new AbortController()]));
    let chosen: string | undefined;
    let result: DebuginfodResult | undefined;
    const one = async (server: string, own: AbortController) => {
      try {
        const target = requestTarget(server, this.#id, this.#kind);
        const signal = AbortSignal.any([own.signal, this.#signal]);
        const answer = await request(target, this.#settings, signal);
        if (chosen !== undefined) own.abort(LET_GO);
        signal.throwIfAborted();
        chosen = server;
        for (const [other, controller] of controllers) if (other !== server) controller.abort(LET_GO);
        result = await this.#receive(target.url, answer);
      } catch (error) {
        if (!(error instanceof RequestFailure)) throw error;
        failures.set(server, error);
      }
    };
    const ends = await Promise.allSettled([...controllers].map(([server, own]) => one(server, own)));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    return result;
  }

  async #receive(url: string, answer: RequestAnswer): Promise<DebuginfodResult> {
    this.#download.restart();
    const total = answer.size;
    let received = 0;
    try {
      for await (const bytes of answer.body) {
        this.#download.write(bytes);
        received += bytes.length;
        this.#progress?.({ url, received, total, done: false });
      }
    } finally {
      if (received > 0) this.#progress?.({ url, received, total, done: true });
    }
    const { path } = this.#download;
    const wrong = attemptAt("debuginfod", path, () => checkBuildId(path, this.#id));
    if (wrong !== undefined) throw new RequestFailure(`the file it sent: ${wrong.what}`);
    return { path: this.#download.keep(answer.modified), server: url };
  }

  #describe(server: string): string {
    try {
      return requestTarget(server, this.#id, this.#kind).url;
    } catch {
      return server;
    }
  }
}

function describeResult(result: DebuginfodResult): string[] {
  if (result.path !== undefined) return [`debuginfod: ${result.server}: ${result.path}`];
  return result.answers.map(({ place, what }) => `debuginfod: ${place}: ${what}`);
}

/** Aborts when the time is up; 0 is never. Disposing stops the clock. */
function abortAfter(seconds: number, controller: AbortController): Disposable {
  const what = `time limit: found no whole file after ${seconds} s`;
  const timer =
    seconds === 0 ? undefined : setTimeout(() => controller.abort(new RequestFailure(what)), seconds * 1000);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
