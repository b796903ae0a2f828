import { scanLines } from '../definition/scan.js';

/** Key → value, in each section, of a recipe or template: read by the config's own scanner; a later key wins. */
export function sectionsOf(text: string): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const sections: Record<string, Record<string, string>> = {};
  for (const line of scanLines(text)) {
    if (line.kind === 'section') sections[line.section] ??= {};
    if (line.kind !== 'entry') continue;
    const section = sections[line.section] ?? {};
    section[line.key] = line.value;
    sections[line.section] = section;
  }
  return sections;
}
