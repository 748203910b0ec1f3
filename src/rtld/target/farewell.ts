/**
 * Letting go of processes when this one ends: by `process.exit`, by an error, or by a signal whose default is to end it and
 * that nobody else here listens to. Of SIGKILL and its like nobody is told.
 */
import { HostError } from "../../errors.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

const partings = new Set<() => void>();

/** Calls back when this process ends, until {@link stay} is called with the same. */
export function onFarewell(parting: () => void): void {
  if (partings.size === 0) {
    process.on("exit", part);
    for (const signal of SIGNALS) process.on(signal, onSignal);
  }
  partings.add(parting);
}

/** Ends what {@link onFarewell} began. */
export function stay(parting: () => void): void {
  if (!partings.delete(parting) || partings.size > 0) return;
  process.off("exit", part);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}

function part(): void {
  for (const parting of [...partings]) {
    try {
      parting();
    } catch (error) {
      // One that can't be let go of is no reason to keep the others, and nobody is left to be told.
      if (!(error instanceof HostError)) throw error;
    }
  }
}

function onSignal(signal: NodeJS.Signals): void {
  // Who else listens decides what comes of it.
  if (process.listenerCount(signal) > 1) return;
  part();
  // Done by whoever let go last; now it ends this process as it would have.
  for (const one of SIGNALS) process.off(one, onSignal);
  process.kill(process.pid, signal);
}
