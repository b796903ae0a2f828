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
