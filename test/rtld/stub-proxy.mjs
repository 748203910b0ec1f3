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
  flip: (unit, at, value) => {
    unit[at] = value;
    return unit;
  },
  drop: (unit, at) => Buffer.concat([unit.subarray(0, at), unit.subarray(at + 1)]),
  twice: (unit, at) => Buffer.concat([unit, unit.subarray(at)]),
  packet: (unit, at) => Buffer.concat([unit.subarray(0, at), Buffer.from("$OK#9a"), unit.subarray(at)]),
  lose: () => Buffer.alloc(0),
  /** The stub falls silent. */
  silence: () => undefined,
  /** The connection ends in the middle. */
  cut: (unit, at, _, socket) => {
    socket.end(unit.subarray(0, at));
    return undefined;
  },
};

/** That the program has stopped or ended. Nobody can tell one that is lost from a program that runs. */
const isStop = (unit) => /^\$[STWX]/.test(unit.toString("latin1"));

/** What makes stops that are lost of a packet. Behind an acknowledgement there may be one. */
const losesStop = (name, unit) =>
  isStop(unit) ? ["packet", "lose", "silence"].includes(name) : name === "silence" && unit.length === 1;

function damager(seed, socket) {
  const next = numbers(seed);
  const name = Object.keys(WAYS)[next(Object.keys(WAYS).length)];
  let left = next(60);
  let isSilent = false;
  return (unit) => {
    if (isSilent) return undefined;
    if (left-- !== 0) return unit;
    const [place, value] = [next(unit.length), next(256)];
    // What is said is changed of a stop, not that something is said.
    const isLost = losesStop(name, unit);
    const at = isStop(unit) && !isLost && name !== "cut" ? 1 + (place % (unit.length - 4)) : place;
    const changed = WAYS[isLost ? "cut" : name](unit, at, value, socket);
    isSilent = changed === undefined;
    return changed;
  };
}

/** Takes what comes in pieces of any size for packets, and bytes between them. */
function units(each) {
  let rest = Buffer.alloc(0);
  return (piece) => {
    rest = Buffer.concat([rest, piece]);
    while (rest.length > 0) {
      const isPacket = rest[0] === "$".charCodeAt(0);
      const length = isPacket ? rest.indexOf("#") + "#00".length : 1;
      if (length < (isPacket ? "$#00".length : 1) || rest.length < length) return;
      each(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  };
}

/** What the stub is asked, without what it need not know, to which it answers with nothing, as stubs do. */
const RARE = /\$(qSupported|QStartNoAckMode|vCont|Z0|z0|X|qAttached|qXfer:features)[^#]*#..|\$P[^#]*#../;

const UNKNOWN = { poor: RARE, blind: /\$vFile:fstat[^#]*#../, damage: /^$/ }[how];

let count = 0;
const server = createServer({ noDelay: true }, (socket) => {
  const stub = spawn("gdbserver", ["--once", "-", program], { stdio: ["pipe", "pipe", "ignore"] });
  const change = how === "damage" ? damager(count++, socket) : (unit) => unit;
  const tell = units((unit) => {
    const changed = change(unit);
    if (changed !== undefined && socket.writable) socket.write(changed);
  });
  stub.stdout.on("data", tell);
  socket.on("data", (piece) => {
    const text = piece.toString("latin1");
    if (UNKNOWN.test(text)) socket.write("+$#00");
    else stub.stdin.write(piece);
  });
  stub.stdin.on("error", () => {});
  // Not before all that it said is on its way.
  stub.on("close", () => socket.end());
  socket.on("error", () => {});
  socket.on("close", () => stub.kill("SIGKILL"));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.on("disconnect", () => process.exit(0));
