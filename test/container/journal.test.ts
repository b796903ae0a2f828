import { existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { guestTar } from '../support/guests.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

const root = useRoot();
const it = testNeeding(noRoot());
const JOURNALS = '/var/log/journal';
/** Of `box` and `deb`, which is nobody else's. */
const ID = 'a7c0ffee000000000000000000000001';
const SETTINGS = ['--set', `Exec.MachineID=${ID}`, '--set', 'Network.Private=yes'];
const LINK = join(JOURNALS, ID);
const KEPT = join(JOURNALS, '.tsct', ID);
const hadJournals = existsSync(JOURNALS);
const hadStore = existsSync(join(JOURNALS, '.tsct'));

const journalctl = async (...words: string[]) =>
  (await execa('journalctl', ['--no-pager', '-o', 'cat', ...words], { reject: false })).stdout;
const link = (mode: string, name = 'box') => root.ok(['config', 'set', name, `Exec.LinkJournal=${mode}`]);
const removeKept = () => {
  rmSync(LINK, { force: true, recursive: true });
  rmSync(KEPT, { force: true, recursive: true });
};

beforeAll(async () => {
  if (!hadJournals) mkdirSync(JOURNALS);
  await root.ok(['create', 'box', '--template', 'busybox', ...SETTINGS]);
  await root.ok([...['create', 'deb', '--rootfs', await guestTar('debian12')], ...SETTINGS]);
});
afterEach(removeKept);
afterAll(() => {
  if (!hadStore) rmSync(join(JOURNALS, '.tsct'), { force: true, recursive: true });
  if (!hadJournals) rmSync(JOURNALS, { recursive: true });
});

describe('LinkJournal=host', () => {
  it('keeps the journal of a systemd on the host, with its own ids, for root alone', async () => {
    await link('host', 'deb');
    await root.ok(['start', 'deb', '--wait']);
    await root.sh('deb', 'echo said-by-the-guest | systemd-cat -t probe && journalctl --sync');
    expect(
      await root.sh(
        'deb',
        `stat -c %u:%g:%G ${JOURNALS}/${ID} && stat -c %u:%G ${JOURNALS}/${ID}/system.journal`,
      ),
    ).toMatch(/^0:\d+:systemd-journal\n0:systemd-journal$/);
    const state = await root.run(['exec', 'deb', '-T', '--', 'systemctl', 'is-system-running', '--wait']);
    expect(state.stdout.trim(), await root.sh('deb', 'systemctl --failed')).toBe('running');
    await root.ok(['stop', 'deb']);
    // Stopped: the host still has it.
    expect(await journalctl('-D', LINK, '-t', 'probe')).toBe('said-by-the-guest');
    expect(await journalctl('--merge', '-D', JOURNALS, '-t', 'probe')).toBe('said-by-the-guest');
    expect(readlinkSync(LINK)).toBe(`.tsct/${ID}`);
    expect(statSync(join(LINK, 'system.journal')).uid).toBe(0);
    const other = await execa('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'ls', LINK], {
      reject: false,
    });
    expect(other.stderr).toMatch(/Permission denied/);
  });

  it('takes over a directory that is there; one that stays empty goes with the run', async () => {
    await link('host');
    mkdirSync(LINK);
    await root.ok(['start', 'box']);
    expect(readlinkSync(LINK)).toBe(`.tsct/${ID}`);
    expect(statSync(KEPT).mode & 0o777).toBe(0o755);
    expect(await root.sh('box', `echo x > ${LINK}/f; stat -c %u:%g ${LINK} ${LINK}/f; rm ${LINK}/f`)).toBe(
      '0:0\n0:0',
    );
    expect(await root.sh('box', `grep " ${LINK} " /proc/mounts`)).toMatch(/nosuid,nodev,noexec/);
    await root.ok(['stop', 'box']);
    expect(existsSync(KEPT) || lstatSync(LINK, { throwIfNoEntry: false }) !== undefined).toBe(false);
  });

  it('is refused to a second one of the same machine-id while the first runs', async () => {
    await link('host');
    await link('host', 'deb');
    await root.ok(['start', 'box']);
    const { exitCode, stderr } = await root.run(['start', 'deb']);
    expect(stderr).toContain(`cannot start deb: box has the journal of the machine-id ${ID}`);
    expect(exitCode).toBe(4);
    await root.ok(['stop', 'box']);
  });

  it("resolves inside the root only: a guest's symbolic link leads into the guest", async () => {
    await link('no');
    await root.ok(['start', 'box']);
    await root.sh(
      'box',
      'rm -rf /var/log/journal; mkdir -p /var/log /srv/j && ln -s /srv/j /var/log/journal',
    );
    await root.ok(['stop', 'box']);
    await link('host');
    await root.ok(['start', 'box']);
    expect(await root.sh('box', `echo x > ${LINK}/f; ls /srv/j/${ID}`)).toBe('f');
    await root.ok(['stop', 'box']);
    expect(existsSync(join(KEPT, 'f'))).toBe(true);
    expect(existsSync('/srv/j')).toBe(false);
    await link('no');
    await root.ok(['start', 'box']);
    await root.sh('box', 'rm -r /var/log/journal /srv/j');
    await root.ok(['stop', 'box']);
  });
});

