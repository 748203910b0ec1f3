/** The agent: what librtld_db tells a controlling process about another one's run-time linker. */
import { basename } from "node:path";
import { RtldError, type RtldErrorCode } from "../errors.ts";
import { RD_VERSION, type RdEventMsg, type RdNotify, type RdPltInfo, type rd_event_e } from "./constants.ts";
import { type LinkMapChange, LinkMaps } from "./link-maps.ts";
import type { LoadObject } from "./load-object.ts";
import { instructionAddress } from "./machine/address.ts";
import { resolvePltOf } from "./plt.ts";
import type { LoaderProbe } from "./probes.ts";
import { CheckedService } from "./proc/checked.ts";
import type { ProcService } from "./proc/service.ts";
import { Registers } from "./registers.ts";
import { type Namespace, Rendezvous } from "./rendezvous.ts";

const TEXTS: Readonly<Record<RtldErrorCode | "RD_OK", string>> = {
  RD_OK: "no error",
  RD_ERR: "generic error",
  RD_DBERR: "the debugger's service failed",
  RD_NOCAPAB: "not supported by this run-time linker",
  RD_NOBASE: "the run-time linker's base address was not found",
  RD_NODYNAM: "the program is not linked dynamically",
  RD_NOMAPS: "link maps are not available yet",
};

/** How far a program has come: whether its objects are loaded, and whether its first instruction may come yet. */
type Phase = "starting" | "initializing" | "running";

let isLogging = false;

/**
 * The agent of one process (`rd_agent_t`). It reads through the {@link ProcService} that it is made with, sets no
 * breakpoints and controls nothing itself: who controls the process puts a breakpoint where {@link eventAddr} says, and
 * asks {@link eventGetmsg} when a thread came there.
 *
 * Where C returns an `rd_err_e`, a return is `RD_OK`, and a thrown {@link RtldError} has another one as its `code`: what the
 * service throws is `RD_DBERR`.
 */
