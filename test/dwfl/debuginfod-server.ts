/** Debian's debuginfod over a directory, and servers that answer as no debuginfod should; all on the loopback. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { FindWorkshop } from "./find-workshop.ts";

/** A server and the paths it was asked for. */
export interface TestServer {
  /** For `DEBUGINFOD_URLS`. */
  readonly url: string;
  /** `/buildid/…` of each request so far. */
  requests(): string[];
  stop(): Promise<void>;
}

/** Starts the real server over `directory`, and waits until it serves the build id `until`. */
export async function startDebuginfod(
  workshop: FindWorkshop,
  directory: string,
  until: string,
): Promise<TestServer> {
  const port = await freePort();
  const log = workshop.path("debuginfod.log");
  const descriptor = openSync(log, "w");
  const args = [
    "-F",
    "-d",
    workshop.path("debuginfod.sqlite"),
    "-p",
    String(port),
    "-t",
    "0",
    "-c",
    "1",
    "-vv",
  ];
  const child = spawn("debuginfod", [...args, directory], {
    env: workshop.environment(),
    stdio: ["ignore", descriptor, descriptor],
  });
  closeSync(descriptor);
  const url = `http://127.0.0.1:${port}`;
  await served(`${url}/buildid/${until}/debuginfo`, child, log);
  return {
    url,
    requests: () =>
      [...readFileSync(log, "utf8").matchAll(/GET (\/buildid\S*) \d+/g)].map((match) => match[1] ?? ""),
    stop: async () => {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}

async function served(url: string, child: ChildProcess, log: string): Promise<void> {
  for (let round = 0; round < 600; round++) {
    if (child.exitCode !== null) break;
    const response = await fetch(url).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.status === 200) return;
    await sleep(50);
  }
  throw new Error(`debuginfod does not serve ${url}:\n${readFileSync(log, "utf8")}`);
}

/** A server that answers with `listener`. */
export async function startServer(listener: RequestListener): Promise<TestServer> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? "");
    listener(request, response);
  });
  return {
    url: `http://127.0.0.1:${await listen(server)}`,
    requests: () => paths,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** The next port to try; each process begins elsewhere. */
let candidate = 10_000 + ((process.pid * 16) % 20_000);

/**
 * A port of the loopback that nobody listens on. It is below those that the kernel gives to who wants any, so that nobody
 * gets it meanwhile. [ip(7), ip_local_port_range]
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer();
    try {
      const port = await listen(server, candidate++);
      server.close();
      await once(server, "close");
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
}

async function listen(server: Server, port = 0): Promise<number> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
