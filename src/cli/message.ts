/** Errors as users read them: what it is about first, then why, and nothing that Node or the C library adds. */

/** `open: a.out: ENOENT: no such file or directory, open 'a.out'`, of which Node writes what follows the name. */
const SYSTEM = /^(?:(?:open|read|write): )?(?:(.*): )?E[A-Z0-9]+: (.*), \w+(?: '(.*)')?$/s;

/** The message of an expected error: `a.out: no such file or directory`. */
export function plainMessage({ message }: Error): string {
  const [, subject, why, path] = SYSTEM.exec(message) ?? [];
  if (why === undefined) return message.replace(/^open: /, "");
  const about = subject ?? path;
  return about === undefined ? why : `${about}: ${why}`;
}
