import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { describe, expect } from 'vitest';
import type { ChangeResult } from '../../src/lifecycle/change-config.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { SLOWNESS, until, useRoot } from '../support/temp-root.js';

// Each test leaves nothing on the machine, or useRoot says what.
const it = testNeeding(noRoot());
const root = useRoot();

const create = (name: string, ...settings: string[]) =>
  root.ok([
    'create',
    name,
    '--template',
    'busybox',
    ...settings.flatMap((setting) => ['--set', setting]),
    '--start',
  ]);
const set = (name: string, ...settings: string[]) => root.ok(['config', 'set', name, ...settings]);
const config = (name: string) => readFileSync(root.layout.configFile(name), 'utf8');
const linkIsThere = (name: string) => existsSync(`/sys/class/net/${name}`);
const bridgeOf = (network: string) => `${network}-${root.layout.hash}`;
const pings = async (from: string, to: string) =>
  (await root.run(['exec', from, '-T', '--', 'ping', '-c', '1', '-W', '2', to])).exitCode === 0;

/** What a guest sees of its interfaces, without what another start numbers anew and routers announce. */
async function seenInside(name: string): Promise<string> {
  const seen = await root.sh(name, 'ip addr show; ip route; cat /etc/resolv.conf; ls /sys/class/net');
  return seen.replace(/^\d+: (\w+)(@if\d+)?/gm, '$1');
}

/** What the kernel has of a network, without counters. */
async function rulesOf(network: string): Promise<string> {
  const table = `tsct-${bridgeOf(network)}`;
  const texts = await Promise.all(
    ['inet', 'bridge'].map((family) => execa('nft', ['list', 'table', family, table], { reject: false })),
  );
  return texts.map(({ stdout }) => stdout.replace(/packets \d+ bytes \d+/g, '')).join('\n');
}

/** Makes a network for a test, without containers at its end. */
async function onNetworks(names: string[], work: () => Promise<void>): Promise<void> {
  for (const name of names) await root.ok(['network', 'create', name]);
  try {
    await work();
  } finally {
    await root.destroyAllBut([]);
    await root.ok(['network', 'destroy', ...names]);
  }
}

