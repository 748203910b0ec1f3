/** One request to one debuginfod server [debuginfod(8), "WEBAPI"]. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { DebuginfodSettings } from "./settings.ts";

/** Bytes that a server must give within the time limit, if the file has as many: 100 KiB, as elfutils asks. */
const LEAST = 100 * 1024;

/** Why a server did not give a file. */
export class RequestFailure extends Error {
  /** The server is sure that it has no such file. */
  readonly absent: boolean;
  /** Asking again may help: the server was not reached, or broke off. */
  readonly again: boolean;

  constructor(what: string, { absent = false, again = false } = {}) {
    super(what);
    this.absent = absent;
    this.again = again;
  }
}

/** A server's answer of which the head has come, and the file is to follow. */
export interface RequestAnswer {
  /** Bytes of the file, if the server said. */
  readonly size: number | undefined;
  readonly modified: Date;
  /** The file. Rejects with a {@link RequestFailure} if it breaks off, is too large or stalls. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** What a server is asked for, without the credentials that its URL may hold. */
export interface RequestTarget {
  /** `SERVER/buildid/ID/KIND`, as messages give it. */
  readonly url: string;
  readonly authorization: string | undefined;
}

/** The target below a server's URL prefix; throws a {@link RequestFailure} if that is no URL of a kind we know. */
export function requestTarget(server: string, id: string, kind: string): RequestTarget {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url === undefined || !/^(https?|file):$/.test(url.protocol)) {
    throw new RequestFailure("found no URL that can be asked, expected http:, https: or file:");
  }
  url.pathname = `${url.pathname.replace(/\/$/, "")}/buildid/${id}/${kind}`;
  const { username, password } = url;
  url.username = "";
  url.password = "";
  if (username === "") return { url: url.href, authorization: undefined };
  const plain = `${unescaped(username)}:${unescaped(password)}`;
  return { url: url.href, authorization: `Basic ${Buffer.from(plain, "utf8").toString("base64")}` };
}

/** Undoes `%xx`; text that has other uses of `%` is taken as it is. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Asks for a file; resolves when the server begins to send it. `signal` ends the request, and the body with it.
 * Rejects with a {@link RequestFailure}, or the signal's reason.
 */
export async function request(
  target: RequestTarget,
  settings: DebuginfodSettings,
  signal: AbortSignal,
): Promise<RequestAnswer> {
  const controller = new AbortController();
  const follow = () => controller.abort(signal.reason);
  signal.addEventListener("abort", follow, { once: true });
  const watchdog = new Watchdog(settings.timeoutS, controller);
  const end = () => {
    watchdog.stop();
    signal.removeEventListener("abort", follow);
  };
  // Also when nobody ever reads the body.
  controller.signal.addEventListener("abort", end, { once: true });
  try {
    signal.throwIfAborted();
    const head = await begin(target, settings, controller.signal);
    const { size } = head;
    if (settings.maxSize > 0 && size !== undefined && size > settings.maxSize) throw tooLarge(size, settings);
    return { ...head, body: watched(head, settings, controller, watchdog) };
  } catch (error) {
    const failure = failureOf(error, controller.signal);
    controller.abort(failure);
    throw failure;
  }
}

/** Aborts unless enough bytes come within each span of time. */
class Watchdog {
  readonly #seconds: number;
  readonly #controller: AbortController;
  #timer: NodeJS.Timeout | undefined;
  #bytes = 0;

  constructor(seconds: number, controller: AbortController) {
    this.#seconds = seconds;
    this.#controller = controller;
    this.#restart();
  }

  received(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= LEAST) this.#restart();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #restart(): void {
    clearTimeout(this.#timer);
    this.#bytes = 0;
    if (this.#seconds === 0) return;
    this.#timer = setTimeout(() => {
      const what = `timeout: found ${this.#bytes} bytes in ${this.#seconds} s, expected ${LEAST} or the file's end`;
      this.#controller.abort(new RequestFailure(what, { again: true }));
    }, this.#seconds * 1000);
  }
}

type Stream = Omit<RequestAnswer, "body"> & { readonly stream: AsyncIterable<Uint8Array> | null };

async function begin(
  target: RequestTarget,
  settings: DebuginfodSettings,
  signal: AbortSignal,
): Promise<Stream> {
  if (target.url.startsWith("file:")) return openLocal(target.url, signal);
  const headers = new Headers({ "user-agent": "bindery" });
  for (const [name, value] of settings.headers) headers.set(name, value);
  if (target.authorization !== undefined) headers.set("authorization", target.authorization);
  if (settings.maxSize > 0) headers.set("x-debuginfod-maxsize", String(settings.maxSize));
  const response = await fetch(target.url, { headers, signal });
  if (response.status !== 200) {
    await response.body?.cancel();
    const what = `HTTP ${response.status} ${response.statusText}`.trimEnd();
    throw new RequestFailure(what, { absent: response.status === 404 });
  }
  const plain = !response.headers.has("content-encoding");
  const length =
    response.headers.get("x-debuginfod-size") ?? (plain ? response.headers.get("content-length") : null);
  const modified = new Date(response.headers.get("last-modified") ?? Number.NaN);
  return {
    size: length !== null && /^\d+$/.test(length) ? Number(length) : undefined,
    modified: Number.isNaN(modified.getTime()) ? new Date() : modified,
    stream: response.body,
  };
}

async function openLocal(url: string, signal: AbortSignal): Promise<Stream> {
  const path = fileURLToPath(url);
  const found = await stat(path).catch((error: Error) => {
    throw new RequestFailure(error.message, { absent: "code" in error && error.code === "ENOENT" });
  });
  return { size: found.size, modified: found.mtime, stream: createReadStream(path, { signal }) };
}

async function* watched(
  { stream, size }: Stream,
  settings: DebuginfodSettings,
  controller: AbortController,
  watchdog: Watchdog,
): AsyncGenerator<Uint8Array> {
  let received = 0;
  try {
    for await (const bytes of stream ?? []) {
      received += bytes.length;
      if (settings.maxSize > 0 && received > settings.maxSize) throw tooLarge(received, settings);
      watchdog.received(bytes.length);
      yield bytes;
    }
    if (size !== undefined && received !== size) throw truncated(received, size, "end of the answer");
  } catch (error) {
    const failure = failureOf(error, controller.signal);
    const broken = failure !== error && failure instanceof RequestFailure && !controller.signal.aborted;
    throw broken ? truncated(received, size, failure.message) : failure;
  } finally {
    controller.abort();
  }
}

function tooLarge(size: number, settings: DebuginfodSettings): RequestFailure {
  return new RequestFailure(`size: found ${size} bytes, expected at most ${settings.maxSize}`);
}

function truncated(received: number, size: number | undefined, why: string): RequestFailure {
  const expected = size === undefined ? "the file's end" : `${size}`;
  return new RequestFailure(`truncated (${why}): found ${received} bytes, expected ${expected}`, {
    again: true,
  });
}

/** What an aborted or failed request is about; the signal's reason where that is not a failure of the server. */
function failureOf(error: unknown, signal: AbortSignal): unknown {
  if (error instanceof RequestFailure) return error;
  if (signal.aborted) return signal.reason;
  let innermost = error;
  while (innermost instanceof Error && innermost.cause !== undefined) innermost = innermost.cause;
  if (innermost instanceof AggregateError) innermost = innermost.errors[0];
  return new RequestFailure(innermost instanceof Error ? innermost.message : String(innermost), {
    again: true,
  });
}
