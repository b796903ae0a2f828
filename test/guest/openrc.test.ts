import { beforeAll } from 'vitest';
import { useRoot } from '../support/temp-root.js';
import { createGuest, guestLife } from './boot.js';

const root = useRoot();

beforeAll(() => createGuest(root, 'openrc', 'openrc'));

guestLife(root, {
  guest: 'openrc',
  readyBy: 'getty',
  init: 'init',
  poweroff: 'telinit 0',
  reboot: 'telinit 6',
});
