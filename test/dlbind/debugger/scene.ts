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
afterAll(() => rmSync(directory, { recursive: true }));

export class Scene {
  readonly #players: { readonly transcript: string; close(): Promise<void> }[] = [];

  /** Plays a scene. All processes are gone afterwards; a failure shows what they said. */
  static async play(act: (scene: Scene) => Promise<void>): Promise<void> {
    const scene = new Scene();
    try {
      await act(scene);
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
    return this.#enter(await (how === "target" ? Lldb.attach(target.pid) : Lldb.attachPlain(target.pid)));
  }

  #enter<T extends { readonly transcript: string; close(): Promise<void> }>(player: T): T {
    this.#players.push(player);
    return player;
  }

  #transcripts(): string {
    return this.#players
      .map((player) => `\n--- ${player.constructor.name} ---\n${player.transcript}`)
      .join("");
  }
}
