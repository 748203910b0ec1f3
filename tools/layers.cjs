/**
 * The layers of the house, as dependency-cruiser rules. ROOMS says, for each room of src/, which rooms it may
 * import from besides itself; the picture is in CONTRIBUTING.md. Type-only imports count as imports.
 */

const PURE = ["bytes", "errors", "elf", "dwarf"];

/** Inferno's modules are read in browsers too: these files of dynld keep to what pure rooms may do. */
const PURE_FILES = "^src/dynld/(inferno/|(closest|dynobj|dynsym|policy|stream|symbol-table)\\.ts$)";

const ROOMS = {
  errors: [],
  bytes: ["errors"],
  elf: ["bytes", "errors"],
  dwarf: ["elf", "bytes", "errors"],
  asm: ["bytes", "errors"],
  host: ["elf", "bytes", "errors"],
  dwfl: ["host", "dwarf", "elf", "bytes", "errors"],
  dlbind: ["dwfl", "host", "dwarf", "elf", "bytes", "errors"],
  dynld: ["dlbind", "dwfl", "host", "dwarf", "elf", "bytes", "errors"],
  rtld: ["dwfl", "host", "dwarf", "elf", "bytes", "errors"],
  cli: ["dynld", "rtld", "dlbind", "asm", "dwfl", "host", "dwarf", "elf", "bytes", "errors"],
  web: ["dynld", "rtld", "dlbind", "asm", "dwfl", "host", "dwarf", "elf", "bytes", "errors"],
};

/** Matches the files of rooms: `src/elf/…` and `src/errors.ts`. */
const inRooms = (rooms) => `^src/(${rooms.join("|")})(/|\\.ts$)`;

const KOFFI = "(^|/)koffi(/|$)";

const layers = Object.entries(ROOMS).map(([room, below]) => ({
  name: `layer-${room}`,
  comment: `${room} may import from: ${below.join(", ") || "nothing"}`,
  severity: "error",
  from: { path: inRooms([room]) },
  to: { path: "^src/", pathNot: inRooms([room, ...below]) },
}));

module.exports = {
  forbidden: [
    ...layers,
    {
      name: "known-room",
      comment: "a new room needs a row in tools/layers.cjs before it may import anything",
      severity: "error",
      from: { path: "^src/", pathNot: inRooms(Object.keys(ROOMS)) },
      to: {},
    },
    {
      name: "no-cycle",
      comment: "no file may reach itself through imports",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "pure-no-node",
      comment: "pure rooms run in a browser: no Node built-ins",
      severity: "error",
      from: { path: [inRooms(PURE), PURE_FILES] },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "pure-never-reaches-ffi",
      comment: "importing bindery/elf or bindery/dwarf must not load the FFI library",
      severity: "error",
      from: { path: [inRooms(PURE), PURE_FILES] },
      to: { path: KOFFI, reachable: true },
    },
    {
      name: "only-host-loads-ffi",
      comment: "src/host is the only room that touches native code",
      severity: "error",
      from: { path: "^src/", pathNot: inRooms(["host"]) },
      to: { path: KOFFI },
    },
    {
      name: "src-stands-alone",
      comment: "what is shipped imports nothing that is not",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|bench|examples|scripts|tools)/" },
    },
    {
      name: "shipped-dependencies",
      comment: "src/ may import only what package.json lists under dependencies",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "resolvable",
      comment: "every import leads somewhere",
      severity: "error",
      from: { path: "^src/" },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    parser: "tsc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types", "default"] },
  },
};
