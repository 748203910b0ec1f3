/** The commands of `bindery live`, and what they work on. */
import { readFileSync } from "node:fs";
import { assemble, disassemble, mnemonics, parseNumber } from "../../asm/index.ts";
import type { Allocation, BindOptions, LiveObject } from "../../dlbind/index.ts";
import { SHF, STT, symbolTypeName } from "../../elf/index.ts";
import { dladdr, dlsym, RTLD_DEFAULT } from "../../host/dl.ts";
import { InputError, parseBytes, parseCall, parseSize, words } from "./arguments.ts";
import { Stubs } from "./stubs.ts";

export { InputError } from "./arguments.ts";

interface Command {
  readonly usage: string;
  readonly what: string;
  readonly run: (rest: string) => void;
}

const FLAGS: ReadonlyMap<string, number> = new Map([
  ["text", SHF.SHF_EXECINSTR],
  ["rodata", 0],
  ["data", SHF.SHF_WRITE],
]);

const TYPES: ReadonlyMap<string, number> = new Map([
  ["func", STT.STT_FUNC],
  ["object", STT.STT_OBJECT],
  ["ifunc", STT.STT_GNU_IFUNC],
  ["notype", STT.STT_NOTYPE],
]);

/** State of a session: the object, and the allocations by number. */
export class Session {
  readonly #object: LiveObject;
  readonly #print: (text: string) => void;
  readonly #stubs: Stubs;
  readonly #allocations: Allocation[] = [];
  readonly #commands: ReadonlyMap<string, Command>;
  /** Lines of an `asm { … }` that is not closed yet. */
  #block: string[] | undefined;
  #over = false;

  constructor(object: LiveObject, print: (text: string) => void) {
    this.#object = object;
    this.#print = print;
    this.#stubs = new Stubs(object);
    this.#commands = new Map(Object.entries(this.#table()));
  }

  /** `quit` was given. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Inside the braces of `asm { … }`. */
  get isCollecting(): boolean {
    return this.#block !== undefined;
  }

  /**
   * Carries out one line; empty lines and lines that begin with `#` do nothing.
   *
   * @throws {InputError} when it is no command; errors of the live object and the assembler pass through
   */
  perform(line: string): void {
    if (this.#block !== undefined) {
      this.#collect(line);
      return;
    }
    const text = line.trim();
    if (text === "" || text.startsWith("#")) {
      return;
    }
    const [, verb = "", rest = ""] = /^(\S+)\s*(.*)$/s.exec(text) ?? [];
    const command = this.#commands.get(verb);
    if (command === undefined) {
      throw new InputError(`${verb}: no such command, type help for the list`);
    }
    command.run(rest);
  }

  /** The end of the input. */
  finish(): void {
    if (this.#block !== undefined) {
      throw new InputError("asm {: found the end of the input, expected }");
    }
  }

