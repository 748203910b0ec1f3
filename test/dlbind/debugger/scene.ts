/**
 * A process and debuggers around it for the length of one test.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { Gdb } from "../../support/gdb.ts";
import { Lldb } from "../../support/lldb.ts";
import { compileCaller, Target } from "./target.ts";

let directory: string;
let library: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "bindery-test-"));
  library = compileCaller(directory);
});
afterAll(async () => {
  await idle?.close();
  rmSync(directory, { recursive: true });
});

/** An lldb that played its part in a scene without trouble, and can play the next. */
let idle: Lldb | undefined;

interface Player {
  readonly transcript: string;
  close(): Promise<void>;
}

export class Scene {
  #players: Player[] = [];

  /** Plays a scene. Its processes are gone afterwards, debuggers have let go of them; a failure shows what they said. */
  static async play(act: (scene: Scene) => Promise<void>): Promise<void> {
    const scene = new Scene();
    try {
      await act(scene);
      await scene.#spare();
    } catch (error) {
      if (error instanceof Error) error.message += scene.#transcripts();
      throw error;
    } finally {
      for (const player of scene.#players.reverse()) await player.close();
    }
  }

  async target(): Promise<Target> {
    return this.#enter(await Target.start(library));
  }

  /** A gdb that has the process stopped. */
  async gdb(target: Target): Promise<Gdb> {
    return this.#enter(await Gdb.attach(target.pid));
  }

  /** An lldb that has the process stopped. */
  async lldb(target: Target, how: "target" | "plain"): Promise<Lldb> {
    const lldb = this.#enter(idle ?? new Lldb());
    idle = undefined;
    if (how === "target") await lldb.createTarget();
    await lldb.attach(target.pid);
    return lldb;
  }

  /** Keeps an lldb for the next scene. */
  async #spare(): Promise<void> {
    const lldb = this.#players.find((player) => player instanceof Lldb);
    if (lldb === undefined) return;
    await lldb.reset();
    this.#players = this.#players.filter((player) => player !== lldb);
    idle = lldb;
  }

  #enter<T extends Player>(player: T): T {
    this.#players.push(player);
    return player;
  }

  #transcripts(): string {
    return this.#players
      .map((player) => `\n--- ${player.constructor.name} ---\n${player.transcript}`)
      .join("");
  }
}
