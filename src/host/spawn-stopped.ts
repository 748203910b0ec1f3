/**
 * Programs started under this process's control, stopped before their first instruction.
 *
 * Not by Node's `child_process`, which waits for its children and would take a stop for an end. A shell is started that
 * stops itself at once; it carries the arguments and the environment as arguments of its own, so that nothing in the
 * environment (`LD_DEBUG`, `LD_PRELOAD`) concerns it, and is then made to execve(2) with what lies on its stack.
 */
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { HostError } from "../errors.ts";
import { type NativeInteger, nativeFunction, systemError } from "./ffi.ts";
import { free, malloc } from "./memory.ts";
import { ProcessMemory } from "./process-memory.ts";
import {
  PTRACE_EVENT,
  PTRACE_O,
  ptraceGetRegisters,
  ptraceSeize,
  ptraceSetRegisters,
  ptraceStep,
} from "./ptrace.ts";
import { awaitThread, kill } from "./wait.ts";

/** How to start a program. */
export interface SpawnOptions {
  /** Working directory; that of this process by default. */
  readonly cwd?: string;
  /** The whole environment; that of this process by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Open files of this process that become the standard input, output and error; by default its own. */
  readonly stdio?: readonly [number, number, number];
  /** What the program is told its name is; as it was given by default. */
  readonly argv0?: string;
}

const SHELL = "/bin/sh";
const STOP_SELF = "kill -STOP $$";
/** Larger than the C libraries' `posix_spawnattr_t` and `posix_spawn_file_actions_t`. */
const OPAQUE = 1024;
const POSIX_SPAWN_SETSIGDEF = 4;
const POSIX_SPAWN_SETSIGMASK = 8;
const SIGKILL = 9;
const SIGCONT = 18;
const SIGTRAP = 5;
const SYS_EXECVE = 59n;

const c = {
  spawn: nativeFunction<
    (
      pid: Int32Array,
      path: string,
      actions: bigint,
      attributes: bigint,
      argv: (string | null)[],
      envp: (string | null)[],
    ) => number
  >(
    "int posix_spawn(int32_t *pid, const char *path, uintptr_t actions, uintptr_t attributes, const char **argv, const char **envp)",
  ),
  attrInit: nativeFunction<(at: bigint) => number>("int posix_spawnattr_init(uintptr_t at)"),
  attrDestroy: nativeFunction<(at: bigint) => number>("int posix_spawnattr_destroy(uintptr_t at)"),
  setFlags: nativeFunction<(at: bigint, flags: number) => number>(
    "int posix_spawnattr_setflags(uintptr_t at, int16_t flags)",
  ),
  setDefault: nativeFunction<(at: bigint, set: Uint8Array) => number>(
    "int posix_spawnattr_setsigdefault(uintptr_t at, const uint8_t *set)",
  ),
  setMask: nativeFunction<(at: bigint, set: Uint8Array) => number>(
    "int posix_spawnattr_setsigmask(uintptr_t at, const uint8_t *set)",
  ),
  actionsInit: nativeFunction<(at: bigint) => number>("int posix_spawn_file_actions_init(uintptr_t at)"),
  actionsDestroy: nativeFunction<(at: bigint) => number>(
    "int posix_spawn_file_actions_destroy(uintptr_t at)",
  ),
  addDup2: nativeFunction<(at: bigint, from: number, to: number) => number>(
    "int posix_spawn_file_actions_adddup2(uintptr_t at, int from, int to)",
  ),
  addClose: nativeFunction<(at: bigint, fd: number) => number>(
    "int posix_spawn_file_actions_addclose(uintptr_t at, int fd)",
  ),
  addChdir: nativeFunction<(at: bigint, path: string) => number>(
    "int posix_spawn_file_actions_addchdir_np(uintptr_t at, const char *path)",
  ),
  sigfillset: nativeFunction<(set: Uint8Array) => NativeInteger>("int sigfillset(uint8_t *set)"),
};

/**
 * Starts a program, which this thread traces from then on, and which dies with it. It has executed nothing yet: the next
 * thing that happens to it is what its tracer lets happen.
 *
 * @param options `PTRACE_O` bits besides `PTRACE_O_EXITKILL` and `PTRACE_O_TRACEEXEC`
 * @returns its process id
 * @throws HostError with the error of execve(2) if it can't be executed
 */
export function spawnStopped(
  program: string,
  args: readonly string[],
  options: SpawnOptions,
  traceOptions: number,
): number {
  const { env = process.env, argv0 = program } = options;
  const path = findProgram(program, env);
  const strings = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : `${name}=${value}`,
  );
  const carried = [path, argv0, ...args, "", ...strings];
  for (const text of carried) {
    if (text.includes("\0")) {
      throw new HostError(
        "HOST_UNSUPPORTED",
        "execve",
        `found a NUL in ${JSON.stringify(text)}, expected none`,
      );
    }
  }
  const pid = spawnShell(carried, options);
  try {
    if (awaitThread(pid).kind !== "stopped") {
      throw new HostError("HOST_UNSUPPORTED", "posix_spawn", `${SHELL}: found its end, expected it to stop`);
    }
    ptraceSeize(pid, traceOptions | PTRACE_O.PTRACE_O_EXITKILL | PTRACE_O.PTRACE_O_TRACEEXEC);
    awaitThread(pid);
    makeExecute(pid, path, args.length);
    return pid;
  } catch (error) {
    if (kill(pid, SIGKILL)) while (awaitThread(pid).kind === "stopped");
    throw error;
  }
}

