import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect } from 'vitest';
import { guestTar } from '../support/guests.js';
import { noProgram, noRoot, testNeeding } from '../support/requires.js';
import { useRoot } from '../support/temp-root.js';

const root = useRoot();
const it = testNeeding(noRoot(), noProgram('useradd'));
/** Of the host, for as long as this file is tested. */
const USER = 'tsct-bind-user';
const SHARED = 'tsct-bind-shared';
const HASH = '$6$tsct$notthehashofanypassword';
const INSIDE = `/run/host/home/${USER}`;
let home = '';
let uid = 0;

const removeUsers = () =>
  Promise.all([USER, SHARED].map((name) => execa('userdel', [name], { reject: false })));
const set = (name: string, ...settings: string[]) => root.ok(['config', 'set', name, ...settings]);
const refusal = async (name: string) => {
  const { exitCode, stderr } = await root.run(['start', name]);
  return `${exitCode} ${stderr.split('\n')[0]}`;
};

beforeAll(async () => {
  await removeUsers();
  home = mkdtempSync('/var/tmp/tsct-home-');
  await execa('useradd', ['-U', '-M', '-d', home, '-s', '/bin/sh', '-c', 'Ada Bound,,,', '-p', HASH, USER]);
  await execa('useradd', ['-N', '-g', '100', '-M', '-d', home, SHARED]);
  uid = Number((await execa('id', ['-u', USER])).stdout);
  writeFileSync(join(home, 'mine'), 'of the host\n');
  chmodSync(join(home, 'mine'), 0o600);
  for (const path of [home, join(home, 'mine')]) chownSync(path, uid, uid);
  chmodSync(home, 0o700);
  writeFileSync(join(home, 'others'), 'of root\n', { mode: 0o600 });
  await root.ok(['create', 'box', '--template', 'busybox', '--set', 'Network.Private=yes']);
});
afterAll(async () => {
  rmSync(home, { recursive: true, force: true });
  await removeUsers();
});

it('BindUser=: a systemd knows the user by name; he writes, and others of the home are nobody', async () => {
  await root.ok([
    ...['create', 'deb', '--rootfs', await guestTar('userdb')],
    ...[
      '--set',
      'Network.Private=yes',
      '--set',
      `Files.BindUser=${USER}`,
      '--set',
      'Files.BindUserShell=yes',
    ],
  ]);
  await root.ok(['start', 'deb', '--wait']);
  const said = await root.sh(
    'deb',
    `getent passwd ${USER}; getent group 60514; id ${USER}; getent shadow ${USER} | cut -d: -f1-2
     stat -c %U:%G:%a ${INSIDE} ${INSIDE}/mine ${INSIDE}/others
     runuser -u ${USER} -- sh -c 'cd; pwd; cat mine; cat others 2>&1 | grep -c denied; echo inside >theirs; getent shadow ${USER} | wc -l; cat /run/host/userdb/*privileged 2>/dev/null | wc -l'
     touch ${INSIDE}/by-root 2>&1 | grep -c -i "too large"; systemctl --failed --no-legend`,
  );
  expect(said.split('\n')).toEqual([
    `${USER}:x:60514:60514:Ada Bound:${INSIDE}:/bin/sh`,
    `${USER}:x:60514:`,
    `uid=60514(${USER}) gid=60514(${USER}) groups=60514(${USER})`,
    `${USER}:${HASH}`,
    `${USER}:${USER}:700`,
    `${USER}:${USER}:600`,
    'nobody:nogroup:600',
    ...[INSIDE, 'of the host', '1', '0', '0'],
    '1',
  ]);
  expect(statSync(join(home, 'theirs'))).toMatchObject({ uid, gid: uid });
  expect(existsSync(join(home, 'by-root'))).toBe(false);
  await execa('setpriv', [
    `--reuid=${uid}`,
    `--regid=${uid}`,
    '--clear-groups',
    'sh',
    '-c',
    `echo back >${home}/theirs`,
  ]);
  expect(await root.sh('deb', `cat ${INSIDE}/theirs; stat -c %U ${INSIDE}/theirs`)).toBe(`back\n${USER}`);
  await root.ok(['stop', 'deb']);
});

