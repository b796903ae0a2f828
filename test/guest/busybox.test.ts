import { beforeAll } from 'vitest';
import { useRoot } from '../support/temp-root.js';
import { createGuest, guestLife } from './boot.js';

const root = useRoot();

beforeAll(() => createGuest(root, 'busybox', 'busybox'));

guestLife(root, { guest: 'busybox', readyBy: 'getty', init: 'init', poweroff: 'poweroff', reboot: 'reboot' });
