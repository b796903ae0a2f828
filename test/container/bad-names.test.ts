import { beforeAll, describe, expect, test } from 'vitest';
import { refused } from '../support/failures.js';
import { until, useRoot } from '../support/temp-root.js';

const root = useRoot();

beforeAll(async () => {
  await root.ok(['create', 'there']);
});

const BAD: readonly (readonly [name: string, why: RegExp])[] = [
  ['../x', /must not be a path/],
  ['', /is empty/],
  ['n'.repeat(65), /longer than 64 characters \(65\)/],
  ['a/b', /must not be a path/],
  ['.hidden', /must not begin with "\."/],
  ['a..b', /two dots/],
  ['a_b', /"_" is not allowed/],
  ['naïve', /"ï" is not allowed/],
  ['a\nb', /"\\n" is not allowed/],
];

describe('names that are refused', () => {
  test.each(BAD)('create %j', async (name, says) => {
    await refused(root, ['create', '--', name], { exitCode: 2, says, hint: /1 to 64 letters/ });
  });

  test('a name that begins with a dash, however it is given', async () => {
    await refused(root, ['create', '-a'], { exitCode: 2, says: /-a/, hint: false });
    await refused(root, ['create', '--', '-a'], { exitCode: 2, says: /begin with "-"/ });
  });

  test.each([
    ['start', '../x'],
    ['stop', '..'],
    ['info', 'a/b'],
    ['destroy', '--force', '../there'],
    ['rename', 'there', '../elsewhere'],
    ['config', 'get', '../there', 'Exec.Hostname'],
    ['freeze', ''],
  ])('%s %s %s', async (...args) => {
    await refused(root, args, { exitCode: 2, says: /is not a container name/, hint: /1 to 64/ });
  });

  test('exec ends with 125, which no command inside can be mistaken for', async () => {
    await refused(root, ['exec', '../there', '--', 'true'], {
      exitCode: 125,
      says: /is not a container name/,
    });
  });
});

test('the longest name works, to a start and an end', async () => {
  const name = 'n'.repeat(64);
  await root.ok(['create', name]);
  await root.ok(['start', name]);
  await until('it runs', async () => (await root.ok(['list', '--json'])).stdout.includes('"running"'));
  await root.ok(['destroy', '--force', name]);
});

describe('names that are taken, or nobody has', () => {
  test('create of one that is there', async () => {
    await refused(root, ['create', 'there'], { exitCode: 4, says: /there is a container there already/ });
  });

  test('create, rename to and from, destroy of one that runs', async () => {
    await root.ok(['create', 'runs', '--start']);
    await refused(root, ['create', 'runs'], { exitCode: 4, says: /runs already/ });
    await refused(root, ['rename', 'runs', 'other'], {
      exitCode: 4,
      says: /it is running/,
      hint: /stop runs/,
    });
    await refused(root, ['rename', 'there', 'runs'], { exitCode: 4, says: /runs already/ });
    await refused(root, ['destroy', 'runs'], { exitCode: 4, says: /it is running/, hint: /--force/ });
    expect((await root.ok(['info', 'runs', '--json'])).json<{ state: string }>().state).toBe('running');
  });

  test.each([['start'], ['stop'], ['info'], ['destroy'], ['freeze'], ['logs']])(
    '%s of nobody',
    async (verb) => {
      await refused(root, [verb, 'nobody'], { exitCode: 3, says: /there is no container nobody/ });
    },
  );

  test('of several names the bad one fails, the good ones are done', async () => {
    await root.ok(['create', 'good']);
    const result = await root.run(['start', 'good', 'nobody']);
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toMatch(/there is no container nobody/);
    expect((await root.ok(['info', 'good', '--json'])).json<{ state: string }>().state).toBe('running');
  });
});
