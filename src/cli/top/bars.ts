/** What bars and curves are drawn with. */
export interface Glyphs {
  readonly full: string;
  readonly empty: string;
  /** From nothing to all. */
  readonly steps: readonly string[];
  /** Where something was cut off. */
  readonly cut: string;
}

/** Terminals know what they show by the locale (locale(7)). */
export function glyphsFor(env: NodeJS.ProcessEnv): Glyphs {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return /utf-?8/i.test(locale)
    ? { full: '█', empty: '░', steps: [...' ▁▂▃▄▅▆▇█'], cut: '…' }
    : { full: '#', empty: '.', steps: [...' .:-=+*#'], cut: '~' };
}

/** @param share 0 to 1; what is more is a full bar. */
export function bar(share: number | null, width: number, glyphs: Glyphs): string {
  if (share === null) return ' '.repeat(width);
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return glyphs.full.repeat(full) + glyphs.empty.repeat(width - full);
}

/** The last values, the newest on the right; whatever is more than nothing can be seen. */
export function sparkline(values: readonly number[], most: number, width: number, { steps }: Glyphs): string {
  const top = steps.length - 1;
  const drawn = values.slice(-width).map((value) => {
    const height = value > 0 ? Math.max(1, Math.round((value / most) * top)) : 0;
    return steps[Math.min(top, height)] ?? '';
  });
  return drawn.join('').padStart(width);
}

/** To a width exactly: cut, or filled on one side. */
export function toWidth(text: string, width: number, glyphs: Glyphs, isText = false): string {
  if (text.length > width) return `${text.slice(0, Math.max(0, width - 1))}${glyphs.cut}`;
  return isText ? text.padEnd(width) : text.padStart(width);
}
