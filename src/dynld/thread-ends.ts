/** Destructors of a module's thread-local objects: how many there are to call, and those of this thread, called. */
import { type Allocation, LiveObject } from "../dlbind/index.ts";
import { SHF } from "../elf/constants/section.ts";
import { DlbindError, HostError } from "../errors.ts";
import { callableAt } from "../host/call.ts";
import { dlsym, RTLD_DEFAULT } from "../host/dl.ts";
import { detach, free, malloc, viewOf } from "../host/memory.ts";
import { ENTRY_SIZE, THREAD_ENDS_CALLS, threadEndsCode, threadEndsEntry } from "./thread-ends-code.ts";

/** Functions that code of C++ and Rust registers them with. */
export const THREAD_END_FUNCTIONS: ReadonlySet<string> = new Set([
  "__cxa_thread_atexit",
  "__cxa_thread_atexit_impl",
]);

/** Bytes of a record, of the start of a list and of a destructor in it: see thread-ends-code.ts. */
const RECORD_SIZE = 16;
const LIST_SIZE = 8;
const DESTRUCTOR_SIZE = 32;
/** Where a record has the key, and whether its module is gone. */
const KEY_AT = 8;
const GONE_AT = 12;

/** Room for code and entries: of some two thousand modules at once. */
const CAPACITIES = { text: 0x1_0000, rodata: 1, data: 1, symbols: 1, names: 256, frames: 1 };

/** The code, and the key of the lists. */
interface PlacedCode {
  readonly object: LiveObject;
  readonly address: bigint;
  readonly key: number;
}

/** Of this thread of JavaScript, from the first module on that needs it. */
let code: PlacedCode | undefined;

/** A destructor, and where it is linked to. */
interface Found {
  readonly at: bigint;
  readonly from: bigint;
  readonly action: bigint;
  readonly object: bigint;
  readonly next: bigint;
}

/** Belongs to the thread that made it. */
export class ThreadEnds {
  /** Address of the record. */
  readonly #record: bigint;
  readonly #entry: Allocation;
  /** Destructors that were called here. */
  #called = 0;
  #isEnded = false;

  /**
   * Makes what a module is to register destructors with.
   * @returns `undefined` where the C library has not what it takes, and when there are too many: it has to do then
   */
  static create(): ThreadEnds | undefined {
    code ??= placeCode();
    if (code === undefined) return undefined;
    try {
      return new ThreadEnds(code, code.object.alloc(ENTRY_SIZE, SHF.SHF_EXECINSTR));
    } catch (error) {
      if (error instanceof DlbindError) return undefined;
      throw error;
    }
  }

  private constructor({ address, key }: PlacedCode, entry: Allocation) {
    this.#record = malloc(RECORD_SIZE);
    write(this.#record, RECORD_SIZE, (view) => {
      view.setBigUint64(0, 0n, true);
      view.setUint32(KEY_AT, key, true);
      view.setUint32(GONE_AT, 0, true);
    });
    this.#entry = entry;
    entry.write(threadEndsEntry(this.#record, address));
  }

  /** What the module is to call for `__cxa_thread_atexit`. */
  get entry(): bigint {
    return this.#entry.address;
  }

  /** How many other threads are to call. */
  get elsewhere(): number {
    if (this.#isEnded) return 0;
    const all = read(this.#record, RECORD_SIZE, (view) => Number(view.getBigInt64(0, true)));
    return all - this.#called - [...this.#own()].length;
  }

  /** Calls those of this thread, the last first, as its end would. */
  run(): void {
    for (let found = this.#first(); found !== undefined; found = this.#first()) {
      const { at, from, action, object, next } = found;
      write(from, LIST_SIZE, (view) => view.setBigUint64(0, next, true));
      callableAt(action, "void f(uintptr_t object)")(object);
      free(at);
      this.#called++;
    }
  }

  /** The module goes: what other threads were to call yet is not called. */
  leave(): void {
    write(this.#record, RECORD_SIZE, (view) => view.setUint32(GONE_AT, 1, true));
  }

  /** The module is gone. What other threads have of it leads to the record, which stays then. */
  end(): void {
    if (this.#isEnded) return;
    this.#entry.free();
    if (this.elsewhere === 0) free(this.#record);
    this.#isEnded = true;
  }

  #first(): Found | undefined {
    const [found] = this.#own();
    return found;
  }

  /** The destructors of this thread and this module. */
  *#own(): IterableIterator<Found> {
    const list = BigInt(
      libc("pthread_getspecific", "uintptr_t f(unsigned int key)")(code?.key ?? 0) as number | bigint,
    );
    if (list === 0n) return;
    let from = list;
    for (let at = wordAt(from); at !== 0n; at = wordAt(from)) {
      const [action = 0n, object = 0n, next = 0n, record = 0n] = read(at, DESTRUCTOR_SIZE, ({ buffer }) => [
        ...new BigUint64Array(buffer as ArrayBuffer),
      ]);
      if (record === this.#record) yield { at, from, action, object, next };
      from = at + 16n;
    }
  }
}

function placeCode(): PlacedCode | undefined {
  const calls = THREAD_ENDS_CALLS.map((name) => dlsym(RTLD_DEFAULT, name)).filter((one) => one !== undefined);
  if (calls.length < THREAD_ENDS_CALLS.length) return undefined;
  const key = newKey();
  const object = LiveObject.create("thread-ends", { ...CAPACITIES, global: false });
  const bytes = threadEndsCode(calls);
  const text = object.alloc(bytes.length, SHF.SHF_EXECINSTR);
  text.write(bytes);
  return { object, address: text.address, key };
}

function newKey(): number {
  const at = malloc(LIST_SIZE);
  try {
    const error = libc("pthread_key_create", "int f(uintptr_t key, uintptr_t destructor)")(at, 0n);
    if (error !== 0) throw new HostError("HOST_SYSCALL", "pthread_key_create", `error ${error}`);
    return read(at, LIST_SIZE, (view) => view.getUint32(0, true));
  } finally {
    free(at);
  }
}

function libc(name: string, prototype: string): ReturnType<typeof callableAt> {
  const address = dlsym(RTLD_DEFAULT, name);
  if (address === undefined) throw new HostError("HOST_LOADER", "dlsym", `${name}: there is none`);
  return callableAt(address, prototype);
}

function wordAt(address: bigint): bigint {
  return read(address, LIST_SIZE, (view) => view.getBigUint64(0, true));
}

function read<T>(address: bigint, size: number, action: (view: DataView) => T): T {
  const buffer = viewOf(address, size);
  try {
    return action(new DataView(buffer));
  } finally {
    detach(buffer);
  }
}

const write: (address: bigint, size: number, action: (view: DataView) => void) => void = read;