  /** Completions of the last word of a line, for readline. */
  complete(line: string): [string[], string] {
    const word = /\S*$/.exec(line)?.[0] ?? "";
    const names = [...this.#object.symbols()].map(({ name }) => name);
    let candidates: readonly string[] = names;
    if (this.isCollecting || /^\s*asm\s/.test(line)) {
      candidates = [...mnemonics(), ...names];
    } else if (line.trimStart() === word) {
      candidates = [...this.#commands.keys()];
    }
    return [candidates.filter((name) => name.startsWith(word)), word];
  }

  #table(): Record<string, Command> {
    return {
      alloc: {
        usage: "alloc SIZE [text|rodata|data] [ALIGN]",
        what: "take SIZE bytes; they are called $1, $2, …",
        run: (rest) => this.#alloc(rest),
      },
      asm: {
        usage: "asm [$N] INSTRUCTIONS | HEX BYTES | {",
        what: "store code in new text, or in $N; { begins lines up to }",
        run: (rest) => this.#asm(rest),
      },
      bind: {
        usage: "bind NAME [$N|ADDRESS] [func|object|ifunc|notype] [SIZE]",
        what: "give the last allocation, or another place, a name",
        run: (rest) => this.#bind(rest),
      },
      unbind: { usage: "unbind NAME", what: "take a name away", run: (rest) => this.#unbind(rest) },
      call: {
        usage: "call NAME ARGS… | call PROTOTYPE ARGS…",
        what: "call add 2 3, or call double half(double) 5.0",
        run: (rest) => this.#call(rest),
      },
      dis: { usage: "dis [NAME|$N]", what: "disassemble", run: (rest) => this.#dis(rest) },
      free: {
        usage: "free $N",
        what: "give bytes back, with the names in them",
        run: (rest) => this.#free(rest),
      },
      publish: {
        usage: "publish",
        what: "tell debuggers and profilers what is bound and what is gone",
        run: () => this.#publish(),
      },
      syms: { usage: "syms", what: "list the names", run: () => this.#syms() },
      maps: { usage: "maps", what: "where the object is in memory", run: () => this.#maps() },
      help: { usage: "help", what: "this list", run: () => this.#help() },
      quit: {
        usage: "quit",
        what: "end the session",
        run: () => {
          this.#over = true;
        },
      },
    };
  }

  #alloc(rest: string): void {
    const [size, kind = "text", align] = words(rest);
    const flags = FLAGS.get(kind);
    if (flags === undefined) {
      throw new InputError(`alloc: found ${kind}, expected text, rodata or data`);
    }
    const options = align === undefined ? {} : { align: parseSize(align, "alloc: alignment") };
    this.#remember(this.#object.alloc(parseSize(size, "alloc"), flags, options), kind);
  }

  #remember(allocation: Allocation, kind: string): void {
    this.#allocations.push(allocation);
    const number = this.#allocations.length;
    this.#print(`$${number} = ${hex(allocation.address)}, ${allocation.size} bytes of ${kind}`);
  }

  #collect(line: string): void {
    const block = this.#block ?? [];
    if (line.trim() !== "}") {
      block.push(line);
      return;
    }
    this.#block = undefined;
    this.#store(block[0] ?? "", block.slice(1).join("\n"));
  }

  #asm(rest: string): void {
    const [, target = "", text = ""] = /^(\$\d+)?\s*(.*)$/s.exec(rest) ?? [];
    if (text === "{") {
      this.#block = [target];
    } else if (text === "") {
      throw new InputError("asm: expected instructions, e.g. asm lea eax, [rdi+rsi]; ret");
    } else {
      this.#store(target, text);
    }
  }

  /** Assembles for the address where the code will be, which decides about the reach of its branches. */
  #store(target: string, text: string): void {
    const codeAt = (address: bigint): Uint8Array =>
      parseBytes(text) ?? assemble(text, address, this.#names());
    if (target !== "") {
      const allocation = this.#allocation(target);
      const code = codeAt(allocation.address);
      if (code.length > allocation.size) {
        throw new InputError(
          `asm: found ${code.length} bytes of code, expected at most the ${allocation.size} of ${target}`,
        );
      }
      allocation.write(code);
      this.#print(`${target}: ${code.length} bytes stored`);
      return;
    }
    const size = codeAt(this.#object.base).length;
    if (size === 0) {
      throw new InputError("asm: found no instruction");
    }
    const allocation = this.#object.alloc(size, SHF.SHF_EXECINSTR);
    try {
      const code = codeAt(allocation.address);
      if (code.length > size) {
        allocation.resize(code.length);
      }
      allocation.write(code);
    } catch (error) {
      allocation.free();
      throw error;
    }
    this.#remember(allocation, "text");
  }

  /** Names in assembly text: the object's own, then the process's. */
  #names(): { resolve: (name: string) => bigint | undefined } {
    const resolve = (name: string): bigint | undefined => {
      const own = this.#object.symbol(name)?.address;
      const found = own ?? dlsym(RTLD_DEFAULT, name);
      return own === undefined && found !== undefined ? this.#stubs.reach(name, found) : found;
    };
    return { resolve };
  }

  #bind(rest: string): void {
    const [name, ...more] = words(rest);
    if (name === undefined) {
      throw new InputError("bind: expected a name");
    }
    let target: Allocation | bigint | undefined = this.#allocations.findLast((one) => one.isLive);
    const options: { type?: number; size?: number } = {};
    for (const [n, word] of more.entries()) {
      const type = TYPES.get(word);
      if (word.startsWith("$")) {
        target = this.#allocation(word);
      } else if (type !== undefined) {
        options.type = type;
      } else if (n === 0) {
        target = parseNumber(word);
      } else {
        options.size = parseSize(word, "bind: size");
      }
    }
    if (target === undefined) {
      throw new InputError("bind: found no allocation, expected $N or an address");
    }
    this.#print(`${name} = ${hex(this.#object.bind(name, target, options satisfies BindOptions))}`);
  }

  #unbind(rest: string): void {
    const [name] = words(rest);
    if (name === undefined) {
      throw new InputError("unbind: expected a name");
    }
    this.#object.unbind(name);
  }

