/** Where stubs are, and connections to them. */
import { type ChildProcess, spawn } from "node:child_process";
import { lookup } from "node:dns/promises";
import { closeSync, existsSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HostError, RemoteError } from "../../errors.ts";
import { connectSocket, openSocketPair, type SocketPlace } from "../../host/socket.ts";
import { kill } from "../../host/wait.ts";

/** Told apart by its fields. */
type StubAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string }
  | { readonly command: string };

/** A connection to a stub. */
export interface StubConnection {
  /** A connected socket, which is the caller's. */
  readonly descriptor: number;
  /** To be called after that was closed: a command that was started for it ends. */
  readonly closed?: () => void;
}

/** Milliseconds in which a command ends by itself once nobody talks to it. */
const GRACE = 500;
/** Milliseconds between two tries to connect to a stub that does not listen yet. */
const PAUSE = 20;
const SIGTERM = 15;
const ECONNREFUSED = 111;
const ENOENT = 2;

/**
 * Takes an address apart as gdb has it: `HOST:PORT`, also with `tcp:` before it, `[::1]:PORT`; the path of a socket, with `unix:`
 * or a slash before it; `| COMMAND`, whose standard input and output are the connection.
 *
 * @throws RemoteError `RSP_ADDRESS`
 */
function parseAddress(text: string): StubAddress {
  const [, command] = /^\s*\|\s*(.+)$/s.exec(text) ?? [];
  if (command !== undefined) return { command };
  const [, path] = /^(?:unix:)?(\/.+|(?<=^unix:).+)$/.exec(text) ?? [];
  if (path !== undefined) return { path };
  const [, host = "", digits = ""] = /^(?:tcp[46]?:)?(.*):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === "" || port === 0 || port > 65535) {
    const what = "expected HOST:PORT, a path with a slash before it, or | and a command";
    throw new RemoteError("RSP_ADDRESS", text, what);
  }
  return { host: host === "" ? "localhost" : host.replace(/^\[(.*)\]$/, "$1"), port };
}

/**
 * Connects to a stub, for which it is waited while it does not listen yet.
 *
 * @param timeout milliseconds that it may take
 * @throws RemoteError `RSP_ADDRESS`, or `RSP_CONNECT` if there is no stub
 */
export async function connectStub(text: string, timeout: number): Promise<StubConnection> {
  const address = parseAddress(text);
  if ("command" in address) return startCommand(address.command);
  const deadline = performance.now() + timeout;
  for (;;) {
    let error: unknown;
    for (const place of await placesOf(address, text)) {
      try {
        return { descriptor: connectSocket(place, Math.max(deadline - performance.now(), 1)) };
      } catch (cause) {
        error = cause;
      }
    }
    if (!(error instanceof HostError)) throw error;
    const isMissing = error.errno === ENOENT && "path" in address && existsSync(dirname(address.path));
    const mayCome = error.errno === ECONNREFUSED || isMissing;
    if (!mayCome || performance.now() > deadline) throw new RemoteError("RSP_CONNECT", text, error.message);
    await sleep(PAUSE);
  }
}

async function placesOf(
  address: Exclude<StubAddress, { command: string }>,
  text: string,
): Promise<SocketPlace[]> {
  if ("path" in address) return [address];
  const { host, port } = address;
  try {
    const found = await lookup(host, { all: true });
    return found.map(({ address, family }) => ({ family: family === 6 ? 6 : 4, address, port }));
  } catch (cause) {
    throw new RemoteError("RSP_CONNECT", text, cause instanceof Error ? cause.message : String(cause));
  }
}

/** Starts a stub that talks at its standard input and output. */
function startCommand(command: string): StubConnection {
  const [ours, theirs] = openSocketPair();
  try {
    const child = spawn("sh", ["-c", command], {
      // A group of its own: an interrupt at the terminal is for this process, which says what is to be done.
      detached: true,
      stdio: [theirs, theirs, "inherit"],
    });
    child.on("error", () => {});
    child.unref();
    return { descriptor: ours, closed: () => awaitEnd(child) };
  } finally {
    closeSync(theirs);
  }
}

/** Waits for a command to end, and ends it where it does not, as `gdbserver --multi`. */
function awaitEnd(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const timer = setTimeout(() => kill(-pid, SIGTERM), GRACE);
  child.ref();
  child.once("exit", () => clearTimeout(timer));
}
