/** Codes of the Itanium C++ ABI: operators [5.1.3.1], builtin types [5.1.5.2] and standard abbreviations [5.1.10]. */

export interface Operator {
  readonly name: string;
  /** Operands in an expression. */
  readonly operands: number;
}

const op = (name: string, operands: number): Operator => ({ name, operands });

/** Operators by their two-letter code. A name that ends with a space is a word. */
export const OPERATORS: Readonly<Record<string, Operator>> = {
  aN: op("&=", 2),
  aS: op("=", 2),
  aa: op("&&", 2),
  ad: op("&", 1),
  an: op("&", 2),
  at: op("alignof ", 1),
  aw: op("co_await ", 1),
  az: op("alignof ", 1),
  cc: op("const_cast", 2),
  cl: op("()", 2),
  cm: op(",", 2),
  co: op("~", 1),
  dV: op("/=", 2),
  dX: op("[...]=", 3),
  da: op("delete[] ", 1),
  dc: op("dynamic_cast", 2),
  de: op("*", 1),
  di: op("=", 2),
  dl: op("delete ", 1),
  ds: op(".*", 2),
  dt: op(".", 2),
  dv: op("/", 2),
  dx: op("]=", 2),
  eO: op("^=", 2),
  eo: op("^", 2),
  eq: op("==", 2),
  fL: op("...", 3),
  fR: op("...", 3),
  fl: op("...", 2),
  fr: op("...", 2),
  ge: op(">=", 2),
  gs: op("::", 1),
  gt: op(">", 2),
  ix: op("[]", 2),
  lS: op("<<=", 2),
  le: op("<=", 2),
  li: op('operator"" ', 1),
  ls: op("<<", 2),
  lt: op("<", 2),
  mI: op("-=", 2),
  mL: op("*=", 2),
  mi: op("-", 2),
  ml: op("*", 2),
  mm: op("--", 1),
  na: op("new[]", 3),
  ne: op("!=", 2),
  ng: op("-", 1),
  nt: op("!", 1),
  nw: op("new", 3),
  nx: op("noexcept", 1),
  oR: op("|=", 2),
  oo: op("||", 2),
  or: op("|", 2),
  pL: op("+=", 2),
  pl: op("+", 2),
  pm: op("->*", 2),
  pp: op("++", 1),
  ps: op("+", 1),
  pt: op("->", 2),
  qu: op("?", 3),
  rM: op("%=", 2),
  rS: op(">>=", 2),
  rc: op("reinterpret_cast", 2),
  rm: op("%", 2),
  rs: op(">>", 2),
  sP: op("sizeof...", 1),
  sZ: op("sizeof...", 1),
  sc: op("static_cast", 2),
  ss: op("<=>", 2),
  st: op("sizeof ", 1),
  sz: op("sizeof ", 1),
  te: op("typeid ", 1),
  ti: op("typeid ", 1),
  tr: op("throw", 0),
  tw: op("throw ", 1),
};

/** Builtin types by their letter. */
export const BUILTIN_TYPES: Readonly<Record<string, string>> = {
  a: "signed char",
  b: "bool",
  c: "char",
  d: "double",
  e: "long double",
  f: "float",
  g: "__float128",
  h: "unsigned char",
  i: "int",
  j: "unsigned int",
  l: "long",
  m: "unsigned long",
  n: "__int128",
  o: "unsigned __int128",
  s: "short",
  t: "unsigned short",
  v: "void",
  w: "wchar_t",
  x: "long long",
  y: "unsigned long long",
  z: "...",
};

/** Builtin types by the letter behind `D`. */
export const EXTENDED_TYPES: Readonly<Record<string, string>> = {
  a: "auto",
  c: "decltype(auto)",
  d: "decimal64",
  e: "decimal128",
  f: "decimal32",
  h: "half",
  i: "char32_t",
  n: "decltype(nullptr)",
  s: "char16_t",
  u: "char8_t",
};

/** Suffixes of literals whose type needs no mention; other types are written out as a cast. */
export const LITERAL_SUFFIXES: Readonly<Record<string, string>> = {
  int: "",
  "unsigned int": "u",
  long: "l",
  "unsigned long": "ul",
  "long long": "ll",
  "unsigned long long": "ull",
};

export interface StandardName {
  readonly short: string;
  /** Spelled out, as constructors and destructors need it. */
  readonly full: string;
  /** What a constructor of it is called. */
  readonly last: string | undefined;
}

const TRAITS = "std::char_traits<char>";

/** Standard abbreviations by the letter behind `S`. */
export const STANDARD_NAMES: Readonly<Record<string, StandardName>> = {
  t: { short: "std", full: "std", last: undefined },
  a: { short: "std::allocator", full: "std::allocator", last: "allocator" },
  b: { short: "std::basic_string", full: "std::basic_string", last: "basic_string" },
  s: {
    short: "std::string",
    full: `std::basic_string<char, ${TRAITS}, std::allocator<char> >`,
    last: "basic_string",
  },
  i: { short: "std::istream", full: `std::basic_istream<char, ${TRAITS} >`, last: "basic_istream" },
  o: { short: "std::ostream", full: `std::basic_ostream<char, ${TRAITS} >`, last: "basic_ostream" },
  d: { short: "std::iostream", full: `std::basic_iostream<char, ${TRAITS} >`, last: "basic_iostream" },
};

/** What `T?` and `G?` special names say before the name or type they are about [5.1.4]. */
export const SPECIAL_NAMES: Readonly<
  Record<string, { readonly prefix: string; readonly of: "type" | "name" | "encoding" }>
> = {
  TV: { prefix: "vtable for ", of: "type" },
  TT: { prefix: "VTT for ", of: "type" },
  TI: { prefix: "typeinfo for ", of: "type" },
  TS: { prefix: "typeinfo name for ", of: "type" },
  TF: { prefix: "typeinfo fn for ", of: "type" },
  TJ: { prefix: "java Class for ", of: "type" },
  TH: { prefix: "TLS init function for ", of: "name" },
  TW: { prefix: "TLS wrapper function for ", of: "name" },
  GV: { prefix: "guard variable for ", of: "name" },
  GA: { prefix: "hidden alias for ", of: "encoding" },
};
