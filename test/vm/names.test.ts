import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { tsctOk } from '../support/tsct.js';

afterAll(async () => {
  await tsctOk(['destroy', '--force', 'named']);
});

// Debian's systemd-resolved, as a user has it; the state root and the network are the machine's own here.
test('systemd-resolved of the host is told which server knows NAME.tsct, and forgets it with the network', async () => {
  await execa('systemctl', ['start', 'systemd-resolved']);
  await tsctOk(['create', 'named', '--template', 'busybox', '--start']);
  const { addresses } = (await tsctOk(['info', 'named', '--json'])).json<{ addresses: string[] }>();
  const { stdout } = await execa('resolvectl', ['query', '--legend=no', '-4', 'named.tsct']);
  expect(stdout).toContain(addresses[0]?.split('/')[0]);
  expect((await execa('resolvectl', ['domain', 'tsct0'])).stdout).toContain('~tsct');
  expect((await execa('getent', ['ahostsv4', 'named.tsct'])).stdout).toContain(addresses[0]?.split('/')[0]);
  await tsctOk(['stop', 'named']);
  expect((await execa('resolvectl', ['domain'])).stdout).not.toContain('tsct');
});
