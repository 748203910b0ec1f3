/** What is wrong with a command line, as only the files that it names show. */

/** Ends the command with the status of a command line that makes no sense. */
export class UsageError extends Error {}
