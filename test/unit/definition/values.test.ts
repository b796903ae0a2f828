import { describe, expect, it } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.js';

const parse = (section: string, line: string) =>
  parseDefinition([{ file: 'config', text: `[${section}]\n${line}\n` }]);
const exec = (line: string) => parse('Exec', line).exec;
const files = (line: string) => parse('Files', line).files;

describe('[Exec] values', () => {
  it.each([
    ['Environment=A=1 "B=x y" \'C=$z\' D=a\\ b E=', ['A=1', 'B=x y', 'C=$z', 'D=a b', 'E=']],
    ['Environment="A=say \\"hi\\""', ['A=say "hi"']],
    ['Environment=A=#not;comment', ['A=#not;comment']],
  ])('%s', (line, environment) => expect(exec(line).environment).toEqual(environment));

  it.each([
    ['SIGRTMIN+3', 37],
    ['rtmin+4', 38],
    ['SIGRTMAX-1', 63],
    ['TERM', 15],
    ['SIGPWR', 30],
    ['2', 2],
  ])('KillSignal=%s', (text, signal) => expect(exec(`KillSignal=${text}`).killSignal).toBe(signal));

  it.each([
    ['LimitNOFILE=1024', { soft: 1024, hard: 1024 }],
    ['LimitNOFILE=1024:infinity', { soft: 1024, hard: Number.POSITIVE_INFINITY }],
    ['LimitNPROC=infinity', { soft: Number.POSITIVE_INFINITY, hard: Number.POSITIVE_INFINITY }],
  ])('%s', (line, limit) => {
    const { limitNOFILE, limitNPROC } = exec(line);
    expect(limitNOFILE ?? limitNPROC).toEqual(limit);
  });

  it('reads limits in their own units', () => {
    expect(exec('LimitCORE=1M').limitCORE?.soft).toBe(1024 ** 2);
    expect(exec('LimitCPU=1min 200ms').limitCPU?.soft).toBe(61);
    expect(exec('LimitRTTIME=5ms').limitRTTIME?.soft).toBe(5000);
    expect(exec('LimitRTTIME=5').limitRTTIME?.soft).toBe(5);
    expect(exec('LimitNICE=-5').limitNICE?.soft).toBe(25);
    expect(exec('LimitNICE=+5').limitNICE?.soft).toBe(15);
    expect(exec('LimitNICE=7').limitNICE?.soft).toBe(7);
  });

  it('reads capabilities and calls with or without their prefix', () => {
    expect(exec('Capability=net_admin,CAP_SYS_TIME').capabilities).toEqual(['CAP_NET_ADMIN', 'CAP_SYS_TIME']);
    expect(exec('DropCapability=all').dropCapabilities).toHaveLength(41);
    expect(exec('SystemCallFilter=~@mount ptrace').systemCallFilter).toEqual([
      { name: '@mount', isAllowed: false },
      { name: 'ptrace', isAllowed: false },
    ]);
  });

  it('keeps the lines of a credential', () => {
    expect(exec('SetCredential=motd:a\\nb\\\\n').setCredentials).toEqual([{ id: 'motd', value: 'a\nb\\n' }]);
  });

  it.each([
    'Init=sbin/init',
    'Init=/sbin/../init',
    'Environment=1A=x',
    'Environment="A=1',
    'Environment=A',
    'Hostname=a..b',
    'Hostname=-a',
    `Hostname=${'a'.repeat(65)}`,
    'Timezone=Europe/Berlin',
    'ResolvConf=copy',
    'Capability=CAP_FLY',
    'SystemCallFilter=opem',
    'SystemCallFilter=@nope',
    'SystemCallFilter=~',
    'Personality=sparc',
    'KillSignal=SIGNOPE',
    'KillSignal=0',
    'KillSignal=32',
    'KillSignal=SIGRTMIN+31',
    'OOMScoreAdjust=1001',
    'OOMScoreAdjust=1.5',
    'CPUAffinity=0-',
    'CPUAffinity=3-1',
    'CPUAffinity=1024',
    'CPUAffinity=all',
    'LimitNOFILE=2:1',
    'LimitNOFILE=-1',
    'LimitNOFILE=1:2:3',
    'LimitNICE=+20',
    'LoadCredential=a',
    'LoadCredential=a:relative',
    'LoadCredential=../a:/x',
    'SetCredential=.a:x',
    'SetCredential=a/b:x',
    'NotifyReady=perhaps',
  ])('%s is refused', (line) => {
    expect(() => exec(line)).toThrow(expect.objectContaining({ code: 'TSCT_CONFIG_VALUE' }));
  });

  it('names the nearest capability and call', () => {
    expect(() => exec('Capability=CAP_NET_ADMN')).toThrow('nearest is CAP_NET_ADMIN');
    expect(() => exec('SystemCallFilter=pivotroot')).toThrow('nearest is pivot_root');
  });
});

