import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { demangle } from "../../src/elf/demangle/index.ts";

const LIBRARIES = "/usr/lib/x86_64-linux-gnu";

/** The same names by GNU's demangler; `-i` leaves `std::string` short, as nm and readelf do. */
function cxxfilt(names: readonly string[]): string[] {
  const input = `${names.join("\n")}\n`;
  return execFileSync("c++filt", ["-i"], { input, encoding: "utf8", maxBuffer: 1 << 28 })
    .split("\n")
    .slice(0, -1);
}

function mangledNamesOf(library: string): string[] {
  const listing = execFileSync("nm", ["-D", library], { encoding: "utf8", maxBuffer: 1 << 28 });
  return [...new Set([...listing.matchAll(/ (_[ZR]\w+)/g)].map((match) => match[1] ?? ""))];
}

/** Real names, by what is hard about them. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  "functions and variables": [
    "_Z1fv",
    "_ZL1fv",
    "_ZN12_GLOBAL__N_11fEv",
    "_ZN1A1BIiE1fIdEEvT_",
    "_ZlsRSoRK1A",
  ],
  "qualifiers of member functions": [
    "_ZNO1A1fEv",
    "_ZNKR1A1fEv",
    "_ZNVK1A1fEv",
    "_Z1fM1AKFivE",
    "_ZNK1AltERKS_",
  ],
  declarators: [
    "_Z1fPFivE",
    "_Z1fPFPFivEvE",
    "_Z1fPFRA3_ivE",
    "_Z1fA10_A5_Kc",
    "_Z1fRA10_Kc",
    "_Z1fPKA3_PFivE",
    "_Z1fPM1Ai",
  ],
  "exception specifications": ["_Z1fPDoFvvE", "_Z1fPDOLb1EEFvvE", "_Z1fPVKDoFvvRE"],
  "standard abbreviations": [
    "_ZNSsC1Ev",
    "_ZNSaIcEC2Ev",
    "_Z1fSs",
    "_ZNSt6vectorIiSaIiEEC1ERKS1_",
    "_ZNSi6ignoreEv",
  ],
  "constructors and destructors": ["_ZN1AIiEC1ERKS0_", "_ZN1AD0Ev", "_ZN1AC1IiEET_", "_ZN1AB5cxx11C2Ev"],
  "local names": [
    "_ZZ1fvE1s_0",
    "_ZZ1fvEs",
    "_ZZ1fiEN1B1gEv_0",
    "_ZZN1AC1EvENKUlvE_clEv",
    "_ZZ1fiEd_NKUlvE_clEv",
  ],
  lambdas: ["_ZZ1fvENKUlT_E_clIiEEDaS_", "_ZNK3fooMUlvE_clEv", "_ZZ1fvENKUlvE0_clEv"],
  "special names": [
    "_ZTV1A",
    "_ZTI1A",
    "_ZThn8_N1A1bEv",
    "_ZTv0_n24_N1A1bEv",
    "_ZTC1A0_1B",
    "_ZGVZ1fvE1s",
    "_ZTAXtl1ALi3EEE",
  ],
  clones: ["_Z1fv.part.0", "_Z1fv.constprop.0.isra.1", "_Z1fv.cold"],
  packs: ["_Z1fIJidEEvDpT_", "_Z1fIJEEvDpT_i", "_Z1fIJiiEEvDTsZT_E", "_Z1fIJiiEEDTflplfp_EDpT_"],
  literals: [
    "_Z1fILb1ELin3ELf3f800000ELj4ELc65EEvv",
    "_Z1fILPv0EEvv",
    "_Z1fILDn0EEvv",
    "_Z1fIXadL_ZN1A1gEvEEEvv",
  ],
  expressions: [
    ...["_ZN1AIXgtLi3ELi4EEE1fEv", "_Z1fIiEDTpp_fp_ET_", "_Z1fIiEDTppfp_ET_", "_Z1fIiEDTclsr3stdE3fooIiEEEv"],
    ...[
      "_Z1fIiEDTcvT__Li1ELi2EEEi",
      "_Z1fIiEDTscT_fp_Ei",
      "_Z1fIiEDTtlT_Li1EEEv",
      "_Z1fIiEDTquLb1Efp_Li2EET_",
    ],
    ...["_Z1fI1AEDTcldtfp_3fooLi2EEET_", "_Z1fIiEDTnw_T_piEEv", "_Z1fIiEDTszfp_ET_", "_Z1fIiEDTixfp_Li2EET_"],
  ],
  "conversion operators": ["_ZN1AcvPT_IiEEv", "_ZNK1AcvbEv", "_ZN1AcvT_IiEEv"],
  "vectors, vendor types and recent builtins": [
    "_Z1fDv4_f",
    "_Z1fU8__vectorPi",
    "_Z1fDn",
    "_Z1fDF16_",
    "_Z1fDu",
    "_ZDC1a1bE",
  ],
  "Rust, legacy": [
    "_ZN4core3fmt9Formatter3new17h0123456789abcdefE",
    "_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar17h930b740aa94f1d3aE",
    "_ZN3foo17h05af221e174051e9E.llvm.1234",
    "_ZN3std10sys_common11thread_info11THREAD_INFO7__getit5STATE17h18910aa68809130fE.0",
  ],
  "Rust, v0": [
    "_RNvCs1234_7mycrate3foo",
    "_RINvMNtCs8NwYtU1Mohg_4core3stre18trim_start_matchesReECscYsbIx0cOGh_14rustc_demangle",
    "_RINvMNtCs8NwYtU1Mohg_4core6optionINtB3_6OptionTRINtNtB5_4cell4CellhEBJ_EE3zipBJ_ECsg0oAa7DM2pc_11miniz_oxide",
    "_RNCNCNgCs6DXkGYLi8lr_2cc5spawn00B5_",
    "_RNvXs_C7mycrateINtB2_3FooKj7_ENtB2_3Bar3baz",
    "_RINvCs1_1a1fDG_INtC1b1TL0_EpC1XuEL_E",
    "_RINvCs1_1a1fFG0_RL1_hRL0_hEuE",
    "_RINvCs1_1a1fFUKCEzE",
    "_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y",
    "_RINvC1a1fKc61_Kb1_Kan7b_Kyffffffffffffffff_E",
  ],
  "not mangled": ["main", "_start", "_Z", "_ZZ", "_R", "_RZ", "_Zebra", "__Z1fv", "_ZN1A", ""],
};

describe("the same as c++filt", () => {
  test.each(Object.entries(NAMES))("%s", (_, names) => {
    expect(names.map(demangle)).toEqual(cxxfilt(names));
  });

  test("abbreviations and packs of the ABI's own examples", () => {
    // [Itanium C++ ABI 5.1.10, 5.1.11]
    expect(demangle("_Z1fIiEvi")).toBe("void f<int>(int)");
    expect(demangle("_ZN1N1TIiiE2mfES0_IddE")).toBe("N::T<int, int>::mf(N::T<double, double>)");
    expect(demangle("_ZSt5state")).toBe("std::state");
    expect(demangle("_ZNSt3_In4wardE")).toBe("std::_In::ward");
  });

  test("128-bit constants of Rust, where GNU misreads its own buffer", () => {
    // [rustc-demangle]: values beyond 64 bits are printed in hexadecimal.
    expect(demangle("_RINvC1a1fKn7fffffffffffffffffffffffffffffff_E")).toBe(
      "a::f::<0x7fffffffffffffffffffffffffffffff>",
    );
  });

  const libraries = readdirSync(LIBRARIES).filter((name) =>
    /^libstdc\+\+\.so\.6$|^libLLVM[-.\d]*\.so\.?[\d.]*$/.test(name),
  );
  test("every C++ name that libstdc++ and LLVM export", () => {
    const chosen = [
      libraries.find((name) => name.startsWith("libstdc")),
      libraries.find((name) => name.startsWith("libLLVM")),
    ];
    const names = chosen.flatMap((name) => mangledNamesOf(`${LIBRARIES}/${name}`));
    const theirs = cxxfilt(names);
    const different = names.filter((name, n) => demangle(name) !== theirs[n]);
    expect(names.length).toBeGreaterThan(20_000);
    // Versions of GNU's demangler differ in a few dark corners; the one of Debian 12 agrees on every name.
    expect(different.length / names.length, different.slice(0, 5).join("\n")).toBeLessThan(0.001);
  });
});

test("hostile names are returned as they are, in bounded time", () => {
  const deep = `_Z1f${"P".repeat(100_000)}i`;
  // f(A, B<A, A>, B<B<A, A>, B<A, A> >, …): each parameter is twice as long as the one before.
  let explosive = "_Z1f1A1BIS_S_E";
  for (let n = 1; n < 35; n++) {
    const last = `S${n.toString(36).toUpperCase()}_`;
    explosive += `S0_I${last}${last}E`;
  }
  for (const name of [
    deep,
    `_ZN${"1a".repeat(70_000)}E`,
    `_R${"NvB_".repeat(10_000)}`,
    `_RINvC1a1f${"B".repeat(500)}_E`,
  ]) {
    expect(demangle(name)).toBe(name);
  }
  expect(demangle(explosive)).toBe(explosive);
  expect(demangle(explosive.slice(0, 25))).toBe("f(A, B<A, A>, B<B<A, A>, B<A, A> >)");
});

test("mutated names never throw", () => {
  const seeds = Object.values(NAMES).flat();
  let state = 12_345;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state % below;
  };
  const alphabet = "_ZNSTIEKRPFAMDLJXtacdvi0123456789.$uB";
  for (let round = 0; round < 20_000; round++) {
    const seed = seeds[random(seeds.length)] ?? "";
    const at = random(seed.length + 1);
    const mutant = seed.slice(0, at) + alphabet.charAt(random(alphabet.length)) + seed.slice(at + random(3));
    expect(typeof demangle(mutant)).toBe("string");
  }
});