function spawnShell(carried: readonly string[], { cwd, stdio = [0, 1, 2] }: SpawnOptions): number {
  const pid = new Int32Array(1);
  const actions = malloc(OPAQUE);
  const attributes = malloc(OPAQUE);
  try {
    c.attrInit(attributes);
    c.actionsInit(actions);
    try {
      // Node ignores SIGPIPE, which would go on in the program.
      c.setFlags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
      const all = new Uint8Array(128);
      c.sigfillset(all);
      c.setDefault(attributes, all);
      c.setMask(attributes, new Uint8Array(128));
      redirect(actions, stdio);
      if (cwd !== undefined) c.addChdir(actions, cwd);
      const argv = [SHELL, "-c", STOP_SELF, ...carried, null];
      const errno = c.spawn(pid, SHELL, actions, attributes, argv, [null]);
      if (errno !== 0) throw systemError("posix_spawn", cwd === undefined ? SHELL : `in ${cwd}`, errno);
    } finally {
      c.attrDestroy(attributes);
      c.actionsDestroy(actions);
    }
  } finally {
    free(actions);
    free(attributes);
  }
  return pid[0] ?? 0;
}

/** Each file goes by a number of its own first: one may be where another is to be. Node has its own close at exec. */
function redirect(actions: bigint, stdio: readonly number[]): void {
  const free = Math.max(...stdio, 2) + 1;
  for (const [to, from] of stdio.entries()) c.addDup2(actions, from, free + to);
  for (const to of stdio.keys()) {
    c.addDup2(actions, free + to, to);
    c.addClose(actions, free + to);
  }
}

/** Makes the stopped shell execute the program that its fourth argument names, with the arguments behind it. */
function makeExecute(pid: number, path: string, count: number): void {
  using memory = new ProcessMemory(pid, "write");
  const registers = ptraceGetRegisters(pid);
  if (registers === undefined) throw new HostError("HOST_SYSCALL", "ptrace", `${SHELL}: it is gone`);
  const words = new BigUint64Array(registers.buffer);
  // Word 16 is rip: behind the system call that stopped the shell.
  const call = (words[16] ?? 0n) - 2n;
  const code = memory.read(call, 2);
  if (code?.[0] !== 0x0f || code[1] !== 0x05) {
    throw new HostError(
      "HOST_UNSUPPORTED",
      "ptrace",
      `${SHELL}: found no syscall instruction where it stopped`,
    );
  }
  // The kernel lays argc out at the start of the stack, and the pointers to the arguments behind it.
  const array = startOfStack(pid) + 8n;
  const argumentAt = (index: number) => array + 8n * BigInt(index);
  const name = memory.read(argumentAt(3), 8);
  if (name === undefined || !memory.write(argumentAt(5 + count), new Uint8Array(8))) {
    throw new HostError("HOST_SYSCALL", "write", `${SHELL}: found no arguments on its stack`);
  }
  words[16] = call;
  words[10] = SYS_EXECVE; // rax
  words[15] = 0xffff_ffff_ffff_ffffn; // orig_rax: no system call is to be restarted
  words[14] = new DataView(name.buffer).getBigUint64(0, true); // rdi
  words[13] = argumentAt(4); // rsi
  words[12] = argumentAt(6 + count); // rdx
  ptraceSetRegisters(pid, registers);
  kill(pid, SIGCONT);
  for (;;) {
    ptraceStep(pid, 0);
    const status = awaitThread(pid);
    if (status.kind !== "stopped")
      throw new HostError("HOST_SYSCALL", "execve", `${path}: the process ended`);
    if (status.event === PTRACE_EVENT.PTRACE_EVENT_EXEC) return;
    if (status.event !== 0 || status.signal !== SIGTRAP) continue;
    const after = ptraceGetRegisters(pid);
    const result = after === undefined ? 0n : new DataView(after.buffer).getBigInt64(80, true);
    throw systemError("execve", path, Number(-result));
  }
}

/** Field 28 of `stat`, counted behind the name, which may hold anything [proc(5)]. */
function startOfStack(pid: number): bigint {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return BigInt(text.slice(text.lastIndexOf(")") + 2).split(" ")[25] ?? "0");
}

/** The file that a name means, as execvp(3) finds it; one that is not found is left for execve(2) to refuse. */
function findProgram(name: string, env: Readonly<Record<string, string | undefined>>): string {
  if (name.includes("/") || name === "") return name;
  const paths = (env.PATH ?? "/bin:/usr/bin")
    .split(delimiter)
    .map((directory) => join(directory || ".", name));
  return paths.find(isExecutable) ?? name;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