describe('[Files] values', () => {
  const bind = { isInRoot: false, isOptional: false, isRecursive: true, idmap: 'idmap' };
  it.each([
    ['Bind=/a', { ...bind, source: '/a', destination: '/a' }],
    ['Bind=/a:/b', { ...bind, source: '/a', destination: '/b' }],
    ['Bind=/a//./b/:/c/', { ...bind, source: '/a/b', destination: '/c' }],
    ['Bind=/a\\:b:/c', { ...bind, source: '/a:b', destination: '/c' }],
    [
      'Bind=-/a::norbind,rootidmap',
      { ...bind, source: '/a', destination: '/a', isOptional: true, isRecursive: false, idmap: 'rootidmap' },
    ],
    ['Bind=+/a:/b', { ...bind, source: '/a', destination: '/b', isInRoot: true, idmap: 'noidmap' }],
  ])('%s', (line, value) => expect(files(line).binds).toEqual([value]));

  it.each([
    ['Overlay=/l:/u:/d', { lowers: ['/l'], upper: '/u', destination: '/d' }],
    ['Overlay=/l1:/l2:/u:/d', { lowers: ['/l1', '/l2'], upper: '/u', destination: '/d' }],
    ['Overlay=+/var::/var', { lowers: ['+/var'], upper: '', destination: '/var' }],
  ])('%s', (line, value) => expect(files(line).overlays).toEqual([value]));

  it('OverlayReadOnly= has no upper', () => {
    expect(files('OverlayReadOnly=/a:/b:/d').overlaysReadOnly).toEqual([
      { lowers: ['/a', '/b'], destination: '/d' },
    ]);
  });

  it.each([
    'Bind=a',
    'Bind=/a:b',
    'Bind=/a:/b:c',
    'Bind=/a:/b:idmap:x',
    'Bind=/a:/../etc',
    'Bind=:/b',
    'Bind=/a:/',
    'Bind=/a:/proc',
    'Bind=/a:/run/host',
    'Overlay=/a:/b',
    'Overlay=/l:+/u:/d',
    'OverlayReadOnly=/a:/b',
    'TemporaryFileSystem=/a:uid=0',
    'TemporaryFileSystem=/a:size=big',
    'TemporaryFileSystem=/a:size=1m:x',
    'TemporaryFileSystem=/dev',
    'Inaccessible=/',
    'Inaccessible=etc',
    'ReadOnly=perhaps',
  ])('%s is refused', (line) => {
    expect(() => files(line)).toThrow(expect.objectContaining({ code: 'TSCT_CONFIG_VALUE' }));
  });
});

describe('[Start] values', () => {
  it('reads names and times', () => {
    const { start } = parse('Start', 'After=db cache\nDelay=1.5\nRestartSec=2min\nStartLimitIntervalSec=0');
    expect(start).toMatchObject({
      after: ['db', 'cache'],
      delayMs: 1500,
      restartDelayMs: 120_000,
      startLimitIntervalMs: 0,
    });
  });
  it.each(['After=../x', 'After=a/b', 'Restart=yes', 'StartLimitBurst=-1', 'Order=first'])(
    '%s is refused',
    (line) => {
      expect(() => parse('Start', line)).toThrow(expect.objectContaining({ code: 'TSCT_CONFIG_VALUE' }));
    },
  );
});

describe('[Snapshots] values', () => {
  const snapshots = (line: string) => parse('Snapshots', line).snapshots;

  it('reads schedules, each with its own rule', () => {
    expect(
      snapshots(
        'Schedule=nightly 2:30 keep=daily:7,weekly:4\nSchedule=f Fri,Mon 18:00 keep=last:3 within:9d\nSchedule=h hourly',
      ).schedules,
    ).toEqual([
      {
        name: 'nightly',
        when: { every: 'day', weekdays: [0, 1, 2, 3, 4, 5, 6], minutes: 150 },
        keep: { periods: { daily: 7, weekly: 4 } },
      },
      {
        name: 'f',
        when: { every: 'day', weekdays: [0, 4], minutes: 1080 },
        keep: { last: 3, withinMs: 9 * 86_400_000, periods: {} },
      },
      { name: 'h', when: { every: 'hour' } },
    ]);
    expect(snapshots('PreHook=/bin/a "b c" d\nPreHook=/bin/e').preHooks).toEqual([
      ['/bin/a', 'b c', 'd'],
      ['/bin/e'],
    ]);
    expect(snapshots('Stopped=yes').namePattern).toBe('{schedule}-{utc}');
  });

  it.each([
    ['Schedule=nightly', /does not say when/],
    ['Schedule=night_ly daily', /not a schedule's name/],
    ['Schedule=nightly daily keep=', /says nothing/],
    ['Schedule=nightly daily 7', /"daily 7" is not one of hourly/],
    ['Schedule=nightly daily keep=fortnightly:2', /"fortnightly:2" is not one of/],
    ['NamePattern={schedule}', /every snapshot would have the same name/],
    ['NamePattern={date}-{utc}', /\{date\} is not one of/],
    ['NamePattern=../{utc}', /letters, digits/],
    ['PreHook=quiesce', /not an absolute path/],
  ])('refuses %s', (line, message) => expect(() => snapshots(line)).toThrow(message));
});

describe('[Storage]', () => {
  const storage = (text: string) =>
    parseDefinition([{ file: 'config', text: `[Storage]\n${text}\n` }]).storage;

  it('names a thin pool as lvm2 does', () => {
    expect(storage('Driver=lvm-thin\nPool=vg-0/thin_pool.1').pool).toBe('vg-0/thin_pool.1');
  });

  it.each([
    ['Driver=zfs', /there is no driver zfs: .* OpenZFS can since 2.2/],
    ['Driver=zsf', /"zsf" is not one of overlay, btrfs, reflink, lvm-thin, dir/],
    ['Pool=pool', /"pool" is not VG\/POOL/],
    ['Pool=/dev/vg/pool', /is not VG\/POOL/],
    ['Pool=-f/pool', /is not VG\/POOL/],
  ])('refuses %s', (line, message) => expect(() => storage(line)).toThrow(message));
});
