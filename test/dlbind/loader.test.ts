import { describe, expect, it } from "vitest";
import { LiveObject } from "../../src/dlbind/index.ts";
import { STB, STT, STV } from "../../src/elf/constants/symbol.ts";
import { ADD, bindCode, DATA, RODATA, returning, returningAddress, TEXT } from "./support/code.ts";
import { loadHelper } from "./support/native.ts";
import { descriptors, mappings } from "./support/process.ts";
import { refused } from "./support/refused.ts";

const c = loadHelper("loader.c");
type Word = number | bigint;
const cDlsym = c.function<Word>("uintptr_t c_dlsym(uintptr_t handle, const char *name)");
const cDlvsym = c.function<Word>(
  "uintptr_t c_dlvsym(uintptr_t handle, const char *name, const char *version)",
);
const cDladdr = c.function<string | null>("const char *c_dladdr(uintptr_t address)");
const cDladdrStart = c.function<Word>("uintptr_t c_dladdr_start(uintptr_t address)");
const cDladdrObject = c.function<string>("const char *c_dladdr_object(uintptr_t address)");
const callInt = c.function<number>("int call_int(uintptr_t function)");
const countObjects = c.function<number>("int count_objects(const char *part)");
const baseOfObject = c.function<Word>("uintptr_t base_of_object(const char *part)");
const countLinkMap = c.function<number>("int count_link_map(const char *part)");

const find = (lib: LiveObject, name: string): bigint => BigInt(cDlsym(lib.handle, name));
const findVersion = (lib: LiveObject, name: string, version: string): bigint =>
  BigInt(cDlvsym(lib.handle, name, version));

