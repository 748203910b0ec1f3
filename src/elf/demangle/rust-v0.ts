/** Rust's v0 mangling [RFC 2603]. Printed while it is parsed; back references are followed by parsing again. */
import { NOT_MANGLED } from "./parser.ts";
import { decodePunycode } from "./punycode.ts";

const BASIC_TYPES: Readonly<Record<string, string>> = {
  a: "i8",
  b: "bool",
  c: "char",
  d: "f64",
  e: "str",
  f: "f32",
  h: "u8",
  i: "isize",
  j: "usize",
  l: "i32",
  m: "u32",
  n: "i128",
  o: "u128",
  p: "_",
  s: "i16",
  t: "u16",
  u: "()",
  v: "...",
  x: "i64",
  y: "u64",
  z: "!",
};

const MAX_DEPTH = 300;
const MAX_LENGTH = 1 << 18;

/** Demangles `_R…`; crate hashes and types of constants are left out, as rustfilt and c++filt do. */
export function demangleRustV0(mangled: string): string {
  const [, body] = /^_R([A-Z][A-Za-z0-9_]*)(?:\..*|\$.*)?$/.exec(mangled) ?? [];
  if (body === undefined) {
    throw NOT_MANGLED;
  }
  return new RustPath(body).demangle();
}

interface Identifier {
  readonly name: string;
  readonly disambiguator: number;
}

class RustPath {
  readonly #text: string;
  #at = 0;
  #out = "";
  /** Nothing is printed while this is above zero. */
  #silent = 0;
  #depth = 0;
  /** Lifetimes bound by the `for<…>` around. */
  #boundLifetimes = 0;

  constructor(text: string) {
    this.#text = text;
  }

  demangle(): string {
    this.#path(true);
    if (this.#at < this.#text.length) {
      // The crate that instantiated a generic function.
      this.#silently(() => this.#path(false));
    }
    if (this.#at !== this.#text.length) {
      throw NOT_MANGLED;
    }
    return this.#out;
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #next(): string {
    const character = this.#peek();
    this.#at += 1;
    if (character === "") {
      throw NOT_MANGLED;
    }
    return character;
  }