describe('LinkJournal=guest', () => {
  it('shows the journal of a systemd while it runs', async () => {
    await link('guest', 'deb');
    await root.ok(['start', 'deb', '--wait']);
    await root.sh('deb', 'echo from-inside | systemd-cat -t probe && journalctl --sync');
    expect(await journalctl('-D', LINK, '-t', 'probe')).toContain('from-inside');
    expect(await journalctl('--merge', '-D', JOURNALS, '-t', 'probe')).toContain('from-inside');
    expect(readdirSync(LINK)).toContain('system.journal');
    await root.ok(['stop', 'deb']);
    expect(lstatSync(LINK, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('is read-only for the host, and no link in it leads the host anywhere', async () => {
    await link('guest');
    await root.ok(['start', 'box']);
    await root.sh('box', `echo told > ${LINK}/f; ln -s /etc/hostname ${LINK}/g; ln -s /etc ${LINK}/d`);
    expect((await execa('cat', [join(LINK, 'f')])).stdout).toBe('told');
    await expect(writeFile(join(LINK, 'f'), '')).rejects.toThrow('EROFS');
    for (const path of ['g', 'd/hostname']) {
      expect((await execa('cat', [join(LINK, path)], { reject: false })).stderr).toMatch(/symbolic links/);
    }
    expect((await execa('findmnt', ['-no', 'OPTIONS', '-T', `${LINK}/.`])).stdout).toMatch(
      /^ro,nosuid,nodev,noexec/,
    );
    await root.ok(['stop', 'box']);
    await root.ok(['start', 'box', '--ephemeral'], {}).then(
      () => expect.fail('an ephemeral run was linked'),
      (error: Error) => expect(error.message).toMatch(/nothing of an ephemeral run is kept/),
    );
    await link('try-guest');
    await root.ok(['start', 'box', '--ephemeral']);
    expect(existsSync(LINK)).toBe(false);
    await root.ok(['stop', 'box']);
  });

  it('is shown again after a reboot, and taken back after the supervisor was killed', async () => {
    await link('guest');
    await root.ok(['start', 'box', '--wait']);
    await root.sh('box', `touch ${LINK}/mine`);
    await root.ok(['restart', 'box']);
    expect(readdirSync(LINK)).toContain('mine');
    const { supervisorPid } = (await root.ok(['info', 'box', '--json'])).json<{ supervisorPid: number }>();
    process.kill(supervisorPid, 'SIGKILL');
    await until('the supervisor is gone', () => !existsSync(`/proc/${supervisorPid}`));
    await root.ok(['stop', 'box']);
    expect(lstatSync(LINK, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('refuses the place of something else, and leaves it', async () => {
    await link('guest');
    mkdirSync(join(LINK, 'old'), { recursive: true });
    const refused = await root.run(['start', 'box']);
    expect(refused).toMatchObject({ exitCode: 4 });
    expect(refused.stderr).toMatch(
      /link journal \/var\/log\/journal\/a7c0ffee\d+: something else has its place/,
    );
    expect(readdirSync(LINK)).toEqual(['old']);
    await link('try-guest');
    await root.ok(['start', 'box']);
    await root.ok(['stop', 'box']);
    expect(readdirSync(LINK)).toEqual(['old']);
    rmSync(LINK, { recursive: true });
    await symlink('/etc', LINK);
    await link('host');
    expect((await root.run(['start', 'box'])).exitCode).toBe(4);
    expect(readlinkSync(LINK)).toBe('/etc');
  });
});

describe('LinkJournal=no and auto', () => {
  it('auto: like host where the host has a directory of that name; no: never', async () => {
    const seen = async (mode: string) => {
      await link(mode);
      await root.ok(['start', 'box']);
      const mounts = await root.sh('box', `grep -c " ${LINK} " /proc/mounts || true`);
      await root.ok(['stop', 'box']);
      return mounts;
    };
    expect(await seen('auto')).toBe('0');
    mkdirSync(LINK);
    expect(await seen('no')).toBe('0');
    expect(await seen('auto')).toBe('1');
  });

  it('where the host keeps no journal on disk: host and guest fail, the others do without', async () => {
    const aside = `${JOURNALS}.tsct-test`;
    await rename(JOURNALS, aside);
    try {
      for (const mode of ['host', 'guest']) {
        await link(mode);
        const refused = await root.run(['start', 'box']);
        expect(refused).toMatchObject({ exitCode: 5 });
        expect(refused.stderr).toMatch(
          /config:\d+: cannot link the journal: this host keeps no journal on disk/,
        );
      }
      for (const mode of ['try-host', 'try-guest', 'auto']) {
        await link(mode);
        await root.ok(['start', 'box']);
        await root.ok(['stop', 'box']);
      }
      expect(existsSync(JOURNALS)).toBe(false);
    } finally {
      await rm(JOURNALS, { recursive: true, force: true });
      await rename(aside, JOURNALS);
    }
  });
});