export class RtldAgent {
  readonly #process: ProcService;
  #state: {
    readonly rendezvous: Rendezvous;
    readonly maps: LinkMaps;
    readonly breakAddress: bigint;
  };
  #phase: Phase;
  /** The run-time linker has begun to load what the program is linked with. */
  #hasBegun = false;
  #isEnabled = true;
  /** Something may be gone since the link maps were read last. */
  #mayHaveLost = true;
  #isDeleted = false;
  /** Offset of a link map's TLS module id; `undefined` while nobody asked. */
  #tlsOffset: bigint | 0 | undefined;

  private constructor(process: ProcService) {
    this.#process = new CheckedService(process);
    this.#state = this.#begin();
    this.#phase = this.#firstPhase();
  }

  /**
   * `rd_init`: agrees on the version of the interface.
   *
   * @throws RtldError `RD_NOCAPAB` for one that is not known
   */
  static init(version: number): void {
    if (version !== RD_VERSION) {
      throw new RtldError("RD_NOCAPAB", "rd_init", `found version ${version}, expected ${RD_VERSION}`);
    }
  }

  /**
   * `rd_new`: makes the agent of a process that is stopped, or does not load or unload just now.
   *
   * @throws RtldError `RD_NODYNAM` for a program that is linked statically, `RD_NOBASE` if the run-time linker can't be found
   */
  static new(process: ProcService): RtldAgent {
    return new RtldAgent(process);
  }

  /** `rd_errstr`: what an error code means. */
  static errstr(code: RtldErrorCode | "RD_OK"): string {
    return TEXTS[code];
  }

  /** `rd_log`: turns on or off what all agents say of their work through `ProcService.plog`. */
  static log(on: boolean): void {
    isLogging = on;
  }

  /** `rd_delete`: ends the agent. Twice is harmless. */
  delete(): void {
    this.#isDeleted = true;
  }

  /** `rd_reset`: begins anew, as after exec(2). @throws RtldError as {@link RtldAgent.new} */
  reset(): void {
    this.#check();
    this.#state = this.#begin();
    this.#phase = this.#firstPhase();
    this.#hasBegun = false;
    this.#mayHaveLost = true;
    this.#tlsOffset = undefined;
  }

  /** `rd_event_enable`: while it is off, {@link eventGetmsg} answers `RD_NONE`; breakpoints are reached all the same. */
  eventEnable(on: boolean): void {
    this.#check();
    this.#isEnabled = on;
    if (!on) this.#mayHaveLost = true;
  }

  /**
   * `rd_event_addr`: how the controlling process learns of an event.
   *
   * @throws RtldError `RD_ERR` for `RD_NONE`
   */
  eventAddr(event: rd_event_e): RdNotify {
    this.#check();
    const { rendezvous, breakAddress } = this.#state;
    if (event === "RD_NONE") throw this.#error("RD_ERR", "found RD_NONE, expected an event");
    const bptaddr = event === "RD_POSTINIT" ? rendezvous.entry : breakAddress;
    return { type: "RD_NOTIFY_BPT", bptaddr };
  }

  /** SDT probes of the run-time linker, which tell of relocation; none if it was built without. Looked for at each call. */
  get probes(): readonly LoaderProbe[] {
    this.#check();
    return this.#state.rendezvous.probes;
  }

  /**
   * `rd_event_getmsg`: which event it is that the thread `ProcService.plwp` stopped at. To be asked once for each.
   *
   * @throws RtldError `RD_ERR` if the run-time linker's data is damaged
   */
  eventGetmsg(): RdEventMsg {
    this.#check();
    if (!this.#isEnabled) return { type: "RD_NONE", state: "RD_NOSTATE" };
    return this.#message(this.#state.rendezvous.namespaces());
  }

  /**
   * {@link eventGetmsg}, and {@link update} where link maps may be read: both by one look at the process, which must not run
   * in between.
   *
   * @throws RtldError `RD_ERR` if the run-time linker's data is damaged
   */
  eventChange(): RdEventMsg & LinkMapChange {
    this.#check();
    if (!this.#isEnabled) return { type: "RD_NONE", state: "RD_NOSTATE", added: [], removed: [] };
    const namespaces = this.#state.rendezvous.namespaces();
    const message = this.#message(namespaces);
    const isChanging = namespaces.length === 0 || namespaces.some((one) => one.state !== "RD_CONSISTENT");
    return { ...message, ...(isChanging ? { added: [], removed: [] } : this.#update(namespaces)) };
  }

  /**
   * `rd_loadobj_iter`: calls back with each loaded object, namespace by namespace, until told to stop by `false`.
   *
   * @throws RtldError `RD_NOMAPS` while there are none or they are being changed, `RD_ERR` if they are damaged
   */
  loadobjIter(callback: (object: LoadObject) => boolean | undefined): void {
    this.update();
    for (const object of this.#state.maps.objects) if (callback(object) === false) return;
  }

  /** All loaded objects. @throws RtldError as {@link loadobjIter} */
  get objects(): readonly LoadObject[] {
    this.update();
    return this.#state.maps.objects;
  }

  /** The objects that were read last, without looking at the process. */
  get known(): Iterable<LoadObject> {
    return this.#state.maps.known();
  }

  /** The object that an address is in, of those that were read last, or are read now if none were yet. */
  objectAt(address: bigint): LoadObject | undefined {
    const { maps } = this.#state;
    try {
      if (maps.isEmpty) this.update();
    } catch (error) {
      if (!(error instanceof RtldError)) throw error;
    }
    return maps.objectAt(address);
  }

  /**
   * Reads the link maps, and says what changed since they were read last. Of additions that events told of, only what was
   * added is read.
   *
   * @throws RtldError as {@link loadobjIter}
   */
  update(): LinkMapChange {
    this.#check();
    return this.#update(this.#state.rendezvous.namespaces());
  }

  #update(namespaces: readonly Namespace[]): LinkMapChange {
    const changing = namespaces.find((one) => one.state !== "RD_CONSISTENT");
    if (changing !== undefined) {
      const what = `link map of namespace ${changing.lmid}: found it in state ${changing.state}, expected RD_CONSISTENT`;
      throw this.#error("RD_NOMAPS", what);
    }
    if ((namespaces[0]?.map ?? 0n) === 0n)
      throw this.#error("RD_NOMAPS", "found no link map yet, expected one");
    const change = this.#state.maps.update(namespaces, !this.#mayHaveLost);
    this.#mayHaveLost = !(this.#isEnabled && this.#process.plwp() !== undefined);
    this.#log(() => `link maps: ${change.added.length} added, ${change.removed.length} removed`);
    return change;
  }

  /**
   * `rd_plt_resolution`: how to come past an entry of a procedure linkage table. Its bytes say all, also where the table has
   * no section; what those of i386 have in a register is the thread's if that is there, else it is that of the object.
   *
   * @param pc address of the entry's first instruction
   * @throws RtldError `RD_NOCAPAB` on machines other than x86_64, i386 and aarch64
   */
  pltResolution(pc: bigint, lwpid?: number, _pltBase?: bigint): RdPltInfo {
    this.#check();
    return resolvePltOf(this.#process, pc, lwpid, (address) => this.objectAt(address)?.pltGot);
  }

  /** `rd_objpad_enable`: room around objects. @throws RtldError `RD_NOCAPAB` always: these loaders leave none */
  objpadEnable(_size: number): never {
    throw this.#error("RD_NOCAPAB", "found a run-time linker that leaves no room around objects");
  }

  #begin() {
    const process = this.#process;
    const rendezvous = new Rendezvous(process);
    const maps = new LinkMaps(process.name, {
      rendezvous,
      file: (path) => process.pfile(path),
      tlsModId: (object) => this.#tlsModId(object),
    });
    return { rendezvous, maps, breakAddress: rendezvous.breakAddress };
  }

  /** Who has no link maps yet has not begun. Whether others have is seen once they come to their first instruction. */
  #firstPhase(): Phase {
    const { rendezvous } = this.#state;
    const [first] = rendezvous.namespaces();
    if (first === undefined || first.map === 0n) return "starting";
    if (!rendezvous.isLoading) return "initializing";
    // Before the first addition is told there are only the program, the kernel's library and the run-time linker.
    const isLoaded = first.state === "RD_CONSISTENT" && this.#hasMore(first.map, 3);
    return isLoaded ? "initializing" : "starting";
  }

  /** Whether a link map has more objects than `count`. */
  #hasMore(map: bigint, count: number): boolean {
    let at = map;
    for (let i = 0; i < count && at !== 0n; i++) at = this.#state.rendezvous.nextLinkMap(at);
    return at !== 0n;
  }

  #message(namespaces: readonly Namespace[]): RdEventMsg {
    const message = this.#decide(namespaces);
    this.#log(() => `${message.type} ${message.state}`);
    return message;
  }

  #decide(namespaces: readonly Namespace[]): RdEventMsg {
    if (this.#phase !== "running" && this.#isAt(this.#state.rendezvous.entry)) {
      this.#phase = "running";
      return { type: "RD_POSTINIT", state: "RD_NOSTATE" };
    }
    const state = namespaces.find((one) => one.state !== "RD_CONSISTENT")?.state ?? "RD_CONSISTENT";
    if (state === "RD_DELETE") this.#mayHaveLost = true;
    if (namespaces[0]?.state === "RD_ADD") this.#hasBegun = true;
    // Auditors are loaded before all else, each into a namespace of its own [rtld-audit(7)].
    const isLoaded = namespaces.length === 1 || this.#hasBegun;
    if (state === "RD_CONSISTENT" && this.#phase === "starting" && isLoaded) {
      this.#phase = "initializing";
      return { type: "RD_PREINIT", state: "RD_NOSTATE" };
    }
    return { type: "RD_DLACTIVITY", state };
  }

  /** Whether the thread of the event is about to execute the instruction at an address. */
  #isAt(address: bigint): boolean {
    const thread = this.#process.plwp();
    const bytes = thread === undefined ? undefined : this.#process.lgetregs(thread);
    if (bytes === undefined) return false;
    const model = this.#process.pdmodel();
    return Registers.of(bytes, model)?.pc === instructionAddress(address, model);
  }

  /** glibc tells debuggers where a link map has it: `_thread_db_link_map_l_tls_modid`, three ints: bits, count, offset. */
  #tlsModId(object: LoadObject): number {
    if (!object.hasTls) return 0;
    this.#tlsOffset ??= this.#findTlsOffset() ?? 0;
    if (this.#tlsOffset === 0) return 0;
    const [value = 0n] = this.#state.rendezvous.words(object.linkMap + this.#tlsOffset, 1, "l_tls_modid");
    return Number(BigInt.asUintN(32, value));
  }

  #findTlsOffset(): bigint | undefined {
    const libc = this.#state.maps.objects.find((one) => basename(one.name) === "libc.so.6");
    if (libc === undefined) return undefined;
    const at = this.#state.rendezvous.symbolIn(libc.bias, libc.name, "_thread_db_link_map_l_tls_modid");
    const bytes = at === undefined ? undefined : this.#process.pread(at, 12);
    return bytes === undefined
      ? undefined
      : BigInt(new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, this.#process.pdmodel().little));
  }

  #check(): void {
    if (this.#isDeleted) throw this.#error("RD_ERR", "found an agent that was deleted, expected another one");
  }

  #error(code: RtldErrorCode, what: string): RtldError {
    return new RtldError(code, this.#process.name, what);
  }

  #log(message: () => string): void {
    if (isLogging) this.#process.plog(`rtld: ${message()}`);
  }
}
