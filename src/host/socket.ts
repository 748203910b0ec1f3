/** Stream sockets whose answers are waited for, with a limit [socket(7)]. They are descriptors; the caller closes them. */
import { HostError } from "../errors.ts";
import { type NativeInteger, nativeFunction, systemError } from "./ffi.ts";

/** Where a socket is connected to: an address of IPv4 or IPv6 in digits, or the path of a socket here. */
export type SocketPlace =
  | { readonly family: 4 | 6; readonly address: string; readonly port: number }
  | { readonly path: string };

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const POLLIN = 1;
const POLLOUT = 4;
const EINTR = 4;
const EAGAIN = 11;
const ECONNRESET = 104;
const EPIPE = 32;
const EINPROGRESS = 115;
/** Bytes of `sun_path` [unix(7)]. */
const LONGEST_PATH = 107;

const c = {
  socket: nativeFunction<(domain: number, type: number, protocol: number) => number>(
    "int socket(int domain, int type, int protocol)",
  ),
  socketpair: nativeFunction<(domain: number, type: number, protocol: number, ends: Int32Array) => number>(
    "int socketpair(int domain, int type, int protocol, int32_t *ends)",
  ),
  connect: nativeFunction<(fd: number, address: Uint8Array, length: number) => number>(
    "int connect(int fd, uint8_t *address, uint32_t length)",
  ),
  getsockopt: nativeFunction<
    (fd: number, level: number, name: number, value: Int32Array, length: Uint32Array) => number
  >("int getsockopt(int fd, int level, int name, int32_t *value, uint32_t *length)"),
  setsockopt: nativeFunction<
    (fd: number, level: number, name: number, value: Int32Array, length: number) => number
  >("int setsockopt(int fd, int level, int name, int32_t *value, uint32_t length)"),
  inet_pton: nativeFunction<(family: number, text: string, into: Uint8Array) => number>(
    "int inet_pton(int family, const char *text, uint8_t *into)",
  ),
  poll: nativeFunction<(fds: Int32Array, count: number, timeout: number) => number>(
    "int poll(int32_t *fds, uint64_t count, int timeout)",
  ),
  send: nativeFunction<(fd: number, bytes: Uint8Array, length: number, flags: number) => NativeInteger>(
    "int64_t send(int fd, uint8_t *bytes, uint64_t length, int flags)",
  ),
  recv: nativeFunction<(fd: number, bytes: Uint8Array, length: number, flags: number) => NativeInteger>(
    "int64_t recv(int fd, uint8_t *bytes, uint64_t length, int flags)",
  ),
  close: nativeFunction<(fd: number) => number>("int close(int fd)"),
};

/**
 * Connects to a server.
 *
 * @param timeout milliseconds that it may take
 * @throws HostError of connect(2) if there is none, or it does not answer
 */
export function connectSocket(place: SocketPlace, timeout: number): number {
  const address = encode(place);
  const domain = address[0] ?? 0;
  const fd = c.socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError("socket");
  try {
    const where = "path" in place ? place.path : `${place.address} port ${place.port}`;
    if (c.connect(fd, address, address.length) !== 0) finishConnecting(fd, where, timeout);
    if (domain !== AF_UNIX) c.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, Int32Array.of(1), 4);
    return fd;
  } catch (error) {
    c.close(fd);
    throw error;
  }
}

function finishConnecting(fd: number, where: string, timeout: number): void {
  const begun = systemError("connect", where);
  if (begun.errno !== EINPROGRESS) throw begun;
  if (!isReady(fd, POLLOUT, timeout)) {
    throw new HostError("HOST_SYSCALL", "connect", `${where}: found no answer in ${timeout} ms`);
  }
  const error = new Int32Array(1);
  c.getsockopt(fd, SOL_SOCKET, SO_ERROR, error, Uint32Array.of(4));
  if (error[0] !== 0) throw systemError("connect", where, error[0]);
}

/** `struct sockaddr` of any kind; its first byte is the family. */
function encode(place: SocketPlace): Uint8Array {
  if ("path" in place) {
    const path = Buffer.from(place.path);
    if (path.length > LONGEST_PATH) {
      const what = `found a path of ${path.length} bytes, expected ${LONGEST_PATH} at most`;
      throw new HostError("HOST_UNSUPPORTED", "connect", what);
    }
    return Uint8Array.from([AF_UNIX, 0, ...path, 0]);
  }
  const { family, address, port } = place;
  const bytes = new Uint8Array(family === 4 ? 16 : 28);
  const domain = family === 4 ? AF_INET : AF_INET6;
  bytes.set([domain, 0, port >> 8, port & 0xff]);
  if (c.inet_pton(domain, address, bytes.subarray(family === 4 ? 4 : 8)) === 1) return bytes;
  throw new HostError("HOST_UNSUPPORTED", "connect", `found ${address}, expected an address of IPv${family}`);
}

/** Two sockets that are connected to each other, the first without blocking. */
export function openSocketPair(): readonly [number, number] {
  const ends = new Int32Array(2);
  if (c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) !== 0) throw systemError("socketpair");
  return [ends[0] ?? -1, ends[1] ?? -1];
}

/** @returns false if it did not come to that in time */
function isReady(fd: number, events: number, timeout: number): boolean {
  const deadline = performance.now() + timeout;
  for (let left = timeout; left >= 0; left = deadline - performance.now()) {
    const polled = Int32Array.of(fd, events);
    const count = c.poll(polled, 1, Math.ceil(left));
    if (count > 0) return true;
    if (count < 0) {
      const error = systemError("poll");
      if (error.errno !== EINTR) throw error;
    } else if (left === 0) return false;
  }
  return false;
}

/**
 * Sends all of some bytes.
 *
 * @param timeout milliseconds that the other side may take to make room for them
 * @throws HostError if it is gone, or does not take them
 */
export function sendAll(fd: number, bytes: Uint8Array, timeout: number): void {
  for (let done = 0; done < bytes.length; ) {
    const rest = bytes.subarray(done);
    const count = Number(c.send(fd, rest, rest.length, MSG_DONTWAIT | MSG_NOSIGNAL));
    if (count >= 0) {
      done += count;
      continue;
    }
    const error = systemError("send");
    if (error.errno === EINTR) continue;
    if (error.errno !== EAGAIN) throw error;
    if (!isReady(fd, POLLOUT, timeout)) {
      throw new HostError("HOST_SYSCALL", "send", `found ${rest.length} bytes not taken in ${timeout} ms`);
    }
  }
}

/**
 * Receives what there is.
 *
 * @param timeout milliseconds that it may take until there is something; 0 not to wait
 * @returns how many bytes are in `into`, 0 if the other side is gone; `undefined` if nothing came in time
 * @throws HostError of recv(2)
 */
export function receive(fd: number, into: Uint8Array, timeout: number): number | undefined {
  for (;;) {
    const count = Number(c.recv(fd, into, into.length, MSG_DONTWAIT));
    if (count >= 0) return count;
    const error = systemError("recv");
    if (error.errno === ECONNRESET || error.errno === EPIPE) return 0;
    if (error.errno === EINTR) continue;
    if (error.errno !== EAGAIN) throw error;
    if (timeout <= 0 || !isReady(fd, POLLIN, timeout)) return undefined;
  }
}