it('a guest without nss-systemd has the directory and the number; records, modes and secrets', async () => {
  await set('box', `Files.BindUser=${USER}`);
  await root.ok(['start', 'box']);
  const ids = { uid: 60_514, gid: 60_514, disposition: 'regular', homeDirectory: INSIDE };
  const record = JSON.stringify({ userName: USER, realName: 'Ada Bound', ...ids });
  expect(
    await root.sh(
      'box',
      `cd /run/host/userdb; for f in *; do stat -c '%n %a %u %N' $f; done; cat *.user; cat ${USER}.user-privileged
       stat -c %u:%g ${INSIDE}/mine; grep " ${INSIDE} " /proc/mounts | grep -o nosuid,nodev; touch x 2>&1; cat ${INSIDE}/others 2>&1 || true`,
    ),
  ).toBe(
    [
      ...['group', 'user', 'user-privileged'].map(
        (kind) => `60514.${kind} 777 0 '60514.${kind}' -> '${USER}.${kind}'`,
      ),
      ...[`${USER}.group 644 0 ${USER}.group`, `${USER}.user 644 0 ${USER}.user`],
      `${USER}.user-privileged 600 0 ${USER}.user-privileged`,
      ...[record, record],
      JSON.stringify({ privileged: { hashedPassword: [HASH] } }),
      ...['60514:60514', 'nosuid,nodev', 'touch: x: Read-only file system'],
      `cat: can't open '${INSIDE}/others': Permission denied`,
    ].join('\n'),
  );
  await root.ok(['stop', 'box']);
  await set('box', 'Files.BindUserShell=/bin/ash');
  await root.ok(['start', 'box']);
  // exec knows him by the same records, which nothing inside could have read for it.
  const asUser = async (spec: string) =>
    (
      await root.run([
        'exec',
        'box',
        '-T',
        '-u',
        spec,
        '--',
        'sh',
        '-c',
        'echo $(id -u):$(id -g):$(id -G) $USER $HOME $SHELL',
      ])
    ).stdout.trim();
  for (const spec of [USER, '60514', `${USER}:${USER}`])
    expect(await asUser(spec), spec).toBe(`60514:60514:60514 ${USER} ${INSIDE} /bin/ash`);
  const nobody = await root.run(['exec', 'box', '-u', '../userdb/60514', '--', 'id']);
  expect(nobody).toMatchObject({ exitCode: 125 });
  expect(nobody.stderr).toContain('there is no user ../userdb/60514');
  expect(await root.sh('box', `cat /run/host/userdb/60514.user`)).toContain('"shell":"/bin/ash"');
  // Secrets of the host's user are in no file that others could read.
  const kept = await execa('grep', ['-rlF', HASH, root.path], { reject: false });
  for (const file of kept.stdout.split('\n').filter(Boolean))
    expect(statSync(file).mode & 0o077, file).toBe(0);
  await root.ok(['stop', 'box']);
  expect(readFileSync(join(home, 'others'), 'utf8')).toBe('of root\n');
});

it('refuses who is not there, root, system users, a group that is shared, a home that is gone', async () => {
  const because = async (user: string) => {
    await set('box', `Files.BindUser=${user}`);
    return refusal('box');
  };
  expect(await because('tsct-nobody-has-this')).toMatch(
    /^5 .*config:\d+: cannot bind user \S+: the host has no such user/,
  );
  expect(await because('root')).toMatch(/^5 .*root of the host cannot be bound/);
  expect(await because('daemon')).toMatch(/^5 .*it is a system user \(1\)/);
  expect(await because('nobody')).toMatch(/^5 .*it is a system user \(65534\)/);
  expect(await because(SHARED)).toMatch(/^5 .*its group is users, and not one of its own/);
  expect((await root.run(['config', 'set', 'box', 'Files.BindUser=../x'])).exitCode).toBe(2);
  await execa('usermod', ['-d', '/var/tmp/tsct-home-gone', USER]);
  try {
    expect(await because(USER)).toMatch(
      /^5 .*its home \/var\/tmp\/tsct-home-gone is not a directory that is there/,
    );
  } finally {
    await execa('usermod', ['-d', home, USER]);
  }
});

it('refuses a name, or an id, that the container has itself', async () => {
  await root.ok(['config', 'unset', 'box', 'Files.BindUser']);
  const edit = async (line: string, file = 'passwd') => {
    await root.ok(['start', 'box']);
    await root.sh('box', `cp /etc/${file} /etc/keep; echo '${line}' >>/etc/${file}`);
    await root.ok(['stop', 'box']);
    await set('box', `Files.BindUser=${USER}`);
    const said = await refusal('box');
    await root.ok(['config', 'unset', 'box', 'Files.BindUser']);
    await root.ok(['start', 'box']);
    await root.sh('box', `mv /etc/keep /etc/${file}`);
    await root.ok(['stop', 'box']);
    return said;
  };
  expect(await edit(`${USER}:x:1000:1000::/:/bin/sh`)).toMatch(
    /^4 .*bind user tsct-bind-user: \/etc\/passwd of the container has tsct-bind-user \(1000\) already/,
  );
  expect(await edit('other:x:60514:', 'group')).toMatch(
    /^4 .*\/etc\/group of the container has other \(60514\) already/,
  );
});
