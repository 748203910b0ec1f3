/** Threads that square numbers, and end themselves, or throw, at those that the context names. */
import { serveJobs } from "../../../dist/cli/jobs/worker.js";

await serveJobs(async ({ endsAt, throwsAt }) => (number) => {
  if (endsAt.includes(number)) process.exit(number % 2);
  if (throwsAt.includes(number)) throw new RangeError(`no square of ${number}`);
  return number * number;
});
