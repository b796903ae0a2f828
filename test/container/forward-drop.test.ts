import { execa } from 'execa';
import { describe, expect } from 'vitest';
import { type Inside, inside } from '../support/reach.js';
import { noRoot, systemdHost, testNeeding } from '../support/requires.js';
import { useRoot } from '../support/temp-root.js';
import { BUILT_CLI } from '../support/tsct.js';

// A host with a firewall of its own is played by a network namespace: its rules would be those of every other test.
const it = testNeeding(noRoot(), systemdHost());
const root = useRoot();

/** Like those of iptables-nft with Docker, or ufw, on it. */
const firewall = (chains: string) =>
  ['ip', 'ip6']
    .map(
      (family) => `table ${family} filter {
  chain FORWARD {
    type filter hook forward priority filter; policy drop;
    counter jump ${chains}
  }
  chain ${chains} {
    counter return
  }
}
`,
    )
    .join('');

/** A host of its own, and one beyond it that is 198.18.181.2. */
async function withHost(rules: string, work: (host: Inside) => Promise<void>): Promise<void> {
  const spaces = ['host', 'beyond'].map(() =>
    execa('unshare', ['--net', 'sh', '-c', 'ip link set lo up; echo up; exec sleep 600'], { reject: false }),
  );
  try {
    await Promise.all(spaces.map((space) => new Promise((resolve) => space.stdout.once('data', resolve))));
    const [host, beyond] = spaces.map(({ pid }) => inside(pid)) as [Inside, Inside];
    await host(
      'ip',
      'link',
      'add',
      'out0',
      'type',
      'veth',
      'peer',
      'name',
      'in0',
      'netns',
      String(spaces[1]?.pid),
    );
    await host('sh', '-c', 'ip addr add 198.18.181.1/24 dev out0; ip link set out0 up');
    await beyond('sh', '-c', 'ip addr add 198.18.181.2/24 dev in0; ip link set in0 up');
    await host('sh', '-c', `nft -f - <<'END'\n${rules}END`);
    await work(host);
  } finally {
    for (const space of spaces) space.kill('SIGKILL');
    await Promise.all(spaces);
  }
}

const tsct = (host: Inside, ...words: string[]) =>
  host('env', `TSCT_ROOT=${root.path}`, 'NO_COLOR=1', process.execPath, BUILT_CLI, ...words);
const getsOut = async (host: Inside) =>
  (await tsct(host, 'exec', 'web', '-T', '--', 'ping', '-c', '1', '-W', '2', '198.18.181.2')).exitCode === 0;

describe('a host that drops what it forwards', () => {
  it('lets a network through by DOCKER-USER while it is up', async () => {
    await root.ok(['create', 'web', '--template', 'busybox']);
    await root.ok(['create', 'db', '--template', 'busybox']);
    await withHost(firewall('DOCKER-USER'), async (host) => {
      const ruleset = async () => String((await host('nft', 'list', 'ruleset')).stdout);
      const counted = /counter packets \d+ bytes \d+/g;
      const before = (await ruleset()).replace(counted, '');
      const started = await tsct(host, 'start', 'web');
      expect(started.exitCode, String(started.stderr)).toBe(0);
      expect(started.stderr).toContain('Docker drops what is forwarded (ip): tsct0-');
      expect(await getsOut(host)).toBe(true);
      // One that finds it up, and is the last to go.
      expect((await tsct(host, 'start', 'db')).stderr).not.toContain('Docker');
      await tsct(host, 'network', 'repair', 'tsct0');
      expect((await ruleset()).match(/iifname "tsct0-\S+ counter .*accept comment/g)).toHaveLength(2);
      await host('nft', 'flush', 'chain', 'ip', 'filter', 'DOCKER-USER');
      expect(await getsOut(host)).toBe(false);
      await tsct(host, 'network', 'repair', 'tsct0');
      expect(await getsOut(host)).toBe(true);
      await host('nft', 'add', 'rule', 'ip', 'filter', 'DOCKER-USER', 'counter', 'return');
      await tsct(host, 'stop', '--kill', 'web');
      expect(await ruleset()).toContain('accept comment');
      await tsct(host, 'stop', '--kill', 'db');
      expect((await ruleset()).replace(counted, '')).toBe(before);
    });
  });

  it('is told of where there is no place for rules of others, and how to mend it', async () => {
    await root.ok(['create', 'web', '--template', 'busybox']);
    await withHost(firewall('ufw-user-forward'), async (host) => {
      const started = await tsct(host, 'start', 'web');
      expect(started.stderr).toMatch(/ufw drops what is forwarded: .* ufw route allow in on tsct0-/);
      expect(await getsOut(host)).toBe(false);
      const checked = await tsct(host, 'check');
      expect(checked.stdout).toContain('ip filter FORWARD drops it: containers do not get out');
      await tsct(host, 'stop', '--kill', 'web');
    });
  });
});