  #accept(character: string): boolean {
    if (this.#peek() === character) {
      this.#at += 1;
      return true;
    }
    return false;
  }

  #print(text: string): void {
    if (this.#silent === 0) {
      this.#out += text;
    }
    if (this.#out.length > MAX_LENGTH) {
      throw NOT_MANGLED;
    }
  }

  #silently(action: () => void): void {
    this.#silent += 1;
    action();
    this.#silent -= 1;
  }

  #nested(action: () => void): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) {
      throw NOT_MANGLED;
    }
    action();
    this.#depth -= 1;
  }

  /** Base-62: `_` is 0, `0_` is 1. Crate hashes have 64 bits and lose precision; they are not printed. */
  #base62(): number {
    if (this.#accept("_")) {
      return 0;
    }
    let value = 0;
    for (let character = this.#next(); character !== "_"; character = this.#next()) {
      const digit = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".indexOf(character);
      value = value * 62 + digit;
      if (digit < 0) {
        throw NOT_MANGLED;
      }
    }
    return value + 1;
  }

  /** A base-62 number behind a tag; 0 when the tag is absent, one more than the number when it is there. */
  #optionalBase62(tag: string): number {
    return this.#accept(tag) ? this.#base62() + 1 : 0;
  }

  #identifier(): Identifier {
    const disambiguator = this.#optionalBase62("s");
    const punycode = this.#accept("u");
    const [digits] = /^(0|[1-9][0-9]*)/.exec(this.#text.slice(this.#at, this.#at + 8)) ?? [];
    if (digits === undefined) {
      throw NOT_MANGLED;
    }
    this.#at += digits.length;
    this.#accept("_");
    const end = this.#at + Number(digits);
    if (end > this.#text.length) {
      throw NOT_MANGLED;
    }
    const raw = this.#text.slice(this.#at, end);
    this.#at = end;
    if (!punycode) {
      return { name: raw, disambiguator };
    }
    const split = raw.lastIndexOf("_");
    return { name: decodePunycode(raw.slice(0, Math.max(split, 0)), raw.slice(split + 1)), disambiguator };
  }

  /** Continues at an earlier place, then comes back. */
  #backReference(action: () => void): void {
    const from = this.#at - 1;
    const target = this.#base62();
    if (target >= from) {
      throw NOT_MANGLED;
    }
    if (this.#silent === 0) {
      const hold = this.#at;
      this.#at = target;
      this.#nested(action);
      this.#at = hold;
    }
  }

  /** @param inValue generic arguments need `::<>`, as in expressions */
  #path(inValue: boolean): void {
    this.#nested(() => {
      const tag = this.#next();
      switch (tag) {
        case "C":
          this.#print(this.#identifier().name);
          break;
        case "N":
          this.#nestedPath(inValue);
          break;
        case "M":
        case "X":
          // The impl's own path, which its type says better.
          this.#optionalBase62("s");
          this.#silently(() => this.#path(inValue));
          this.#qualifiedSelf(tag === "X");
          break;
        case "Y":
          this.#qualifiedSelf(true);
          break;
        case "I":
          this.#path(inValue);
          this.#print(inValue ? "::<" : "<");
          this.#separated(", ", () => this.#genericArgument());
          this.#print(">");
          break;
        case "B":
          this.#backReference(() => this.#path(inValue));
          break;
        default:
          throw NOT_MANGLED;
      }
    });
  }

  #nestedPath(inValue: boolean): void {
    const namespace = this.#next();
    if (!/[A-Za-z]/.test(namespace)) {
      throw NOT_MANGLED;
    }
    this.#path(inValue);
    const { name, disambiguator } = this.#identifier();
    if (namespace >= "a") {
      this.#print(name === "" ? "" : `::${name}`);
      return;
    }
    const kind = namespace === "C" ? "closure" : namespace === "S" ? "shim" : namespace;
    this.#print(`::{${kind}${name === "" ? "" : `:${name}`}#${disambiguator}}`);
  }

  /** `<Type>` or `<Type as Trait>` */
  #qualifiedSelf(asTrait: boolean): void {
    this.#print("<");
    this.#type();
    if (asTrait) {
      this.#print(" as ");
      this.#path(false);
    }
    this.#print(">");
  }

  /** Items up to `E`; returns how many. */
  #separated(separator: string, item: () => void): number {
    let count = 0;
    while (!this.#accept("E")) {
      this.#print(count > 0 ? separator : "");
      item();
      count += 1;
    }
    return count;
  }

  #genericArgument(): void {
    if (this.#accept("L")) {
      this.#lifetime(this.#base62());
    } else if (this.#accept("K")) {
      this.#constant();
    } else {
      this.#type();
    }
  }

  #lifetime(index: number): void {
    if (index === 0) {
      this.#print("'_");
      return;
    }
    const depth = this.#boundLifetimes - index;
    if (depth < 0) {
      throw NOT_MANGLED;
    }
    this.#print(depth < 26 ? `'${String.fromCharCode(97 + depth)}` : `'_${depth}`);
  }

  /** `for<'a, 'b> ` around what `action` prints. */
  #binder(action: () => void): void {
    const count = this.#optionalBase62("G");
    if (count > 1000) {
      throw NOT_MANGLED;
    }
    if (count > 0) {
      this.#print("for<");
      for (let n = 0; n < count; n++) {
        this.#print(n > 0 ? ", " : "");
        this.#boundLifetimes += 1;
        this.#lifetime(1);
      }
      this.#print("> ");
    }
    action();
    this.#boundLifetimes -= count;
  }

  #type(): void {
    this.#nested(() => {
      const tag = this.#next();
      const basic = BASIC_TYPES[tag];
      if (basic !== undefined) {
        this.#print(basic);
        return;
      }
      this.#compoundType(tag);
    });
  }

  #compoundType(tag: string): void {
    switch (tag) {
      case "R":
      case "Q":
        this.#print("&");
        if (this.#accept("L")) {
          const lifetime = this.#base62();
          if (lifetime !== 0) {
            this.#lifetime(lifetime);
            this.#print(" ");
          }
        }
        this.#print(tag === "Q" ? "mut " : "");
        this.#type();
        break;
      case "P":
      case "O":
        this.#print(tag === "P" ? "*const " : "*mut ");
        this.#type();
        break;
      case "A":
      case "S":
        this.#print("[");
        this.#type();
        if (tag === "A") {
          this.#print("; ");
          this.#constant();
        }
        this.#print("]");
        break;
      case "T": {
        this.#print("(");
        const count = this.#separated(", ", () => this.#type());
        this.#print(count === 1 ? ",)" : ")");
        break;
      }
      case "F":
        this.#binder(() => this.#functionType());
        break;
      case "D":
        this.#print("dyn ");
        this.#binder(() => this.#separated(" + ", () => this.#dynTrait()));
        if (!this.#accept("L")) {
          throw NOT_MANGLED;
        }
        this.#dynLifetime(this.#base62());
        break;
      case "B":
        this.#backReference(() => this.#type());
        break;
      default:
        this.#at -= 1;
        this.#path(false);
    }
  }

  #dynLifetime(lifetime: number): void {
    if (lifetime !== 0) {
      this.#print(" + ");
      this.#lifetime(lifetime);
    }
  }

  #functionType(): void {
    this.#print(this.#accept("U") ? "unsafe " : "");
    if (this.#accept("K")) {
      const abi = this.#accept("C") ? "C" : this.#identifier().name.replaceAll("_", "-");
      this.#print(`extern "${abi}" `);
    }
    this.#print("fn(");
    this.#separated(", ", () => this.#type());
    this.#print(")");
    if (!this.#accept("u")) {
      this.#print(" -> ");
      this.#type();
    }
  }

  /** A trait of `dyn`, whose associated types join the generic arguments. */
  #dynTrait(): void {
    let open = this.#pathWithOpenGenerics();
    while (this.#accept("p")) {
      this.#print(open ? ", " : "<");
      open = true;
      this.#print(`${this.#identifier().name} = `);
      this.#type();
    }
    this.#print(open ? ">" : "");
  }

  /** Prints a path; true when its `<` is still to be closed. */
  #pathWithOpenGenerics(): boolean {
    let open = false;
    if (this.#accept("B")) {
      this.#backReference(() => {
        open = this.#pathWithOpenGenerics();
      });
    } else if (this.#accept("I")) {
      this.#path(false);
      this.#print("<");
      this.#separated(", ", () => this.#genericArgument());
      open = true;
    } else {
      this.#path(false);
    }
    return open;
  }

  #constant(): void {
    this.#nested(() => {
      const tag = this.#next();
      if (tag === "B") {
        this.#backReference(() => this.#constant());
      } else if (tag === "p") {
        this.#print("_");
      } else if (/[hmjtoy]/.test(tag)) {
        this.#print(hexToDecimal(this.#hex()));
      } else if (/[aislxn]/.test(tag)) {
        this.#print(this.#accept("n") ? "-" : "");
        this.#print(hexToDecimal(this.#hex()));
      } else if (tag === "b") {
        const value = this.#hex();
        if (value !== "0" && value !== "1") {
          throw NOT_MANGLED;
        }
        this.#print(value === "1" ? "true" : "false");
      } else if (tag === "c") {
        this.#print(charLiteral(Number.parseInt(this.#hex(), 16)));
      } else {
        throw NOT_MANGLED;
      }
    });
  }

  #hex(): string {
    const [whole, digits] = /^([0-9a-f]*)_/.exec(this.#text.slice(this.#at, this.#at + 40)) ?? [];
    if (whole === undefined || digits === undefined) {
      throw NOT_MANGLED;
    }
    this.#at += whole.length;
    return digits === "" ? "0" : digits;
  }
}

/** Values beyond 64 bits stay hexadecimal, as in the reference implementation. */
function hexToDecimal(digits: string): string {
  return digits.length > 16 ? `0x${digits}` : BigInt(`0x${digits}`).toString();
}

const CHAR_ESCAPES: Readonly<Record<string, string>> = {
  "\t": "\\t",
  "\r": "\\r",
  "\n": "\\n",
  "'": "\\'",
  "\\": "\\\\",
};

function charLiteral(point: number): string {
  if (!(point <= 0x10ffff) || (point >= 0xd800 && point <= 0xdfff)) {
    throw NOT_MANGLED;
  }
  const character = String.fromCodePoint(point);
  const escaped =
    CHAR_ESCAPES[character] ?? (point < 0x20 || point === 0x7f ? `\\u{${point.toString(16)}}` : character);
  return `'${escaped}'`;
}
