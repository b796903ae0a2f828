import { existsSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { outsideHost } from '../support/outside-host.js';
import { noLink, noLinkKind, noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

const it = testNeeding(noRoot());
const root = useRoot();

const create = (name: string, settings: readonly string[], ...more: string[]) =>
  root.ok(['create', name, '--template', 'busybox', ...settings.flatMap((one) => ['--set', one]), ...more]);
const eth0 = (...settings: string[]) => settings.map((one) => `Network.eth0.${one}`);
const ip = (words: string) => execa('ip', words.split(' '));
const link = (name: string) => existsSync(`/sys/class/net/${name}`);
const macOf = (name: string) => readFileSync(`/sys/class/net/${name}/address`, 'utf8').trim();
const pings = async (from: string, ...words: string[]) =>
  (await root.run(['exec', from, '-T', '--', 'ping', '-c', '1', '-W', '2', ...words])).exitCode === 0;
const reaches = (from: string, to: string) => until(`${from} reaches ${to}`, () => pings(from, to));

/** A link of this host, with somebody beyond it. */
let lan: Awaited<ReturnType<typeof outsideHost>>;
const LAN = 'kinds-lan';

beforeAll(async () => {
  lan = await outsideHost(LAN, '198.51.100', '2001:db8:78');
});
afterAll(() => lan.dispose());

describe('macvlan', () => {
  it('is a machine of its own on the network of a link, with a MAC address that stays', async () => {
    const settings = eth0(
      'Kind=macvlan',
      `Link=${LAN}`,
      'Address=198.51.100.10/24',
      'Address=2001:db8:78::10/64',
    );
    await create('mv', [...settings, ...eth0('MTUBytes=1400', 'TransmitQueueLength=77')], '--start');
    await reaches('mv', '198.51.100.2');
    await reaches('mv', '2001:db8:78::2');
    const about = await root.info('mv');
    expect(about.addresses).toEqual(['198.51.100.10/24', '2001:db8:78::10/64']);
    expect(about.network).toMatchObject([
      { name: 'eth0', kind: 'macvlan', hostName: null, link: LAN, network: null, bridge: null },
    ]);
    const { mac, counters } = about.network[0] ?? {};
    expect(counters?.sentPackets).toBeGreaterThan(0);
    expect(mac).toMatch(/^02:/);
    expect(
      await root.sh(
        'mv',
        'cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu /sys/class/net/eth0/tx_queue_len',
      ),
    ).toBe(`${mac}\n1400\n77`);
    const seen = (await lan.run('ip', 'neigh', 'show', '198.51.100.10')).stdout;
    expect(seen).toContain(mac);
    await root.ok(['wait', 'mv', '--for', 'address', '--timeout', '5']);
    expect((await root.ok(['list'])).stdout).toContain('198.51.100.10/24');
    await root.ok(['restart', 'mv']);
    expect((await root.info('mv')).network[0]?.mac).toBe(mac);
    await root.ok(['clone', 'mv', 'copy']);
    expect((await root.info('copy')).network[0]?.mac).not.toBe(mac);
  });

  it('reaches its siblings in mode bridge only', async () => {
    for (const [mode, expected] of [
      ['bridge', true],
      ['private', false],
    ] as const) {
      for (const n of [11, 12]) {
        const settings = eth0('Kind=macvlan', `Link=${LAN}`, `Mode=${mode}`, `Address=198.51.100.${n}/24`);
        await create(`m${n}`, settings, '--start');
      }
      await reaches('m11', '198.51.100.2');
      expect(await pings('m11', '198.51.100.12'), mode).toBe(expected);
      await root.ok(['destroy', '--force', 'm11', 'm12']);
    }
  });

  it('has the MAC address of the link in mode passthru, and hears only who it is told of in mode source', async () => {
    const pass = eth0('Kind=macvlan', `Link=${LAN}`, 'Mode=passthru', 'Address=198.51.100.13/24');
    await create('pass', pass, '--start');
    await reaches('pass', '198.51.100.2');
    expect((await root.info('pass')).network[0]?.mac).toBe(macOf(LAN));
    // It is the only one there, at once after the one before, too.
    await root.ok(['restart', 'pass', '--kill']);
    await root.ok(['stop', 'pass', '--kill']);
    const far = /ether (\S+)/.exec((await lan.run('ip', 'link', 'show', 'inet')).stdout)?.[1];
    const source = (n: number, who: string) =>
      eth0(
        'Kind=macvlan',
        `Link=${LAN}`,
        'Mode=source',
        `SourceMACAddress=${who}`,
        `Address=198.51.100.${n}/24`,
      );
    await create('deaf', source(14, '02:00:00:00:00:09'), '--start');
    expect(await pings('deaf', '198.51.100.2')).toBe(false);
    await create('hears', source(15, `02:00:00:00:00:09 ${far}`), '--start');
    await reaches('hears', '198.51.100.2');
  });

  it('says what is wrong with the link', async () => {
    await create('lost', eth0('Kind=macvlan', 'Link=nowhere0'));
    const missing = await root.run(['start', 'lost']);
    expect(missing.exitCode).toBe(4);
    expect(missing.stderr).toContain('make macvlan eth0 on nowhere0: there is no link nowhere0');
    await ip('link add nowhere0 type bridge');
    try {
      const down = await root.run(['start', 'lost']);
      expect(down.exitCode).toBe(4);
      expect(down.stderr).toContain('nowhere0 is down');
      expect(down.stderr).toContain('ip link set LINK up');
      await ip('link set nowhere0 up');
      await root.ok(['start', 'lost']);
    } finally {
      await ip('link delete nowhere0');
    }
    await root.ok(['stop', '--kill', 'lost']);
    expect(link('nowhere0')).toBe(false);
  });
});

describe('routed', () => {
  const ROUTED = eth0('Kind=routed', 'Address=192.0.2.130/24', 'Address=2001:db8:79::10/64');

  it('is reached from the host, from others and from beyond, each way by the host alone', async () => {
    await create('ra', ROUTED, '--start');
    await create(
      'rb',
      eth0('Kind=routed', 'Address=192.0.2.131/32', 'Address=2001:db8:79::11/128'),
      '--start',
    );
    await root.sh('ra', 'mkdir /www && echo web >/www/who && httpd -h /www');
    const answersHost = async (to: string) => {
      const at = to.includes(':') ? `[${to}]` : to;
      return (
        await execa('curl', ['-s', '-m', '5', `http://${at}/who`], {
          reject: false,
          stripFinalNewline: false,
        })
      ).stdout;
    };
    for (const to of ['192.0.2.130', '2001:db8:79::10']) {
      expect(await answersHost(to), to).toBe('web\n');
      await reaches('rb', to);
    }
    await lan.run('ip', 'route', 'add', '192.0.2.130', 'via', '198.51.100.1');
    await reaches('ra', '198.51.100.2');
    const about = await root.info('ra');
    expect(about.addresses).toEqual(['192.0.2.130/32', '2001:db8:79::10/128']);
    expect(about.network).toMatchObject([{ name: 'eth0', kind: 'routed', bridge: null, network: null }]);
    expect(about.network[0]?.addresses).toHaveLength(2);
    expect(about.network[0]?.counters?.sentPackets).toBeGreaterThan(0);
    expect(await root.sh('ra', 'ip route; ip -6 route')).toMatch(
      /^default via 169\.254\.1\.1 dev eth0 onlink\s[\s\S]*^default via fe80::1 dev eth0/m,
    );
    await create('rc', eth0('Kind=routed', 'Address=192.0.2.131/32'));
    const taken = await root.run(['start', 'rc']);
    expect(taken.exitCode).toBe(4);
    expect(taken.stderr).toContain('cannot start rc: rb has the address 192.0.2.131');
  });

  // What is limited is seen by other hooks: an ifb gives it back behind that of the link.
  for (const [what, test, limit] of [
    ['', it, []],
    [', with EgressMax=', testNeeding(noRoot(), noLink('ifb')), eth0('EgressMax=1G')],
  ] as const)
    test(`sends from no address but its own${what}`, async () => {
      await create('liar', [...ROUTED, ...limit], '--start');
      await reaches('liar', '169.254.1.1');
      await lan.run('ip', 'route', 'replace', '192.0.2.199', 'via', '198.51.100.1');
      const hostName = (await root.info('liar')).network[0]?.hostName ?? '';
      await root.sh('liar', 'ip addr add 192.0.2.199/32 dev eth0; ip addr add 2001:db8:79::99/128 dev eth0');
      await ip(`route add 192.0.2.199 dev ${hostName}`);
      await ip(`route add 2001:db8:79::99 dev ${hostName}`);
      const spoof4 = () => pings('liar', '-I', '192.0.2.199', '198.51.100.2');
      const spoof6 = () => pings('liar', '-I', '2001:db8:79::99', '2001:db8:78::1');
      expect([await spoof4(), await spoof6()]).toEqual([false, false]);
      // The same without the guard: it is the guard that stops it.
      for (const family of limit.length > 0 ? ['inet', 'arp'] : ['netdev']) {
        await execa('nft', ['delete', 'table', family, `tsct-${hostName}`]);
      }
      expect([await spoof4(), await spoof6()]).toEqual([true, true]);
    });

  it('has its tables again by repair, and by its next start', async () => {
    await create('bare', [...ROUTED, ...eth0('Isolated=yes')], '--start');
    const table = async () => {
      const hostName = (await root.info('bare')).network[0]?.hostName ?? '';
      const list = () => execa('nft', ['list', 'ruleset']).then(({ stdout }) => ours(stdout, hostName));
      return { name: `tsct-${hostName}`, list };
    };
    const ours = (text: string, hostName: string) =>
      text
        .split(/^(?=table )/m)
        .filter((one) => one.includes(`tsct-${hostName} `))
        .map((one) => one.replace(/packets \d+ bytes \d+/g, ''))
        .sort();
    const { name, list } = await table();
    const before = await list();
    const families = before.map((text) => text.split(' ')[1]);
    expect(families).toEqual(['inet', 'netdev']);
    const flush = () => execa('nft', [families.map((family) => `delete table ${family} ${name}`).join(';')]);
    await flush();
    expect(await list()).toEqual([]);
    expect((await root.ok(['network', 'repair'])).stdout).toContain('bare: repaired (routed)');
    expect(await list()).toEqual(before);
    await flush();
    await root.ok(['restart', 'bare']);
    expect(await (await table()).list()).toHaveLength(families.length);
  });

  it('leaves nothing when its supervisor is killed', async () => {
    await create('gone', ROUTED, '--start');
    const about = await root.info('gone');
    const hostName = about.network[0]?.hostName ?? '';
    process.kill(about.supervisorPid as number, 'SIGKILL');
    await until('cleaned', async () => {
      await root.ok(['list']);
      return !link(hostName);
    });
    expect((await execa('nft', ['list', 'tables'])).stdout).not.toContain(hostName);
    expect((await ip('route show 192.0.2.130')).stdout).toBe('');
  });
});

describe('physical', () => {
  const GIVEN = 'kinds-nic';
  const MAC = '02:00:00:00:88:01';
  const settings = eth0('Kind=physical', `Link=${GIVEN}`, 'Address=198.18.9.2/24', 'MTUBytes=1400');
  const linkOf = async () => JSON.parse((await ip(`-j link show ${GIVEN}`)).stdout)[0];

  beforeAll(async () => {
    await ip(`link add ${GIVEN} type veth peer name kinds-far`);
    await ip(`link set ${GIVEN} address ${MAC} mtu 1450 up`);
    await ip('addr add 198.18.9.1/24 dev kinds-far');
    await ip('link set kinds-far up');
    await ip(`link property add dev ${GIVEN} altname kinds-second`);
    await ip(`link set ${GIVEN} alias uplink`);
    await create('nic', settings);
  });
  afterAll(() => ip('link delete kinds-far'));

  const backAsItWas = async () =>
    expect(await linkOf()).toMatchObject({
      ifname: GIVEN,
      address: MAC,
      mtu: 1450,
      ifalias: 'uplink',
      altnames: ['kinds-second'],
      flags: expect.arrayContaining(['UP']),
    });

  it("is the container's while it runs, and the host's afterwards as it was", async () => {
    await root.ok(['start', 'nic']);
    expect(link(GIVEN)).toBe(false);
    await reaches('nic', '198.18.9.1');
    expect((await root.info('nic')).network).toMatchObject([
      { name: 'eth0', kind: 'physical', link: GIVEN, mac: MAC, hostName: null, addresses: ['198.18.9.2/24'] },
    ]);
    await create('rival', settings);
    const refused = await root.run(['start', 'rival']);
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toContain(`cannot start rival: nic has the link ${GIVEN}`);
    // Whatever guest root has made of it.
    await root.sh(
      'nic',
      'ip link set eth0 down && ip link set eth0 name lan7 && ip link set lan7 address 02:00:00:00:88:99 mtu 1300 promisc on',
    );
    await root.ok(['stop', '--kill', 'nic']);
    await backAsItWas();
  });

  it('is given back when the supervisor is killed, and when the start fails after it was taken', async () => {
    await root.ok(['start', 'nic']);
    const { supervisorPid } = await root.info('nic');
    await root.sh('nic', 'ip link set eth0 down && ip link set eth0 name renamed');
    process.kill(supervisorPid as number, 'SIGKILL');
    await until('given back', async () => {
      await root.ok(['list']);
      return link(GIVEN);
    });
    await backAsItWas();
    await create('bad', [...settings, 'Exec.Init=/bin/nothing']);
    expect((await root.run(['start', 'bad'])).exitCode).not.toBe(0);
    await backAsItWas();
  });

  it('is kept for the next command while something else has its name', async () => {
    await root.ok(['start', 'nic']);
    await ip(`link add ${GIVEN} type bridge`);
    await root.run(['stop', '--kill', 'nic']);
    expect((await ip(`-d link show ${GIVEN}`)).stdout).toContain('bridge');
    await ip(`link delete ${GIVEN}`);
    await root.ok(['list']);
    await backAsItWas();
  });

  it('says that there is no such link', async () => {
    await create('lost', eth0('Kind=physical', 'Link=nowhere0'));
    const lost = await root.run(['start', 'lost']);
    expect(lost.exitCode).toBe(4);
    expect(lost.stderr).toContain('give link nowhere0: there is no such link');
  });
});

describe('ipvlan', () => {
  const missing = noLinkKind('ipvlan');
  testNeeding(noRoot(), missing)(
    'has the MAC address of its link, and what its mode says of the way out',
    async () => {
      for (const mode of ['l2', 'l3', 'l3s']) {
        const settings = eth0('Kind=ipvlan', `Link=${LAN}`, `Mode=${mode}`, 'Address=198.51.100.20/24');
        await create('iv', settings, '--start');
        await reaches('iv', '198.51.100.2');
        expect((await root.info('iv')).network).toMatchObject([
          {
            name: 'eth0',
            kind: 'ipvlan',
            link: LAN,
            hostName: null,
            mac: macOf(LAN),
            addresses: ['198.51.100.20/24'],
          },
        ]);
        expect((await root.sh('iv', 'ip route')).includes('default dev eth0'), mode).toBe(mode !== 'l2');
        await root.ok(['restart', 'iv', '--kill']);
        await reaches('iv', '198.51.100.2');
        await root.ok(['destroy', '--force', 'iv']);
      }
    },
  );

  testNeeding(noRoot(), missing ? undefined : 'this kernel has ipvlan')(
    'says what to load where the kernel has none',
    async () => {
      await create('iv', eth0('Kind=ipvlan', `Link=${LAN}`));
      const failed = await root.run(['start', 'iv']);
      expect(failed.exitCode).toBe(5);
      expect(failed.stderr).toContain(`make ipvlan eth0 on ${LAN}`);
      expect(failed.stderr).toContain('modprobe macvlan, ipvlan or 8021q');
    },
  );
});

describe('vlan', () => {
  const settings = eth0('Kind=vlan', `Link=${LAN}`, 'VLANId=77', 'Address=198.18.77.2/24');
  const missing = noLinkKind('vlan', 'id', '77');
  testNeeding(noRoot(), missing)(
    'is on its VLAN, with a MAC address of its own, and there once',
    async () => {
      await lan.run('ip', 'link', 'add', 'link', 'inet', 'name', 'inet.77', 'type', 'vlan', 'id', '77');
      await lan.run('ip', 'addr', 'add', '198.18.77.1/24', 'dev', 'inet.77');
      await lan.run('ip', 'link', 'set', 'inet.77', 'up');
      await create('vl', settings, '--start');
      await reaches('vl', '198.18.77.1');
      const [about] = (await root.info('vl')).network;
      expect(about).toMatchObject({ kind: 'vlan', link: LAN, hostName: null, addresses: ['198.18.77.2/24'] });
      expect((await lan.run('ip', 'neigh', 'show', '198.18.77.2')).stdout).toContain(about?.mac);
      // Gone before the next one is made.
      for (let round = 0; round < 5; round++) await root.ok(['restart', 'vl', '--kill']);
      await create('second', settings);
      const taken = await root.run(['start', 'second']);
      expect(taken.exitCode).toBe(4);
      expect(taken.stderr).toContain(`cannot start second: vl has VLAN 77 of ${LAN}`);
    },
  );

  testNeeding(noRoot(), missing ? undefined : 'this kernel has VLANs')(
    'says what to load where the kernel has none',
    async () => {
      await create('vl', settings);
      const failed = await root.run(['start', 'vl']);
      expect(failed.exitCode).toBe(5);
      expect(failed.stderr).toContain(`make vlan eth0 on ${LAN} with id 77`);
    },
  );
});
