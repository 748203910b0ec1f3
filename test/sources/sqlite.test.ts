/** The SQLite amalgamation, a quarter of a million lines, compiled with `-c -g` to one object and loaded as a module. */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { type CType, ExportTable, makeModule, NativeModule, text } from "../../src/dynld/index.ts";
import { FOLDERS, objectOf, scratch } from "./support.ts";

type Row = Readonly<Record<string, string | null>>;

interface Sqlite {
  readonly fn: {
    sqlite3_open(name: string, db: BigUint64Array): number;
    sqlite3_close(db: bigint): number;
    sqlite3_errmsg(db: bigint): string;
    sqlite3_exec(
      db: bigint,
      sql: string,
      callback: ((user: bigint, count: number, values: bigint, names: bigint) => number) | null,
      user: null,
      error: null,
    ): number;
    sqlite3_create_function(
      db: bigint,
      name: string,
      count: number,
      encoding: number,
      user: null,
      call: unknown,
      step: null,
      final: null,
    ): number;
    sqlite3_value_int(value: bigint): number;
    sqlite3_result_int(context: bigint, value: number): void;
    sqlite3_libversion(): string;
  };
  readonly data: object;
}

const [SQLITE_OK, SQLITE_UTF8] = [0, 1];
const source = join(FOLDERS.sqlite, "sqlite3.c");
const flags = ["-g", "-fPIC", "-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION"];
const object = objectOf("gcc", [source], flags);
const made = { name: "sqlite.module", bytes: makeModule([object]).bytes };
const table = new ExportTable().addLibrary("libc.so.6").addLibrary("libm.so.6");

type Query = (sql: string) => Row[];

/** A database that is open as long as an action takes. */
function withDatabase<T>(
  module: NativeModule<Sqlite>,
  name: string,
  action: (query: Query, db: bigint) => T,
): T {
  const { fn } = module;
  const opened = new BigUint64Array(1);
  expect(fn.sqlite3_open(name, opened)).toBe(SQLITE_OK);
  const [db = 0n] = opened;
  const strings = module.type("char *");
  const texts = (address: bigint, count: number): (string | null)[] =>
    Array.from(strings.arrayAt(address, count) as ArrayLike<bigint | null>, (one) =>
      one === null || one === 0n ? null : text(one),
    );
  const query: Query = (sql) => {
    const rows: Row[] = [];
    const addRow = (_user: bigint, count: number, values: bigint, names: bigint): number => {
      const cells = texts(values, count);
      rows.push(Object.fromEntries(texts(names, count).map((column, i) => [column, cells[i] ?? null])));
      return 0;
    };
    const status = fn.sqlite3_exec(db, sql, addRow, null, null);
    if (status !== SQLITE_OK) throw new Error(fn.sqlite3_errmsg(db));
    return rows;
  };
  try {
    return action(query, db);
  } finally {
    expect(fn.sqlite3_close(db)).toBe(SQLITE_OK);
  }
}

/** The type of a parameter, which has no name of its own. */
function parameterType(module: NativeModule<Sqlite>, name: string, index: number): CType {
  const type = module.typeOf(name)?.type;
  const found = type?.kind === "function" ? type.parameters[index] : undefined;
  if (found === undefined) throw new Error(`${name} has no parameter ${index}`);
  return found.type;
}

describe.each([
  ["an object", object],
  ["a module that mkmod made", made],
])("SQLite as %s", (_, file) => {
  const load = () => NativeModule.load<Sqlite>(file, { name: "sqlite", table });

  test("says the version of its source", () => {
    using module = load();
    const version = /#define SQLITE_VERSION +"(.*)"/.exec(readFileSync(source, "utf8"))?.[1];
    expect(module.fn.sqlite3_libversion()).toBe(version);
  });

  test("answers queries as JavaScript does", () => {
    using module = load();
    const people = Array.from({ length: 5000 }, (_, id) => ({
      id,
      town: `town ${(id * 7919) % 13}`,
      age: (id * 31) % 97,
    }));
    withDatabase(module, ":memory:", (query) => {
      query(
        "create table people (id integer primary key, town text, age integer); create index by_town on people(town)",
      );
      const values = people.map(({ id, town, age }) => `(${id}, '${town}', ${age})`);
      query(`insert into people values ${values.join(", ")}`);
      const towns = new Map<string, number[]>();
      for (const { town, age } of people) towns.set(town, [...(towns.get(town) ?? []), age]);
      const expected = [...towns]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([town, ages]) => ({
          town,
          count: String(ages.length),
          oldest: String(Math.max(...ages)),
          total: String(ages.reduce((sum, age) => sum + age, 0)),
        }));
      expect(
        query(
          "select town, count(*) as count, max(age) as oldest, sum(age) as total from people group by town",
        ),
      ).toEqual(expected);
      expect(query("select null as missing, 'ä' || 'ß' as text, round(2.0 / 3, 4) as number")).toEqual([
        { missing: null, text: "äß", number: "0.6667" },
      ]);
      expect(() => query("select * from nobody")).toThrow("no such table: nobody");
    });
  });

  test("calls a function of JavaScript's from SQL, which calls it back", () => {
    using module = load();
    const { fn } = module;
    withDatabase(module, ":memory:", (query, db) => {
      const type = parameterType(module, "sqlite3_create_function", 5);
      using digits = module.type(type).callback((context: bigint, _count: number, values: bigint) => {
        const [value = 0n] = module.type("sqlite3_value *").arrayAt(values, 1) as BigUint64Array;
        const number = fn.sqlite3_value_int(value);
        fn.sqlite3_result_int(
          context,
          [...String(number)].reduce((sum, digit) => sum + Number(digit), 0),
        );
      });
      expect(fn.sqlite3_create_function(db, "digits", 1, SQLITE_UTF8, null, digits, null, null)).toBe(
        SQLITE_OK,
      );
      expect(query("select sum(digits(column1)) as sum from (values (1999), (42), (7))")).toEqual([
        { sum: "41" },
      ]);
    });
  });

  test("leaves a database in a file that another copy of it reads", () => {
    const path = join(scratch, `${basename(file.name)}.db`);
    using first = load();
    withDatabase(first, path, (query) => {
      query("begin; create table kept (word text); insert into kept values ('one'), ('two'); commit");
      query("begin; insert into kept values ('three'); rollback");
    });
    first.unload();
    expect(readFileSync(path).subarray(0, 15).toString()).toBe("SQLite format 3");
    using second = load();
    withDatabase(second, path, (query) => {
      expect(query("select group_concat(word) as words from kept")).toEqual([{ words: "one,two" }]);
      expect(query("pragma integrity_check")).toEqual([{ integrity_check: "ok" }]);
    });
  });
});
