/**
 * Stands between a debugger and real stubs: `stub-proxy.mjs HOW PROGRAM`. For each connection it starts a gdbserver of the
 * program. HOW is `damage`, and the n-th connection gets what the stub says damaged in one place, by seed n; or `poor`, and the
 * stub knows nothing but what all stubs must; or `blind`, and it does not say which file is which. Prints its port.
 */
import { spawn } from "node:child_process";
import { createServer } from "node:net";

const [, , how, program] = process.argv;

/** Numbers from 0 to 2**32 - 1, the same for the same seed [xorshift]. */
function numbers(seed) {
  let state = (seed + 1) * 0x9e3779b1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const WAYS = {
  flip: (piece, at, value) => {
    piece[at] = value;
    return piece;
  },
  drop: (piece, at) => Buffer.concat([piece.subarray(0, at), piece.subarray(at + 1)]),
  twice: (piece, at) => Buffer.concat([piece, piece.subarray(at)]),
  packet: (piece, at) => Buffer.concat([piece.subarray(0, at), Buffer.from("$OK#9a"), piece.subarray(at)]),
  lose: () => Buffer.alloc(0),
  /** The stub falls silent. */
  silence: () => undefined,
  /** The connection ends in the middle. */
  cut: (piece, at, _, socket) => {
    socket.end(piece.subarray(0, at));
    return undefined;
  },
};

function damager(seed, socket) {
  const next = numbers(seed);
  const way = Object.values(WAYS)[next(Object.keys(WAYS).length)];
  let left = next(60);
  let isSilent = false;
  return (piece) => {
    if (isSilent) return undefined;
    if (left-- !== 0) return piece;
    const changed = way(piece, next(piece.length), next(256), socket);
    isSilent = changed === undefined;
    return changed;
  };
}

/** What the stub is asked, without what it need not know, to which it answers with nothing, as stubs do. */
const RARE = /\$(qSupported|QStartNoAckMode|vCont|Z0|z0|X|qAttached|qXfer:features)[^#]*#..|\$P[^#]*#../;

const UNKNOWN = { poor: RARE, blind: /\$vFile:fstat[^#]*#../, damage: /^$/ }[how];

let count = 0;
const server = createServer({ noDelay: true }, (socket) => {
  const stub = spawn("gdbserver", ["--once", "-", program], { stdio: ["pipe", "pipe", "ignore"] });
  const change = how === "damage" ? damager(count++, socket) : (piece) => piece;
  stub.stdout.on("data", (piece) => {
    const changed = change(piece);
    if (changed !== undefined && !socket.destroyed) socket.write(changed);
  });
  socket.on("data", (piece) => {
    const text = piece.toString("latin1");
    if (UNKNOWN.test(text)) socket.write("+$#00");
    else stub.stdin.write(piece);
  });
  stub.stdin.on("error", () => {});
  stub.on("exit", () => socket.destroy());
  socket.on("error", () => {});
  socket.on("close", () => stub.kill("SIGKILL"));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.on("disconnect", () => process.exit(0));