  #call(rest: string): void {
    const { prototype, args } = parseCall(rest);
    const result = this.#object.call(prototype, ...args);
    if (!/^void\s+[A-Za-z_$]/.test(prototype)) {
      this.#print(`= ${typeof result === "string" ? JSON.stringify(result) : String(result)}`);
    }
  }

  #dis(rest: string): void {
    const [word] = words(rest);
    const { address, bytes } = this.#code(word);
    for (const line of disassemble(bytes, address, { symbolize: (at) => this.#nameOf(at) })) {
      const shown = Buffer.from(line.bytes).toString("hex");
      this.#print(`  ${hex(line.address)}  ${shown.padEnd(20)}  ${line.text}`);
    }
  }

  #code(word: string | undefined): { address: bigint; bytes: Uint8Array } {
    const symbol = word === undefined || word.startsWith("$") ? undefined : this.#object.symbol(word);
    if (symbol !== undefined) {
      const held = this.#allocations.find(
        (one) =>
          one.isLive && symbol.address >= one.address && symbol.address < one.address + BigInt(one.size),
      );
      if (held !== undefined) {
        const start = Number(symbol.address - held.address);
        return { address: symbol.address, bytes: held.bytes.slice(start, start + symbol.size) };
      }
    } else if (word !== undefined && !word.startsWith("$")) {
      throw new InputError(`dis: ${word}: not bound`);
    }
    const allocation = this.#allocation(word ?? `$${this.#allocations.length}`);
    return { address: allocation.address, bytes: allocation.bytes.slice() };
  }

  #nameOf(address: bigint): string | undefined {
    // The loader does not know local names, such as those of stubs.
    const own = [...this.#object.symbols()].find(
      (one) => address >= one.address && address < one.address + BigInt(Math.max(one.size, 1)),
    );
    const symbol = own ?? dladdr(address)?.symbol;
    if (symbol === undefined) {
      return undefined;
    }
    const distance = address - symbol.address;
    return distance === 0n ? symbol.name : `${symbol.name}+0x${distance.toString(16)}`;
  }

  #free(rest: string): void {
    const [word] = words(rest);
    this.#allocation(word ?? "").free();
  }

  #allocation(word: string): Allocation {
    const allocation = /^\$\d+$/.test(word) ? this.#allocations[Number(word.slice(1)) - 1] : undefined;
    if (allocation === undefined) {
      throw new InputError(
        `found ${word === "" ? "nothing" : word}, expected an allocation, $1 to $${this.#allocations.length}`,
      );
    }
    return allocation;
  }

  #publish(): void {
    this.#object.publish();
    this.#print(`published ${this.#object.usage.symbols} names`);
  }

  #syms(): void {
    for (const { name, address, size, type } of this.#object.symbols()) {
      const kind = symbolTypeName(type).replace(/^STT_/, "");
      this.#print(`  ${hex(address)} ${String(size).padStart(6)} ${kind.padEnd(9)} ${name}`);
    }
    const { symbols, text, rodata, data } = this.#object.usage;
    this.#print(`${symbols} names; ${text} bytes of text, ${rodata} of rodata, ${data} of data`);
  }

  #maps(): void {
    const { base, name } = this.#object;
    for (const line of readFileSync("/proc/self/maps", "utf8").split("\n")) {
      if (
        line.includes(`/${name} `) ||
        line.endsWith(`/${name}`) ||
        line.includes(`:${name} `) ||
        line.includes(base.toString(16))
      ) {
        this.#print(`  ${line}`);
      }
    }
  }

  #help(): void {
    const width = Math.max(...[...this.#commands.values()].map(({ usage }) => usage.length));
    for (const { usage, what } of this.#commands.values()) {
      this.#print(`  ${usage.padEnd(width)}  ${what}`);
    }
  }
}

function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}
