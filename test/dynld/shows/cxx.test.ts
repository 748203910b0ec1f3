/** A plug-in in C++, `g++ -c -g`: static constructors, templates, exceptions inside it and through it. */
import { describe, expect, it } from "vitest";
import { ExportTable, NativeModule } from "../../../src/dynld/index.ts";
import { compile } from "../support/compile.ts";

/** A registry of parsers that fill themselves in by static constructors, and throw at what they can't read. */
const PARSERS = `
#include <charconv>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" void host_log(const char *line);

namespace parsers {

class bad_input : public std::runtime_error {
  using runtime_error::runtime_error;
};

using parser = std::function<long(const std::string &)>;

std::map<std::string, parser> &registry()
{
  static std::map<std::string, parser> all;
  return all;
}

struct registered {
  std::string name;
  registered(std::string n, parser p) : name(std::move(n))
  {
    registry().emplace(name, std::move(p));
    host_log(("+" + name).c_str());
  }
  ~registered() { host_log(("-" + name).c_str()); }
};

/** What is left open when an exception passes. */
struct guard {
  const char *name;
  ~guard() { host_log(name); }
};

template <int Base> long number(const std::string &text)
{
  guard open{Base == 10 ? "decimal closed" : "hexadecimal closed"};
  long value = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, Base);
  if (failed != std::errc() || end != text.data() + text.size())
    throw bad_input("not a number: " + text);
  return value;
}

registered decimal("decimal", number<10>);
registered hexadecimal("hexadecimal", number<16>);

template <class T> T sum(const std::vector<T> &values)
{
  T total{};
  for (const T &value : values)
    total += value;
  return total;
}

} // namespace parsers

extern "C" {
struct parsed {
  bool ok;
  long value;
  char why[48];
};

struct parsed parse(const char *kind, const char *text)
{
  struct parsed result = {};
  try {
    result.value = parsers::registry().at(kind)(text);
    result.ok = true;
  } catch (const parsers::bad_input &error) {
    std::string(error.what()).copy(result.why, sizeof result.why - 1);
  } catch (const std::out_of_range &) {
    std::string("no such parser").copy(result.why, sizeof result.why - 1);
  }
  return result;
}

/* Lets what is thrown pass. */
long must_parse(const char *kind, const char *text) { return parsers::registry().at(kind)(text); }

double total(const double *values, int count) { return parsers::sum(std::vector<double>(values, values + count)); }
}
`;

/** Another module, which calls what may throw and catches it by its base class. */
const CALLER = `
#include <exception>
#include <cstring>
extern "C" long must_parse(const char *kind, const char *text);
extern "C" long parse_or(const char *text, long otherwise, char *why)
{
  try {
    return must_parse("hexadecimal", text);
  } catch (const std::exception &error) {
    strcpy(why, error.what());
    return otherwise;
  }
}
`;

interface Parsers {
  readonly fn: {
    parse(
      kind: string,
      text: string,
    ): { readonly ok: boolean; readonly value: bigint; readonly why: Int8Array };
    total(values: Float64Array, count: number): number;
  };
  readonly data: object;
}

describe.each([
  ["g++", ["-g"]],
  ["clang++", ["-g", "-O2", "-fPIC"]],
] as const)("a plug-in in C++ of %s %j", (compiler, flags) => {
  const lines: string[] = [];
  const table = new ExportTable()
    .addLibrary("libstdc++.so.6")
    .addLibrary("libgcc_s.so.1")
    .addLibrary("libc.so.6")
    .addLibrary("libm.so.6")
    .addFunction("void host_log(const char *line)", (line: string) => {
      lines.push(line);
    });
  const file = compile(PARSERS, compiler, [...flags, "-std=c++17"]);

  it("is constructed, called, throws within, and is destroyed in reverse", () => {
    lines.length = 0;
    const module = NativeModule.load<Parsers>(file, { name: "parsers", table });
    expect(lines).toEqual(["+decimal", "+hexadecimal"]);
    const { parse, total } = module.fn;
    expect(parse("decimal", "-1234")).toMatchObject({ ok: true, value: -1234n });
    expect(parse("hexadecimal", "7fff")).toMatchObject({ ok: true, value: 0x7fffn });
    const why = (kind: string, input: string): string => {
      const result = parse(kind, input);
      expect(result.ok).toBe(false);
      return Buffer.from(result.why).toString("latin1").replaceAll("\0", "");
    };
    expect(why("decimal", "12f")).toBe("not a number: 12f");
    expect(why("roman", "XII")).toBe("no such parser");
    expect(total(Float64Array.of(1.5, 2.5, -1), 3)).toBe(3);
    lines.length = 0;
    module.unload();
    expect(lines).toEqual(["-hexadecimal", "-decimal"]);
  });

  it("lets an exception through to the module that called it, closing what was open on the way", () => {
    using module = NativeModule.load(file, { name: "parsers", table });
    const offered = new ExportTable()
      .addModule(module)
      .addLibrary("libstdc++.so.6")
      .addLibrary("libgcc_s.so.1");
    offered.addLibrary("libc.so.6");
    using caller = NativeModule.load(compile(CALLER, compiler, flags), { name: "caller", table: offered });
    const parseOr = caller.fn.parse_or;
    const why = Buffer.alloc(64);
    expect(parseOr?.("ff", -1n, why)).toBe(255n);
    lines.length = 0;
    expect(parseOr?.("xyz", -1n, why)).toBe(-1n);
    expect(why.toString("latin1").split("\0")[0]).toBe("not a number: xyz");
    expect(lines).toEqual(["hexadecimal closed"]);
    expect(() => module.unload()).toThrow("imports of other modules lead here");
  });
});
