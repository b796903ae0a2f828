import { execa } from 'execa';

/** LOOP_CTL_ADD, _REMOVE and _GET_FREE of linux/loop.h, which no tool of Debian 12 has all of. */
const [ADD, REMOVE, GET_FREE] = ['0x4C80', '0x4C81', '0x4C82'];

/** Lines of Perl in which `$c` is the control device of loop devices. */
export const loops = (words: string) =>
  execa('perl', ['-e', `open(my $c, "+<", "/dev/loop-control") or die $!; ${words}`]);

/** Such a line. @param number of the device, or a variable of Perl's. */
export const add = (number: number | string) => `ioctl($c, ${ADD}, ${number}) or die $!;`;
export const remove = (number: number | string) => `ioctl($c, ${REMOVE}, ${number}) or die $!;`;

/** Makes the device anew that is given out next: as one that nobody has ever used. */
export const renewFree = () =>
  loops(`my $free = ioctl($c, ${GET_FREE}, 0) + 0; ${remove('$free')} ${add('$free')}`);
