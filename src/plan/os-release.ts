/** Fields of an os-release(5) text; quotes and backslashes as shells read them. */
export function readOsRelease(text: string): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const match = /^([A-Z][A-Z0-9_]*)=(?:"((?:\\.|[^"\\])*)"|'([^']*)'|([^\s"']*))\s*$/.exec(line);
    if (match?.[1]) fields[match[1]] = match[2]?.replace(/\\(.)/g, '$1') ?? match[3] ?? match[4] ?? '';
  }
  return fields;
}
