import { type ChildProcess, spawn } from "node:child_process";
import { describe, expect, test } from "vitest";
import { atTerminal, bindery, MAIN } from "./run.ts";

/** What a script printed, without the introduction. */
function answers(script: string): { status: number | null; lines: string[]; errors: string[] } {
  const { status, stdout, stderr } = bindery(["live"], script);
  const lines = stdout.split("\n");
  const start = lines.findIndex((line) => line.startsWith("type help"));
  return {
    status,
    lines: lines.slice(start + 1, -1),
    errors: stderr.split("\n").filter((line) => line !== ""),
  };
}

describe("scripts", () => {
  test("code from text and from bytes is bound and called", () => {
    const { status, lines, errors } = answers(`
      # add two numbers
      asm lea eax, [rdi+rsi]; ret
      bind add
      call add 2 3
      call int add(int, int) 40 2
      asm 8d 04 77 c3
      bind twice $2 func
      call add(1, 2)
      call twice 1 2
      asm divsd xmm0, [rip+half]; ret; half: dq 0x4000000000000000
      bind halve
      call double halve(double) 5
    `);
    expect(errors).toEqual([]);
    expect(status).toBe(0);
    expect(lines.filter((line) => line.startsWith("="))).toEqual(["= 5", "= 42", "= 3", "= 5", "= 2.5"]);
  });

  test("functions of the process are reached by name, from several lines of text", () => {
    const { status, lines, errors } = answers(`
      asm {
        push rbp
        mov rbp, rsp
        call strlen    # libc's
        pop rbp
        ret
      }
      bind len
      call len "hello"
      dis len
    `);
    expect({ status, errors }).toEqual({ status: 0, errors: [] });
    expect(lines).toContain("= 5");
    expect(lines.find((line) => line.includes("call 0x"))).toMatch(/<strlen(@plt)?>|<__strlen_\w+>/);
  });

  test("names and memory are listed, and go when they are taken away", () => {
    const { status, lines } = answers(`
      alloc 64 data
      bind counter
      asm ret
      bind nothing
      syms
      maps
      unbind nothing
      free $1
      syms
      publish
      quit
      call nothing
    `);
    expect(status).toBe(0);
    const symbols = lines
      .filter((line) => /^ {2}0x\w+ +\d+ (FUNC|OBJECT)/.test(line))
      .map((line) => line.split(/ +/).slice(2));
    expect(symbols).toEqual([
      ["64", "OBJECT", "counter"],
      ["1", "FUNC", "nothing"],
    ]);
    expect(lines.some((line) => /r-xp .*live/.test(line))).toBe(true);
    expect(lines.some((line) => /rw.p .*live/.test(line))).toBe(true);
    expect(lines.some((line) => /[rw-]wx[ps] /.test(line))).toBe(false);
    expect(lines).toContain("0 names; 16 bytes of text, 0 of rodata, 0 of data");
    expect(lines.at(-1)).toBe("published 0 names");
  });

  test("an error is told in one line and the session goes on; the status says that there was one", () => {
    const { status, lines, errors } = answers(`
      frobnicate
      asm mov eax, [rax
      asm call nowhere
      bind
      bind x
      call missing 1
      alloc 10 heap
      alloc 0
      free $9
      asm ret
      bind f
      bind f
      call int f(nonsense) 1
      call f 1 2
    `);
    expect(status).toBe(1);
    expect(errors.map((line) => line.replace(/^bindery: /, "").slice(0, 24))).toEqual([
      "frobnicate: no such comm",
      "line 1: end of statement",
      "line 1: nowhere: neither",
      "bind: expected a name",
      "bind: found no allocatio",
      "live: call missing: not ",
      "alloc: found heap, expec",
      "live: size 0 in text: ex",
      "found $9, expected an al",
      "live: bind f: bound alre",
      'prototype: "int f(nonsen',
    ]);
    expect(lines.filter((line) => line.startsWith("= "))).toHaveLength(1);
  });

  test("an unfinished block is an error", () => {
    expect(answers("asm {\nret\n")).toMatchObject({
      status: 1,
      errors: ["bindery: asm {: found the end of the input, expected }"],
    });
  });
});

/** Output of a process, which can be waited for. */
class Output {
  text = "";
  readonly #process: ChildProcess;

  constructor(process: ChildProcess) {
    this.#process = process;
    for (const stream of [process.stdout, process.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk: string) => {
        this.text += chunk;
      });
    }
  }

  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (let waited = 0; waited < 20_000; waited += 20) {
      const found = pattern.exec(this.text);
      if (found !== null) {
        return found;
      }
      if (this.#process.exitCode !== null) {
        throw new Error(`ended without ${pattern}:\n${this.text}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`${pattern} did not come:\n${this.text}`);
  }
}

test("at a terminal: completion, history, ^C drops the line, errors do not count", async () => {
  const terminal = atTerminal("live");
  const output = new Output(terminal);
  const type = async (keys: string, answer: RegExp): Promise<void> => {
    output.text = "";
    terminal.stdin.write(keys);
    await output.until(answer);
  };
  const ended = new Promise((resolve) => terminal.once("exit", resolve));
  try {
    await output.until(/live> /);
    await type("asm r", /asm r/);
    await type("et; cpui", /cpui/);
    // The one mnemonic that begins so is completed, and only what is new is drawn.
    await type("\t", /^d$/);
    await type("\r", /\$1 = .*live> /s);
    await type("\x1b[A", /asm ret; cpuid/);
    await type("\r", /\$2 = .*live> /s);
    await type("bind some", /bind some/);
    await type("\x03", /live> /);
    await type("syms\r", /0 names.*live> /s);
    await type("nonsense\r", /no such command.*live> /s);
    terminal.stdin.write("quit\r");
    expect(await ended).toBe(0);
  } finally {
    terminal.kill();
  }
});

test("a gdb that is attached stops at a function made afterwards, and shows it by name", async () => {
  const live = spawn(process.execPath, [MAIN, "live", "--name", "shown"], { stdio: "pipe" });
  const liveOutput = new Output(live);
  const [, pid = ""] = await liveOutput.until(/gdb -p (\d+)/);
  const commands = [
    "set breakpoint pending on",
    "set pagination off",
    "break made_later",
    "continue",
    "bt 2",
    "disassemble made_later",
    "detach",
  ];
  const gdb = spawn("gdb", [
    "-nx",
    "-q",
    "-batch",
    "-p",
    pid,
    ...commands.flatMap((command) => ["-ex", command]),
  ]);
  const gdbOutput = new Output(gdb);
  try {
    await gdbOutput.until(/made_later\) pending/);
    live.stdin.write("asm lea rax, [rdi+rsi]; ret\nbind made_later\npublish\ncall made_later 40 2\n");
    await gdbOutput.until(/Inferior 1 .* detached|\[Inferior 1/);
    expect(gdbOutput.text).toMatch(/#0 .*made_later \(\)/);
    expect(gdbOutput.text).toMatch(/<\+0>:\s+lea +\(%rdi,%rsi,1\),%rax/);
    await liveOutput.until(/^= 42$/m);
  } finally {
    live.stdin.end("quit\n");
    gdb.kill();
  }
  const status = await new Promise((resolve) => live.once("exit", resolve));
  expect(status).toBe(0);
});
