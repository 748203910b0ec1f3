/**
 * The process that debuggers and profilers are let loose on: `target.mjs`, told what to do line by line.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { Session } from "../../support/session.ts";

/** Compiles the C functions that call generated code into a directory. @returns path of the library */
export function compileCaller(directory: string): string {
  const library = join(directory, "libcaller.so");
  const source = join(import.meta.dirname, "caller.c");
  execFileSync("gcc", ["-g", "-O0", "-shared", "-fPIC", "-o", library, source]);
  return library;
}

export class Target {
  readonly pid: number;
  readonly #session: Session;

  private constructor(session: Session, pid: number) {
    this.#session = session;
    this.pid = pid;
  }

  /**
   * Starts the process.
   * @param library what {@link compileCaller} made
   * @param under a program that runs it, with arguments
   */
  static async start(library = "", under: readonly string[] = []): Promise<Target> {
    const script = join(import.meta.dirname, "target.mjs");
    const [command = process.execPath, ...args] = [...under, process.execPath, script, library];
    const session = new Session("target", command, args);
    const pid = await session.take("its process id", (text) => {
      const found = /\{"pid":(\d+)\}\n/.exec(text);
      return found === null ? undefined : { value: Number(found[1]), used: found.index + found[0].length };
    });
    return new Target(session, pid);
  }

  /** Gives a command and waits for the answer; addresses are hexadecimal text. Fails with the process's own error. */
  async ask<T = null>(command: string, ...args: unknown[]): Promise<T> {
    this.#session.send(JSON.stringify([command, ...args]));
    const answer = JSON.parse(await this.#session.line(`the answer to ${command}`)) as {
      value: T;
      error?: string;
    };
    if (answer.error !== undefined) throw new Error(`target: ${command}: ${answer.error}`);
    return answer.value;
  }

  /** Has the process end, and the program that it runs under. */
  async close(): Promise<void> {
    await this.#session.close();
  }

  get transcript(): string {
    return this.#session.transcript;
  }
}

/** Calls what is in `edi`/`esi` back: `int outer(int (*inner)(int, int), int a, int b)`, with a frame pointer. */
export const OUTER = `
  push rbp
  mov rbp, rsp
  mov rax, rdi
  mov edi, esi
  mov esi, edx
  call rax
  pop rbp
  ret`;

/** `int add(int a, int b)` */
export const ADD = `
  lea eax, [rdi+rsi]
  ret`;

/** As {@link OUTER}, without a frame pointer and with the caller's one out of sight. */
export const FRAMELESS = `
  sub rsp, 24
  mov qword ptr [rsp+16], rbp
  xor ebp, ebp
  mov rax, rdi
  mov edi, esi
  mov esi, edx
  call rax
  mov rbp, qword ptr [rsp+16]
  add rsp, 24
  ret`;

/** Call-frame instructions of {@link FRAMELESS}: it is 4 + 5 bytes to the saved register, 14 to the end of the call. */
export const FRAMELESS_RULES = [
  ["advance", 4],
  ["defCfaOffset", 32],
  ["advance", 5],
  ["offset", 6, -16],
  ["advance", 18],
  ["restore", 6],
  ["advance", 4],
  ["defCfaOffset", 8],
];
