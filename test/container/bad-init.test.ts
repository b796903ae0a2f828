import { expect, test } from 'vitest';
import { refused } from '../support/failures.js';
import { smallRoot } from '../support/small-root.js';
import { until, useRoot } from '../support/temp-root.js';

const root = useRoot();

async function create(init: string | undefined, ...more: string[]): Promise<void> {
  const rootfs = await smallRoot(init, more[0] === '0644' ? 0o644 : 0o755);
  await root.ok(['create', 'box', '--rootfs', rootfs, ...more.filter((word) => word !== '0644')]);
}

test('no init at all: the programs that were looked for are named', async () => {
  await create(undefined);
  const hint = /needs an executable \/sbin\/init/;
  await refused(root, ['start', 'box'], { exitCode: 1, says: /\/sbin\/init.*none of these is there/, hint });
});

test('an init that is not executable', async () => {
  await create('#!/bin/sh\n', '0644');
  const says = /cannot start box: exec init \/.*init: .*permission denied/;
  await refused(root, ['start', 'box'], { exitCode: 1, says, hint: /executable \/sbin\/init/ });
});

test('an init that is no program', async () => {
  await create('\x7fELF but not really');
  await refused(root, ['start', 'box'], { exitCode: 1, says: /not a program that this machine can run/ });
});

test('an init whose interpreter is missing', async () => {
  await create('#!/bin/nothing\n');
  await refused(root, ['start', 'box'], { exitCode: 1, says: /exec init \/.*no such file/ });
});

test('an init that ends at once: its exit code and last words are shown, and kept for `logs`', async () => {
  await create(
    '#!/bin/sh\nfor n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $n; done\necho all is lost\nexit 7\n',
  );
  const says = /cannot start box: .*init ended with exit code 7[\s\S]*line 12[\s\S]*all is lost/;
  const result = await refused(root, ['start', 'box', '--wait'], {
    exitCode: 1,
    says,
    hint: /tsct logs box/,
  });
  expect(result.stderr, 'the last lines only').not.toContain('line 2\n');
  expect((await root.ok(['logs', 'box'])).stdout).toMatch(/line 1\r?\n[\s\S]*all is lost/);
  const { lastExit, state } = (await root.ok(['info', 'box', '--json'])).json<{
    state: string;
    lastExit: { cause: string; code: number };
  }>();
  expect({ state, ...lastExit }).toMatchObject({ state: 'stopped', cause: 'exited', code: 7 });
});

test('an init that is killed by its own signal is told by the number', async () => {
  // A shell as PID 1 that kills itself with SIGKILL survives it (pid_namespaces(7)): a fault is what kills an init.
  await create('#!/bin/sh\necho going\nulimit -v 1\n/bin/true\nexec /bin/true\n');
  const result = await refused(root, ['start', 'box', '--wait'], {
    exitCode: 1,
    says: /ended before it was ready/,
  });
  expect(result.stderr).toMatch(/init (ended with exit code|was killed by signal) \d+/);
});

test('what it prints cannot steer our terminal', async () => {
  await create('#!/bin/sh\nprintf "\\033]0;owned\\007\\033[2Jcleared\\n"\nexit 1\n');
  const result = await refused(root, ['start', 'box', '--wait'], { exitCode: 1, says: /cleared/ });
  expect(result.stderr).not.toContain('\x1b');
});

test('a looping init with Restart= ends when its start limit is reached', async () => {
  await create(
    '#!/bin/sh\necho again\nexit 3\n',
    ...['--set', 'Start.Restart=on-failure', '--set', 'Start.RestartSec=100ms'],
    ...['--set', 'Start.StartLimitBurst=3', '--set', 'Start.StartLimitIntervalSec=1min'],
  );
  const says = /init ended with exit code 3[\s\S]*again/;
  await refused(root, ['start', 'box', '--wait'], { exitCode: 1, says, hint: /tsct logs box/ });
  const { stdout } = await root.ok(['logs', 'box']);
  expect(stdout.match(/again/g), 'the first start and three more').toHaveLength(4);
});

test('a looping init without a limit is stopped like any other', async () => {
  await create(
    '#!/bin/sh\necho again\nexit 3\n',
    ...[
      '--set',
      'Start.Restart=always',
      '--set',
      'Start.RestartSec=50ms',
      '--set',
      'Start.StartLimitBurst=0',
    ],
  );
  await root.run(['start', 'box']);
  await until('it looped', async () => (await root.ok(['logs', 'box'])).stdout.split('again').length > 4);
  await root.ok(['stop', 'box', '--timeout', '1']);
  expect((await root.ok(['info', 'box', '--json'])).json<{ state: string }>().state).toBe('stopped');
});
