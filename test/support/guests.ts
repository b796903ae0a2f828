import { join } from 'node:path';
import { execa } from 'execa';
import { CHECKOUT } from './tsct.js';

/** Root filesystems that test/guests/build makes, once. */
export type GuestName = 'debian12' | 'debian13' | 'sysvinit' | 'openrc' | 'runit' | 'dhcp' | 'userdb';

/** Path of the guest's tar, built now if it was not yet (10 to 25 s). */
export async function guestTar(name: GuestName): Promise<string> {
  const { stdout } = await execa(join(CHECKOUT, 'test/guests/build'), [name]);
  return stdout.trim().split(' ')[1] ?? '';
}
