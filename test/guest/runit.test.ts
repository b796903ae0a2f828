import { beforeAll } from 'vitest';
import { useRoot } from '../support/temp-root.js';
import { createGuest, guestLife } from './boot.js';

const root = useRoot();

beforeAll(() => createGuest(root, 'runit', 'runit'));

guestLife(root, { guest: 'runit', readyBy: 'getty', init: 'runit', poweroff: 'init 0', reboot: 'init 6' });