describe('an interface of a running container', () => {
  it('appears with address and name, and goes away', async () => {
    await onNetworks(['lan'], async () => {
      await create('web');
      await create('far', 'Network.eth0.Network=lan');
      const result = await root.ok(['config', 'set', 'web', 'Network.eth1.Network=lan', '--json']);
      expect(result.json<ChangeResult>().keys).toEqual([{ key: 'Network.eth1.Network', state: 'applied' }]);
      const about = await root.info('web');
      expect(about.pending).toEqual([]);
      const eth1 = about.network.find(({ name }) => name === 'eth1');
      expect(eth1?.network).toBe('lan');
      expect(eth1?.addresses).toEqual(eth1?.reserved);
      expect(eth1?.addresses).toHaveLength(2);
      const [ipv4 = ''] = eth1?.addresses[0]?.split('/') ?? [];
      expect(await root.sh('far', 'nslookup web.tsct')).toContain(ipv4);
      expect(await pings('far', ipv4)).toBe(true);
      // It is fenced in as any other.
      expect(await rulesOf('lan')).toContain(`"${eth1?.hostName}"`);

      const removed = await root.ok(['config', 'unset', 'web', 'Network eth1']);
      expect(removed.stderr).toContain('Network.eth1.Network applied');
      expect(config('web')).not.toContain('eth1');
      expect(await root.sh('web', 'ls /sys/class/net')).toBe('eth0\nlo');
      expect(linkIsThere(eth1?.hostName ?? '')).toBe(false);
      expect(await rulesOf('lan')).not.toContain(eth1?.hostName ?? '-');
      const asked = await root.run(['exec', 'far', '-T', '--', 'nslookup', 'web.tsct']);
      expect(asked.stdout).not.toContain(ipv4);
    });
  });

  it('of which it was the last takes its network with it, and private takes all', async () => {
    await onNetworks(['lan'], async () => {
      await create('web', 'Network.eth0.Network=tsct0', 'Network.eth1.Network=lan');
      expect(linkIsThere(bridgeOf('lan'))).toBe(true);
      await root.ok(['config', 'unset', 'web', 'Network eth1']);
      expect(linkIsThere(bridgeOf('lan'))).toBe(false);
      await set('web', 'Network.Private=yes');
      expect(await root.sh('web', 'ls /sys/class/net')).toBe('lo');
      expect(linkIsThere(bridgeOf('tsct0'))).toBe(false);
      await set('web', 'Network.Private=no');
      await create('db');
      await until('web reaches db', () => pings('web', 'db'));
    });
  });

  it('changes address, MAC, MTU and gateway in place, as siblings and a restart see it', async () => {
    await create('web');
    await create('db');
    const before = (await root.info('web')).network[0];
    await root.sh('web', 'ip addr add 198.18.7.7/30 dev eth0'); // the guest's own affair
    const index = await root.sh('web', 'cat /sys/class/net/eth0/ifindex');
    const wish = (before?.addresses[0] ?? '').replace(/\.\d+\//, (last) =>
      last === '.99/' ? '.98/' : '.99/',
    );
    await set(
      'web',
      `Network.eth0.Address=${wish}`,
      'Network.eth0.MACAddress=02:00:00:00:99:01',
      'Network.eth0.MTUBytes=1400',
    );
    const after = (await root.info('web')).network[0];
    expect(after?.addresses).toContain(wish);
    expect(after?.addresses).toContain('198.18.7.7/30');
    expect(after?.addresses).not.toContain(before?.addresses[0]);
    expect(after?.mac).toBe('02:00:00:00:99:01');
    expect(await root.sh('web', 'cat /sys/class/net/eth0/ifindex')).toBe(index);
    expect(readFileSync(`/sys/class/net/${after?.hostName}/mtu`, 'utf8')).toBe('1400\n');
    expect(await root.sh('db', 'nslookup web.tsct')).toContain(wish.split('/')[0] ?? '-');
    await until('db reaches web', () => pings('db', 'web'));
    await root.sh('web', 'ip addr del 198.18.7.7/30 dev eth0');
    const [inside, rules] = [await seenInside('web'), await rulesOf('tsct0')];
    expect(inside).toMatch(/^default via /m);
    await root.ok(['restart', '--kill', 'web']);
    expect(await seenInside('web')).toBe(inside);
    expect(await rulesOf('tsct0')).toBe(rules);
    await root.ok(['config', 'unset', 'web', 'Network.eth0.Address', 'Network.eth0.MTUBytes']);
    expect(await root.sh('web', 'cat /sys/class/net/eth0/mtu')).toBe('1500');
  });

  it('moves to another network, with its name servers, as a restart would have it', async () => {
    await onNetworks(['lan'], async () => {
      await create('web', 'Network.eth0.Port=19450:80');
      await create('far', 'Network.eth0.Network=lan');
      await set('web', 'Network.eth0.Network=lan');
      expect(await pings('web', 'far')).toBe(true); // by name: resolv.conf came along
      expect(linkIsThere(bridgeOf('tsct0'))).toBe(false);
      const [inside, rules] = [await seenInside('web'), await rulesOf('lan')];
      expect(rules).toMatch(/(tcp|6) \. 19450/);
      await root.ok(['restart', '--kill', 'web']);
      expect(await seenInside('web')).toBe(inside);
      expect(await rulesOf('lan')).toBe(rules);
    });
  });

  it('stays so over a reboot from inside, and while it is frozen', async () => {
    await create('web');
    await set('web', 'Network.eth1.Network=tsct0');
    await root.ok(['freeze', 'web']);
    await set('web', 'Network.eth1.MTUBytes=1300');
    await root.ok(['thaw', 'web']);
    const inside = await seenInside('web');
    expect(inside).toContain('mtu 1300');
    await root.run(['exec', 'web', '-T', '--', 'reboot']);
    await until('rebooted', async () => (await root.info('web')).boots === 2);
    await root.ok(['wait', 'web', '--for', 'ready', '--timeout', '60']);
    expect(await seenInside('web')).toBe(inside);
    const eth1 = (await root.info('web')).network.find(({ name }) => name === 'eth1');
    const said = await root.sh('web', 'udhcpc -i eth1 -n -q -f -s /bin/true 2>&1');
    expect(said).toContain(`lease of ${eth1?.reserved[0]?.split('/')[0]} obtained`);
  });

  it('tells of each key what became of it', async () => {
    await create('web');
    const mixed = await root.ok([
      'config',
      'set',
      'web',
      'Network.eth0.MTUBytes=1400',
      'Exec.Hostname=later',
    ]);
    expect(mixed.stderr).toContain('web: Network.eth0.MTUBytes applied');
    expect(mixed.stderr).toContain('web: Exec.Hostname pending');
    expect((await root.info('web')).pending).toEqual(['Exec.Hostname']);
    const back = await root.ok(['config', 'unset', 'web', 'Exec.Hostname', '--json']);
    expect(back.json<ChangeResult>()).toMatchObject({
      pending: false,
      keys: [{ key: 'Exec.Hostname', state: 'applied' }],
    });
  });
});

