/** Destructors of a module's thread-local objects: how many there are to call, and those of this thread, called. */
import { type Allocation, LiveObject } from "../dlbind/index.ts";
import { SHF } from "../elf/constants/section.ts";
import { DlbindError, HostError } from "../errors.ts";
import { callableAt } from "../host/call.ts";
import { dlsym, RTLD_DEFAULT } from "../host/dl.ts";
import { copyFrom, copyTo, free, malloc } from "../host/memory.ts";
import { ENTRY_SIZE, THREAD_ENDS_CALLS, threadEndsCode, threadEndsEntry } from "./thread-ends-code.ts";

/** Functions that code of C++ and Rust registers them with. */
export const THREAD_END_FUNCTIONS: ReadonlySet<string> = new Set([
  "__cxa_thread_atexit",
  "__cxa_thread_atexit_impl",
]);

/** Sizes of a record, and of a destructor in a list: see thread-ends-code.ts. */
const RECORD_SIZE = 16;
const DESTRUCTOR_WORDS = 4;
const WORD = 8;
/** Where a destructor has the next. */
const NEXT_AT = 16n;
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
    const record = new Uint8Array(RECORD_SIZE);
    new DataView(record.buffer).setUint32(KEY_AT, key, true);
    copyTo(this.#record, record);
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
    const [all = 0n] = wordsAt(this.#record, 1);
    return Number(all) - this.#called - [...this.#own()].length;
  }

  /** Calls those of this thread, the last first, as its end would. What one throws, by a callback, is thrown. */
  run(): void {
    for (let found = this.#first(); found !== undefined; found = this.#first()) {
      const { at, from, action, object, next } = found;
      copyTo(from, new Uint8Array(BigUint64Array.of(next).buffer));
      this.#called++;
      try {
        callableAt(action, "void f(uintptr_t object)")(object);
      } finally {
        free(at);
      }
    }
  }

  /** The module goes: what other threads were to call yet is not called. */
  leave(): void {
    copyTo(this.#record + BigInt(GONE_AT), Uint8Array.of(1));
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
    for (let [at = 0n] = wordsAt(from, 1); at !== 0n; [at = 0n] = wordsAt(from, 1)) {
      const [action = 0n, object = 0n, next = 0n, record = 0n] = wordsAt(at, DESTRUCTOR_WORDS);
      if (record === this.#record) yield { at, from, action, object, next };
      from = at + NEXT_AT;
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
  const at = malloc(WORD);
  try {
    const error = libc("pthread_key_create", "int f(uintptr_t key, uintptr_t destructor)")(at, 0n);
    if (error !== 0) throw new HostError("HOST_SYSCALL", "pthread_key_create", `error ${error}`);
    return new Uint32Array(copyFrom(at, WORD).buffer)[0] ?? 0;
  } finally {
    free(at);
  }
}

function libc(name: string, prototype: string): ReturnType<typeof callableAt> {
  const address = dlsym(RTLD_DEFAULT, name);
  if (address === undefined) throw new HostError("HOST_LOADER", "dlsym", `${name}: there is none`);
  return callableAt(address, prototype);
}

function wordsAt(address: bigint, count: number): BigUint64Array {
  return new BigUint64Array(copyFrom(address, count * WORD).buffer);
}
