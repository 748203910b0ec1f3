/** What a stub can do, and is asked for, whatever state its process is in. */
import { RemoteError } from "../../errors.ts";
import { connectStub } from "./address.ts";
import { readDescription, type TargetDescription } from "./description.ts";
import { isAbsent } from "./facts.ts";
import { RemoteLink } from "./link.ts";
import { parseThreadId, type ThreadId } from "./stop-reply.ts";

/** What is said of this side. */
const OURS = [
  "multiprocess+",
  "swbreak+",
  "fork-events+",
  "vfork-events+",
  "exec-events+",
  "vContSupported+",
  "no-resumed+",
  "xmlRegisters=i386,arm,mips",
].join(";");

/** Bytes of a packet that every stub takes. */
const LEAST_PACKET = 400;
/** Most that is made use of. */
const MOST_PACKET = 2 ** 20;
/** gdb's number of those that it has no number for; a stub can be told of none of them, but to pass them on by itself. */
const UNKNOWN_SIGNAL = 143;
/** gdb's number. */
const SIGINT = 2;
const NO_DESCRIPTION: TargetDescription = { architecture: "", registers: [] };

/** How to connect. */
export interface StubOptions {
  /** Milliseconds that connecting, and each answer, may take: 5000 by default. */
  readonly timeout?: number;
  /** Whether packets are acknowledged to the end, as lines need that lose something; not by default. */
  readonly acknowledge?: boolean;
}

/** A stub that said what it can do. */
export class RemoteStub {
  readonly link: RemoteLink;
  /** Most bytes of a packet. */
  readonly packetSize: number;
  /** Whether ids of threads have those of their processes with them. */
  readonly hasProcesses: boolean;
  /** Whether it lets single threads run. */
  readonly hasContinue: boolean;
  readonly #features: ReadonlyMap<string, string>;
  #general: string | undefined;

  private constructor(link: RemoteLink, acknowledge: boolean) {
    this.link = link;
    this.#features = featuresIn(link.ask(`qSupported:${OURS}`));
    const size = Number.parseInt(this.#features.get("PacketSize") ?? "", 16);
    this.packetSize = size >= LEAST_PACKET ? Math.min(size, MOST_PACKET) : LEAST_PACKET;
    this.hasProcesses = this.#features.get("multiprocess") === "+";
    if (
      !acknowledge &&
      this.#features.get("QStartNoAckMode") === "+" &&
      link.ask("QStartNoAckMode") === "OK"
    ) {
      link.endAcks();
    }
    if (this.#features.get("QPassSignals") === "+") link.ask(`QPassSignals:${UNKNOWN_SIGNAL.toString(16)}`);
    const actions = link.ask("vCont?").split(";");
    this.hasContinue = ["vCont", "c", "s"].every((one) => actions.includes(one));
  }

  /** @throws RemoteError if there is no stub, or it does not answer */
  static async connect(
    address: string,
    { timeout = 5000, acknowledge = false }: StubOptions,
  ): Promise<RemoteStub> {
    const link = new RemoteLink(address, await connectStub(address, timeout), timeout);
    try {
      return new RemoteStub(link, acknowledge);
    } catch (error) {
      link.close();
      throw error;
    }
  }

  /** Whether it tells of children, and has them stopped until it is said what is to become of them. */
  get tellsOfChildren(): boolean {
    return ["fork-events", "vfork-events"].every((one) => this.#features.get(one) === "+");
  }

  /** Whether it may have an object of `qXfer`: one that does not say what it can do is to be asked. */
  hasObject(name: string): boolean {
    return this.#features.size === 0 || this.#features.get(`qXfer:${name}:read`) === "+";
  }

  /** An object of `qXfer`. @throws RemoteError if it does not have it */
  object(name: string, annex: string): Uint8Array {
    if (this.hasObject(name)) return this.link.object(name, annex, this.packetSize);
    throw this.link.error("RSP_UNSUPPORTED", `found no object ${name}`);
  }

  /** What it says of its registers: nothing, if it has no description. @throws RemoteError for one that makes no sense */
  description(): TargetDescription {
    if (!this.hasObject("features")) return NO_DESCRIPTION;
    try {
      const found = readDescription((name) => Buffer.from(this.object("features", name)).toString());
      if (found !== undefined) return found;
    } catch (error) {
      if (error instanceof RemoteError && isAbsent(error)) return NO_DESCRIPTION;
      throw error;
    }
    throw this.link.error("RSP_BAD_REPLY", "found a target description that makes no sense");
  }

  /** A thread as packets have it. */
  id({ pid, tid }: ThreadId): string {
    return this.hasProcesses ? `p${pid.toString(16)}.${tid.toString(16)}` : tid.toString(16);
  }

  /** Turns what follows, other than running, to a thread. @returns false if there is none */
  select(thread: ThreadId): boolean {
    const id = this.id(thread);
    if (this.#general === id) return true;
    const answer = this.link.ask(`Hg${id}`);
    // A stub without threads does not know the packet.
    this.#general = answer === "OK" || answer === "" ? id : undefined;
    return this.#general !== undefined;
  }

  /** Turns what follows to a process, whichever thread of it. Of a stub that knows one only, it is turned there. */
  turn(pid: number): void {
    if (this.hasProcesses && this.#general?.startsWith(`p${pid.toString(16)}.`) !== true)
      this.select({ pid, tid: 0 });
  }

  /** What lets go of a process. */
  detaching(pid: number): string {
    return this.hasProcesses ? `D;${pid.toString(16)}` : "D";
  }

  /** A SIGINT of which it did not tell is its own from now on: a process that is let go of does not get it. */
  keepInterrupts(): void {
    if (this.#features.get("QProgramSignals") !== "+") return;
    const others = Array.from({ length: UNKNOWN_SIGNAL }, (_, i) => i + 1).filter((one) => one !== SIGINT);
    this.link.ask(`QProgramSignals:${others.map((one) => one.toString(16)).join(";")}`);
  }

  /** A thread stopped, to which the stub is turned then. */
  turned(thread: ThreadId): void {
    this.#general = this.id(thread);
  }

  /** Forgets which thread it is turned to: the process has run. */
  forget(): void {
    this.#general = undefined;
  }

  /** All threads. @throws RemoteError for an answer that is no list of them */
  threads(): ThreadId[] {
    const found = new Map<string, ThreadId>();
    for (let answer = this.link.ask("qfThreadInfo"); answer !== "l"; answer = this.link.ask("qsThreadInfo")) {
      // A stub without threads does not know the packet.
      if (answer === "" && found.size === 0) return [];
      const ids = answer.startsWith("m") ? answer.slice(1).split(",").map(parseThreadId) : [undefined];
      for (const id of ids) {
        // One that comes again leads nowhere.
        if (id === undefined || found.has(this.id(id))) {
          throw this.link.error(
            "RSP_BAD_REPLY",
            `found "${answer.slice(0, 40)}", expected a list of threads`,
          );
        }
        found.set(this.id(id), id);
      }
    }
    return [...found.values()];
  }
}

/** `name+`, `name-`, `name?` and `name=value`. */
function featuresIn(answer: string): Map<string, string> {
  const named = answer.split(";").filter((one) => one !== "");
  return new Map(
    named.map((one) => {
      const equals = one.indexOf("=");
      return equals < 0 ? [one.slice(0, -1), one.slice(-1)] : [one.slice(0, equals), one.slice(equals + 1)];
    }),
  );
}