describe("a live object, seen from C", () => {
  it("gives dlsym its functions and data the moment they are bound", () => {
    using lib = LiveObject.create("seen");
    const answer = bindCode(lib, "answer", returning(42));
    expect(callInt(find(lib, "answer"))).toBe(42);
    expect(find(lib, "answer")).toBe(answer.address);
    const number = lib.alloc(4, DATA);
    number.view.setInt32(0, 7, true);
    lib.bind("number", number);
    const text = lib.alloc(6, RODATA);
    text.write(Buffer.from("hello\0"));
    lib.bind("greeting", text, { type: STT.STT_OBJECT });
    expect(find(lib, "number")).toBe(number.address);
    expect(find(lib, "greeting")).toBe(text.address);
    lib.rebind("answer", bindCode(lib, "other", returning(43)));
    expect(callInt(find(lib, "answer"))).toBe(43);
    lib.unbind("answer");
    expect(find(lib, "answer")).toBe(0n);
    expect(callInt(find(lib, "other"))).toBe(43);
  });

  it("has its addresses named by dladdr, inside a function too, and no more once unbound", () => {
    using lib = LiveObject.create("named");
    const { address } = bindCode(lib, "named_function", ADD);
    for (const offset of [0n, 3n]) {
      expect(cDladdr(address + offset)).toBe("named_function");
      expect(BigInt(cDladdrStart(address + offset))).toBe(address);
    }
    expect(cDladdr(address + 4n)).toBe("");
    expect(cDladdrObject(address)).toBe(lib.path);
    lib.unbind("named_function");
    expect(cDladdr(address)).toBe("");
  });

  it("stands in dl_iterate_phdr and in the link map by its name, and in the mappings as a memfd of that name", () => {
    const name = "recognisable-object";
    expect(countObjects(name)).toBe(0);
    const lib = LiveObject.create(name);
    expect(countObjects(name)).toBe(1);
    expect(BigInt(baseOfObject(name))).toBe(lib.base);
    expect(countLinkMap(`/${name}.so`)).toBe(1);
    const shown = mappings().filter(({ path }) => path.startsWith(`/memfd:bindery:${name} `));
    expect(shown.some(({ start }) => start === lib.base)).toBe(true);
    expect(descriptors(`/memfd:bindery:${name} `)).toHaveLength(1);
    lib.delete();
    expect(countObjects(name)).toBe(0);
    expect(countLinkMap(name)).toBe(0);
    expect(mappings().filter(({ path }) => path.includes(name))).toEqual([]);
  });

  it("has no page that is writable and executable, whatever is done to it", () => {
    using lib = LiveObject.create("strict", { perf: ["map"] });
    using plain = LiveObject.create("strict-memfd");
    for (const object of [lib, plain]) {
      const code = bindCode(object, "f", returning(1));
      object.publish();
      code.bytes[1] = 2;
      object.publish();
      code.free();
      bindCode(object, "g", returning(2));
    }
    const both = mappings().filter(
      ({ permissions }) => permissions.includes("w") && permissions.includes("x"),
    );
    // V8 has such mappings of its own; ours have the object's name, or hold its addresses.
    const text = [...lib.symbols(), ...plain.symbols()].map(({ address }) => address);
    expect(both.filter(({ path }) => path.includes("bindery"))).toEqual([]);
    expect(both.filter(({ start, end }) => text.some((at) => start <= at && at < end))).toEqual([]);
    for (const at of text) {
      const [mapping] = mappings().filter(({ start, end }) => start <= at && at < end);
      expect(mapping?.permissions).toBe("r-xp");
    }
  });

  it("lets the loader choose by a resolver: STT_GNU_IFUNC", () => {
    using lib = LiveObject.create("chosen");
    const chosen = bindCode(lib, "chosen", returning(5));
    const other = bindCode(lib, "other", returning(6));
    const resolver = bindCode(lib, "f", returningAddress(chosen.address), { type: STT.STT_GNU_IFUNC });
    expect(find(lib, "f")).toBe(chosen.address);
    expect(callInt(find(lib, "f"))).toBe(5);
    expect(lib.symbol("f")?.address).toBe(resolver.address);
    expect(lib.call("int f(void)")).toBe(5);
    resolver.write(returningAddress(other.address));
    expect(callInt(find(lib, "f"))).toBe(6);
  });

  it("refuses thread-local symbols with a reason", () => {
    using lib = LiveObject.create("threads");
    const data = lib.alloc(8, DATA);
    const error = refused("DLBIND_UNSUPPORTED", () => lib.bind("errno", data, { type: STT.STT_TLS }));
    expect(error.message).toMatch(/threads: bind errno: STT_TLS: the loader fixes/);
    expect(find(lib, "errno")).toBe(0n);
  });

  it("keeps versions apart: name@V1 by dlvsym only, name@@V2 by both, a name without one by dlsym", () => {
    using lib = LiveObject.create("versions", { versions: ["V1", "V2", "V3"] });
    const [one, two, three, plain] = [1, 2, 3, 4].map((value) => {
      const allocation = lib.alloc(8, TEXT);
      allocation.write(returning(value));
      return allocation.address;
    });
    if (one === undefined || two === undefined || three === undefined || plain === undefined)
      throw new Error();
    lib.bind("f", one, { version: "V1", hidden: true });
    expect(find(lib, "f")).toBe(0n);
    lib.bind("f", two, { version: "V2" });
    expect(find(lib, "f")).toBe(two);
    expect(findVersion(lib, "f", "V1")).toBe(one);
    expect(findVersion(lib, "f", "V2")).toBe(two);
    expect(findVersion(lib, "f", "V3")).toBe(0n);
    refused("DLBIND_DUPLICATE", () => lib.bind("f", three, { version: "V3" }));
    expect(find(lib, "f")).toBe(two);
    lib.bind("g", plain);
    expect(find(lib, "g")).toBe(plain);
    expect(findVersion(lib, "g", "V1")).toBe(0n);
    lib.unbind("f", { version: "V2" });
    expect(find(lib, "f")).toBe(0n);
    expect(findVersion(lib, "f", "V1")).toBe(one);
  });

  it("obeys binding and visibility: local and hidden names are for debuggers only, a strong one displaces a weak one", () => {
    using lib = LiveObject.create("binding");
    const [one, two] = [bindCode(lib, "one", returning(1)), bindCode(lib, "two", returning(2))];
    lib.bind("local", one, { binding: STB.STB_LOCAL });
    lib.bind("hidden", one, { visibility: STV.STV_HIDDEN });
    lib.bind("protected", one, { visibility: STV.STV_PROTECTED });
    expect([find(lib, "local"), find(lib, "hidden"), find(lib, "protected")]).toEqual([0n, 0n, one.address]);
    lib.bind("f", one, { binding: STB.STB_WEAK });
    refused("DLBIND_DUPLICATE", () => lib.bind("f", two, { binding: STB.STB_WEAK }));
    expect(find(lib, "f")).toBe(one.address);
    lib.bind("f", two);
    expect(find(lib, "f")).toBe(two.address);
    refused("DLBIND_DUPLICATE", () => lib.bind("f", one));
    expect(find(lib, "f")).toBe(two.address);
  });

  it("is searched by default when global, and not when it is not", () => {
    using local = LiveObject.create("private", { global: false });
    bindCode(local, "bindery_test_private", returning(1));
    expect(BigInt(cDlsym(0n, "bindery_test_private"))).toBe(0n);
    expect(callInt(find(local, "bindery_test_private"))).toBe(1);
  });

  it("lets two objects of one name live side by side", () => {
    using a = LiveObject.create("twin");
    using b = LiveObject.create("twin");
    bindCode(a, "which", returning(1));
    bindCode(b, "which", returning(2));
    expect(callInt(find(a, "which"))).toBe(1);
    expect(callInt(find(b, "which"))).toBe(2);
    expect(a.path).not.toBe(b.path);
    a.delete();
    expect(callInt(find(b, "which"))).toBe(2);
  });
});
