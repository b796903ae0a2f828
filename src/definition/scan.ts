/**
 * The one reader of the config's text, for the parser and the editor alike: it cuts the text into lines that together
 * are the text again, byte for byte. Syntax of systemd.syntax(7): [Section], Key=Value, comments from # or ; at the
 * start of a line, a backslash at the end of a line goes on with the next one (comment lines between are left out).
 */
export type Line = {
  readonly start: number;
  /** After the line's end. */
  readonly end: number;
  /** From 1. */
  readonly line: number;
  /** The text ends before the continuation that a backslash asks for: what is put behind would become part of it. */
  readonly isOpen: boolean;
} & (
  | { readonly kind: 'blank' | 'comment' }
  | { readonly kind: 'section'; readonly section: string }
  | { readonly kind: 'entry'; readonly section: string; readonly key: string; readonly value: string }
  | { readonly kind: 'junk'; readonly text: string }
);

/** The lines of a text with their offsets in it. */
export function* scanLines(text: string): Generator<Line> {
  const physical = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  let section = '';
  let start = 0;
  for (let i = 0; i < physical.length; ) {
    const line = i + 1;
    const first = stripEnd(physical[i++] ?? '');
    let end = start + (physical[line - 1]?.length ?? 0);
    const bare = first.trim();
    let content = first;
    let isOpen = false;
    if (bare !== '' && !isComment(bare)) {
      const parts: string[] = [];
      while (content.endsWith('\\')) {
        parts.push(content.slice(0, -1));
        // Comments within a continued value belong to nobody.
        let next = physical[i];
        while (next !== undefined && isComment(next.trim())) {
          end += next.length;
          next = physical[++i];
        }
        content = next === undefined ? '' : stripEnd(next);
        isOpen = next === undefined;
        if (next !== undefined) {
          end += next.length;
          i++;
        }
      }
      content = [...parts, content]
        .map((part) => part.trim())
        .join(' ')
        .trim();
    }
    const classified = classify(content.trim(), section);
    if (classified.kind === 'section') section = classified.section;
    yield { ...classified, start, end, line, isOpen };
    start = end;
  }
}

function stripEnd(line: string): string {
  if (!line.endsWith('\n')) return line;
  return line.slice(0, line.endsWith('\r\n') ? -2 : -1);
}

function isComment(bare: string): boolean {
  return bare.startsWith('#') || bare.startsWith(';');
}

type Classified = Line extends infer L
  ? L extends Line
    ? Omit<L, 'start' | 'end' | 'line' | 'isOpen'>
    : never
  : never;

function classify(text: string, section: string): Classified {
  if (text === '') return { kind: 'blank' };
  if (isComment(text)) return { kind: 'comment' };
  const header = /^\[([^[\]]+)\]$/.exec(text)?.[1];
  if (header !== undefined) return { kind: 'section', section: header.replace(/\s+/g, ' ') };
  const equals = text.indexOf('=');
  const key = text.slice(0, Math.max(equals, 0)).trim();
  if (!/^[A-Za-z][A-Za-z0-9]*$/.test(key)) return { kind: 'junk', text };
  return { kind: 'entry', section, key, value: text.slice(equals + 1).trim() };
}
