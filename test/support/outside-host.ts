import { execa } from 'execa';
import { inside } from './reach.js';
import { SLOWNESS } from './temp-root.js';

/**
 * A network namespace that plays a host beyond this one, which knows no way back to addresses of containers. It is .2
 * and ::2 of its subnets, this host .1 and ::1.
 * @param link the host's end. @param ipv4 the first three numbers of a /24. @param ipv6 the first three groups of a /64.
 */
export async function outsideHost(link: string, ipv4: string, ipv6: string) {
  const place = `ip link set lo up; echo up; exec sleep ${600 * SLOWNESS}`;
  const child = execa('unshare', ['--net', 'sh', '-c', place], { reject: false });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const run = inside(child.pid);
  const here = (words: string) => execa('ip', words.split(' '));
  const there = (words: string) => run('ip', ...words.split(' '));
  await here(`link add ${link} type veth peer name inet netns ${child.pid}`);
  await here(`addr add ${ipv4}.1/24 dev ${link}`);
  await here(`addr add ${ipv6}::1/64 dev ${link} nodad`);
  await here(`link set ${link} up`);
  await there(`addr add ${ipv4}.2/24 dev inet`);
  await there(`addr add ${ipv6}::2/64 dev inet nodad`);
  await there('link set inet up');
  return {
    /** Runs a command there; it may fail. */
    run,
    dispose: async () => {
      await execa('ip', ['link', 'delete', link], { reject: false });
      child.kill('SIGKILL');
      await child;
    },
  };
}
