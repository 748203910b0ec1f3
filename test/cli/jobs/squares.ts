/** Threads that square numbers, and end themselves, or throw, at those that the context names. */
import { serveJobs } from "../../../src/cli/jobs/worker.ts";

/** Numbers at which a thread ends, with status 0 or 1 as they are even or odd, and at which its function throws. */
interface Context {
  readonly endsAt: readonly number[];
  readonly throwsAt: readonly number[];
}

await serveJobs<Context, number, number>(async ({ endsAt, throwsAt }) => (number) => {
  if (endsAt.includes(number)) process.exit(number % 2);
  if (throwsAt.includes(number)) throw new RangeError(`no square of ${number}`);
  return number * number;
});
