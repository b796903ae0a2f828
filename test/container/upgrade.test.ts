import { join } from 'node:path';
import { expect } from 'vitest';
import { testNeeding } from '../support/requires.js';
import { useRoot } from '../support/temp-root.js';

/** A build of the commit before this one (scripts/build-previous). */
const previous = process.env['TSCT_TEST_PREVIOUS'];
const none = previous
  ? undefined
  : 'there is no build of the commit before this one (scripts/build-previous)';
const root = useRoot();

testNeeding(none)('this command line rules a container that the previous commit started', async () => {
  const old = { cli: join(previous ?? '', 'bin/tsct.js') };
  await root.ok(['create', 'old', '--template', 'busybox'], old);
  await root.ok(['start', 'old', '--wait'], old);

  const listed = (await root.ok(['list', '--json'])).json<{ name: string; state: string }[]>();
  expect(listed).toEqual([expect.objectContaining({ name: 'old', state: 'running' })]);
  expect(await root.sh('old', 'echo from $(hostname)')).toBe('from old');

  await root.ok(['freeze', 'old']);
  expect((await root.ok(['info', 'old', '--json'])).json<{ state: string }>().state).toBe('frozen');
  await root.ok(['thaw', 'old']);

  await root.ok(['stop', 'old']);
  expect((await root.ok(['info', 'old', '--json'])).json<{ state: string }>().state).toBe('stopped');
});
