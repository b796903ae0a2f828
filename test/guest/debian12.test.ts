import { beforeAll, expect, test } from 'vitest';
import { useRoot } from '../support/temp-root.js';
import { createGuest, guestLife } from './boot.js';

const root = useRoot();
const name = 'debian12';

beforeAll(() => createGuest(root, name, name));

guestLife(root, {
  guest: name,
  readyBy: 'notify',
  init: 'systemd',
  poweroff: 'systemctl poweroff',
  reboot: 'systemctl reboot',
});

test('is running, with no unit failed', async () => {
  await root.ok(['start', name, '--wait']);
  const state = await root.run(['exec', name, '-T', '--', 'systemctl', 'is-system-running', '--wait']);
  const failed = await root.sh(name, 'systemctl --failed --no-legend --plain');
  expect({ state: state.stdout.trim(), failed }).toEqual({ state: 'running', failed: '' });
  await root.ok(['stop', name]);
});

test('may rewrite its own tree of groups, and stays within its limits', async () => {
  const limits = ['Resources.MemoryMax=300M', 'Resources.TasksMax=150'];
  await root.ok(['config', 'set', name, ...limits]);
  await root.ok(['start', name, '--wait']);
  const none = 'MemoryMax=infinity TasksMax=infinity';
  await root.sh(
    name,
    `for slice in -.slice system.slice; do systemctl set-property --runtime -- $slice ${none}; done
    systemctl daemon-reload && systemctl daemon-reexec`,
  );
  // From files, as systemd would put its own variables into a command line.
  await root.sh(
    name,
    `echo 'my $much = "x" x 400_000_000; print "had it"' >/much
    echo '$| = 1; for (1..200) { my $pid = fork() // last; $pid or sleep(60) && exit; print "+" }' >/many`,
  );
  const unit = (script: string) =>
    root.run([
      ...['exec', name, '-T', '--', 'systemd-run', '--quiet', '--wait', '--pipe', '-p', 'TasksMax=infinity'],
      ...['perl', script],
    ]);
  const { stdout: had } = await unit('/much');
  expect(had).toBe('');
  expect((await root.info(name)).memory?.oomKills).toBeGreaterThan(0);
  // Those that could be made end with their unit.
  const { stdout } = await unit('/many');
  expect(stdout.length).toBeGreaterThan(50);
  expect(stdout.length).toBeLessThan(150);
  expect(await root.info(name)).toMatchObject({
    memory: { limit: 300 * 1024 * 1024 },
    tasks: { limit: 150 },
  });
  await root.ok(['stop', name]);
  await root.ok(['config', 'unset', name, 'Resources.MemoryMax', 'Resources.TasksMax']);
});
