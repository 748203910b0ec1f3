/** What all commands share: exit statuses, and the sections of a manual page behind the list of options. */

/** Everything was done. */
export const EXIT_OK = 0;
/** An input could not be read, or a request was refused. */
export const EXIT_FAILURE = 1;
/** The command line makes no sense. */
export const EXIT_USAGE = 2;

/** A section's text, or its rows of term and explanation. */
type Section = string | readonly (readonly [string, string])[];

/** Lays out sections the way commander lays out the options before them. */
export function helpText(sections: Readonly<Record<string, Section>>): string {
  const parts = Object.entries(sections).map(([title, section]) => {
    const lines = typeof section === "string" ? section.split("\n") : rows(section);
    return `\n${title}:\n${lines.map((line) => `  ${line}`.trimEnd()).join("\n")}`;
  });
  return parts.join("\n");
}

function rows(section: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...section.map(([term]) => term.length));
  return section.map(([term, explanation]) => `${term.padEnd(width)}  ${explanation}`);
}
