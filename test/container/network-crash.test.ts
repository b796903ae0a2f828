import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect } from 'vitest';
import { RUN_ROOT } from '../../src/base/paths.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

// Each test leaves nothing on the machine, or useRoot says what.
const it = testNeeding(noRoot());
const root = useRoot();

const create = (name: string, ...more: string[]) =>
  root.ok(['create', name, '--template', 'busybox', ...more]);
const ip = (words: string) => execa('ip', words.split(' '));
const bridge = () => `tsct0-${root.layout.hash}`;
const runDir = () => join(RUN_ROOT, '.net', bridge());
const linkIsThere = (name: string) => existsSync(`/sys/class/net/${name}`);

async function hostName(name: string): Promise<string> {
  return (await root.info(name)).network[0]?.hostName ?? '';
}

/** The supervisor of a container and what it has running, tsct-setup, as they are at this moment. */
function processesOf(key: string): { supervisor: number; setup: number | undefined } | undefined {
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[1] !== key) continue;
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
      const setup = children.find((child) => readFileSync(`/proc/${child}/comm`, 'utf8') === 'tsct-setup\n');
      return { supervisor: Number(pid), setup: setup === undefined ? undefined : Number(setup) };
    } catch {
      // gone meanwhile
    }
  }
  return undefined;
}

describe('a start that is killed', () => {
  it('leaves nothing, whenever that is, with and without somebody else on the network', async () => {
    await create('other');
    await create('victim', '--start');
    const link = await hostName('victim');
    expect(linkIsThere(link)).toBe(true);
    await root.ok(['stop', 'victim', '--kill']);
    for (let round = 0; round < 16; round++) {
      if (round === 8) await root.ok(['start', 'other']);
      const starting = root.run(['start', 'victim']);
      let found = processesOf(root.layout.key('victim'));
      while (found === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        found = processesOf(root.layout.key('victim'));
      }
      await new Promise((resolve) => setTimeout(resolve, round * 3));
      const now = processesOf(root.layout.key('victim')) ?? found;
      try {
        process.kill(round % 2 ? (now.setup ?? now.supervisor) : now.supervisor, 'SIGKILL');
      } catch {
        // it has just ended
      }
      await starting;
      await root.run(['stop', 'victim', '--kill']); // killed too late: it runs
      await root.ok(['list']);
      expect(linkIsThere(link), `${link} in round ${round}`).toBe(false);
      const rules = (await execa('nft', ['list', 'ruleset'])).stdout;
      expect(rules.includes(link), `rules of ${link} in round ${round}`).toBe(false);
      const records = round < 8 ? [] : readdirSync(join(runDir(), 'hosts.d'));
      expect(records).toEqual(round < 8 ? [] : [root.layout.key('other')]);
      expect(existsSync(runDir())).toBe(round >= 8);
    }
    await root.ok(['start', 'victim']);
    expect(await root.sh('victim', 'ping -c1 -W2 other >/dev/null && echo up')).toBe('up');
    await root.ok(['destroy', '--force', 'victim', 'other']);
  });
});

describe('what is in the way', () => {
  it('a foreign link with our name is told with its alias, and not touched', async () => {
    await create('web');
    await ip(`link add ${bridge()} type bridge`);
    await execa('ip', ['link', 'set', bridge(), 'alias', 'the office']);
    const taken = await root.run(['start', 'web']);
    expect(taken.exitCode).toBe(4);
    expect(taken.stderr).toContain(`make bridge ${bridge()}: a link of that name exists`);
    expect(taken.stderr).toContain('bridge "the office"');
    expect((await ip(`-o link show ${bridge()}`)).stdout).toContain('state DOWN');
    await ip(`link del ${bridge()}`);

    await root.ok(['start', 'web']);
    const link = await hostName('web');
    await root.ok(['stop', 'web', '--kill']);
    await ip(`link add ${link} type bridge`);
    const refused = await root.run(['start', 'web']);
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toContain(`make link ${link}: the name is taken by a bridge`);
    // A batch that went on after the failure would have named and joined it.
    const left = (await ip(`-d -o link show ${link}`)).stdout;
    expect(left).toContain('state DOWN');
    expect(left).not.toMatch(/master|alias|altname/);
    await ip(`link del ${link}`);
    await root.ok(['destroy', 'web']);
  });

  it('what is listed and gone when it is read, as others end, fails no end', async () => {
    await create('web', '--start');
    symlinkSync('/nowhere', join(runDir(), 'ports.d', 'gone'));
    await root.ok(['stop', 'web', '--kill']);
    expect(existsSync(runDir())).toBe(false);
    await root.ok(['destroy', 'web']);
  });

  it('an end that could not undo everything says so, and is finished by the next command', async () => {
    await create('web', '--start');
    const held = join(runDir(), 'ports.d');
    await execa('mount', ['-t', 'tmpfs', 'tsct-test', held]);
    try {
      const stopped = await root.run(['stop', 'web', '--kill']);
      expect(stopped.exitCode).toBe(1);
      expect(stopped.stderr).toMatch(
        /^Error: cannot clean up after web: remove records of service .*busy.*\nHint: .* tsct stop web/,
      );
      expect(existsSync(held)).toBe(true);
    } finally {
      await execa('umount', [held]);
    }
    await root.ok(['list']);
    expect(linkIsThere(bridge())).toBe(false);
    expect(existsSync(runDir())).toBe(false);
    await root.ok(['destroy', 'web']);
  });
});

describe('what goes away under a running container', () => {
  it('keeper, bridge and tables: an end still leaves nothing', async () => {
    await create('web', '--start');
    const keeper = () => Number(readFileSync(join(runDir(), 'keeper.lock'), 'utf8'));
    const first = keeper();
    process.kill(first, 'SIGKILL');
    await create('second', '--start');
    expect(keeper()).not.toBe(first);
    // The first one's dnsmasq, which went on to serve, made room for the next.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(readFileSync(join(runDir(), 'keeper.log'), 'utf8')).not.toContain('ended with');
    await root.ok(['destroy', '--force', 'second']);
    process.kill(keeper(), 'SIGKILL');
    await ip(`link del ${bridge()}`);
    await execa('nft', ['delete', 'table', 'inet', `tsct-${bridge()}`]);
    await root.ok(['stop', 'web', '--kill']);
    expect(existsSync(runDir())).toBe(false);
    await root.ok(['start', 'web']);
    const server = (await execa('ip', ['-4', '-o', 'addr', 'show', bridge()])).stdout.match(
      /inet ([\d.]+)/,
    )?.[1];
    await until('names', async () =>
      (await root.sh('web', `nslookup web.tsct ${server} || true`)).includes(
        (await root.info('web')).addresses[0]?.split('/')[0] ?? '-',
      ),
    );
    await root.ok(['destroy', '--force', 'web']);
  });

  it('many at once, up and down, three times: each time all, and then nothing', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    for (const name of names) await create(name);
    for (let round = 0; round < 3; round++) {
      await Promise.all(names.map((name) => root.ok(['start', name])));
      const ports = readdirSync(`/sys/class/net/${bridge()}/brif`);
      expect(ports.length).toBe(names.length);
      await Promise.all(names.map((name) => root.ok(['stop', name, '--kill'])));
      expect(linkIsThere(bridge())).toBe(false);
      for (const port of ports) expect(linkIsThere(port)).toBe(false);
      expect((await execa('nft', ['list', 'tables'])).stdout).not.toContain(bridge());
      expect(existsSync(runDir())).toBe(false);
    }
    await root.ok(['destroy', ...names]);
  });
});