describe('a change that cannot be', () => {
  it('leaves config, address and rules as they were', async () => {
    await create('web');
    await create('db');
    const state = async () => [
      config('web'),
      await seenInside('web'),
      await rulesOf('tsct0'),
      readFileSync(root.layout.identityFile('web'), 'utf8'),
      readdirSync(root.layout.containerDir('web')).sort().join(),
    ];
    const before = await state();
    const [taken = ''] = (await root.info('db')).addresses;
    await root.sh('web', 'ip link add eth1 type veth peer name other');
    const withOwn = await state();
    for (const [settings, code, why] of [
      [[`Network.eth0.Address=${taken}`], 4, 'container db has it'],
      [['Network.eth0.Network=nowhere'], 3, 'nowhere'],
      [['Network.eth0.MTUBytes=1400', 'Network.eth2.Bridge=br-none'], 1, 'there is no such link'],
      [['Network.eth0.MTUBytes=1400', 'Network.eth1.Network=tsct0'], 4, 'has made one of that name itself'],
    ] as const) {
      const refused = await root.run(['config', 'set', 'web', ...settings]);
      expect(refused.exitCode, refused.stderr).toBe(code);
      expect(refused.stderr).toContain(why);
      expect(await state()).toEqual(withOwn);
    }
    await root.sh('web', 'ip link del eth1');
    expect(await state()).toEqual(before);
    // What was refused for the moment only can be had afterwards.
    await set('web', 'Network.eth1.Network=tsct0');
    expect(await root.sh('web', 'ls /sys/class/net')).toBe('eth0\neth1\nlo');
  });
});

describe('a change that is killed', () => {
  const points = [
    'change.noted',
    'change.planned',
    'change.kept',
    'change.changed',
    'change.committed',
    'change.ended',
  ];

  it(
    'is finished or undone by the next command, and an end in between leaves nothing',
    async () => {
      await onNetworks(['lan'], async () => {
        for (const point of points) {
          await create('web', 'Network.eth0.Port=19460:80');
          await create('far', 'Network.eth0.Network=lan');
          const old = await seenInside('web');
          const words = ['Network.eth0.Network=lan', 'Network.eth1.Network=tsct0'];
          const kill = () => root.run(['config', 'set', 'web', ...words], { env: { TSCT_FAULT: point } });
          expect((await kill()).exitCode, point).toBe(137);
          const isTrue = config('web').includes('eth1');
          expect(isTrue).toBe(['change.committed', 'change.ended'].includes(point));
          // The next command at it.
          await root.ok(['config', 'set', 'web', 'Exec.Hostname=next']);
          const now = await seenInside('web');
          expect(now === old, point).toBe(!isTrue);
          expect(existsSync(root.layout.changeFile('web'))).toBe(false);
          await root.ok(['restart', '--kill', 'web']);
          expect(await seenInside('web'), point).toBe(now);
          // Killed, and then the end: by the user, and by a supervisor that dies.
          if (!isTrue) await kill();
          if (point === 'change.changed')
            process.kill((await root.info('web')).supervisorPid as number, 'SIGKILL');
          await root.ok(['stop', '--kill', 'web']);
          await root.ok(['list']);
          expect(linkIsThere(bridgeOf('tsct0')), point).toBe(false);
          expect(await rulesOf('lan')).not.toContain('19460');
          await root.ok(['start', 'web']);
          expect(await seenInside('web'), point).toBe(now);
          await root.ok(['destroy', '--force', 'web', 'far']);
        }
      });
    },
    { timeout: 180_000 * SLOWNESS },
  );

  it('at any moment of the kernel’s part is undone', async () => {
    await onNetworks(['lan'], async () => {
      await create('web');
      await create('far', 'Network.eth0.Network=lan');
      for (let round = 0; round < 8; round++) {
        const old = await seenInside('web');
        let isDone = false;
        const changing = root.run([
          'config',
          'set',
          'web',
          'Network.eth1.Network=lan',
          'Network.eth0.MTUBytes=1400',
        ]);
        void changing.then(() => {
          isDone = true;
        });
        // It may be over sooner than `until` looks again.
        while (!isDone && !existsSync(root.layout.changeFile('web')))
          await new Promise((resolve) => setTimeout(resolve, 2));
        await new Promise((resolve) => setTimeout(resolve, round * 4));
        for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
          try {
            const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
            const mine = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(root.path);
            if (mine && (words[1] === 'change-network' || words.includes('Network.eth1.Network=lan')))
              process.kill(Number(pid), 'SIGKILL');
          } catch {
            // gone meanwhile
          }
        }
        const { exitCode } = await changing;
        await root.ok(['config', 'set', 'web', 'Exec.Hostname=next']);
        const isTrue = config('web').includes('eth1');
        const now = await seenInside('web');
        if (isTrue) expect(now).toContain('mtu 1400');
        else expect(now, `round ${round}, exit ${exitCode}`).toBe(old);
        if (isTrue) await root.ok(['config', 'unset', 'web', 'Network eth1', 'Network.eth0.MTUBytes']);
      }
    });
  });
});
