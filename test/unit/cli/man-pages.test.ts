import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Described, withOptions } from '../../support/man-options.js';

const COMMANDS = join(import.meta.dirname, '../../../src/cli/commands');
const MAN = join(import.meta.dirname, '../../../man');
/** Their pages are written by hand, options too. */
const BY_HAND = ['attach', 'check', 'console', 'exec'];

/** Verb → the commands that its page is about. */
async function verbs(): Promise<Map<string, Described[]>> {
  const found = new Map<string, Described[]>();
  for (const file of readdirSync(COMMANDS, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!file.endsWith('.ts')) continue;
    const verb = file.replace(/[/.].*/, '');
    const { default: command } = (await import(join(COMMANDS, file))) as { default: Described };
    found.set(verb, [...(found.get(verb) ?? []), command]);
  }
  return found;
}

/** `fault-points` is for tests. */
const WITHOUT_PAGE = ['help', 'fault-points'];
const all = [...(await verbs())].filter(([verb]) => !WITHOUT_PAGE.includes(verb));

it.each(all.filter(([verb]) => !BY_HAND.includes(verb)))(
  'tsct-%s.1 has the options that the command has (npm run gen writes them)',
  async (verb, commands) => {
    const file = join(MAN, `tsct-${verb}.1`);
    await expect(withOptions(readFileSync(file, 'utf8'), commands)).toMatchFileSnapshot(file);
  },
);

it.each(all)('tsct-%s.1 has what every page has', (verb) => {
  const page = readFileSync(join(MAN, `tsct-${verb}.1`), 'utf8');
  for (const section of ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'EXIT STATUS', 'EXAMPLES', 'SEE ALSO']) {
    expect(page).toMatch(new RegExp(`^\\.SH ${section}$`, 'm'));
  }
  // What it points to is there.
  for (const [, other] of page.matchAll(/^\.BR (tsct\S*) \(1\)/gm)) {
    expect(existsSync(join(MAN, `${other?.replaceAll('\\', '')}.1`)), other).toBe(true);
  }
});
