import { existsSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect } from 'vitest';
import { configureProbe, makeProbe, probe, probeLog } from '../support/config-probe.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

const root = useRoot();
const it = testNeeding(noRoot());

beforeAll(() => makeProbe(root));

/** How often init ran, and when, in seconds. The sleep is so that the first start succeeds. */
async function runs(config: string, end: string): Promise<number[]> {
  const script = 'date +%s >> /var/runs\nsleep 0.5';
  await probe(root, '', 'rm -f /var/runs');
  await probe(root, `[Start]\n${config}\n`, script, end);
  const said = await probe(root, '', 'cat /var/runs');
  return said.trim().split('\n').map(Number);
}

describe('[Start] Restart=', () => {
  it('no: a failed init is not started again', async () => {
    expect(await runs('', 'exit 3')).toHaveLength(1);
  });

  it('on-failure: started again until StartLimitBurst= is used up, RestartSec= apart', async () => {
    const times = await runs(
      'Restart=on-failure\nRestartSec=1\nStartLimitBurst=2\nStartLimitIntervalSec=1min',
      'exit 3',
    );
    expect(times).toHaveLength(3);
    expect((times[2] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(2);
  });

  it('on-failure: not after a power-off', async () => {
    expect(await runs('Restart=on-failure\nRestartSec=0', 'poweroff -f')).toHaveLength(1);
  });

  it('on-success: after a power-off, and not after a failure', async () => {
    const config = 'Restart=on-success\nRestartSec=0\nStartLimitBurst=1\nStartLimitIntervalSec=1min';
    expect(await runs(config, 'poweroff -f')).toHaveLength(2);
    expect(await runs(config, 'exit 1')).toHaveLength(1);
  });

  it('StartLimitBurst=0: no limit, until stop, which is final', async () => {
    const script = 'echo x >> /var/runs\nsleep 0.3';
    await probe(root, '', 'rm -f /var/runs');
    await configureProbe(
      root,
      '[Start]\nRestart=always\nRestartSec=0\nStartLimitBurst=0\n',
      `echo run\n${script}`,
      'exit 1',
    );
    await root.ok(['start', 'probe']);
    await until('four runs', async () => (await probeLog(root)).split('run').length > 4);
    await root.ok(['stop', 'probe', '--timeout', '0']);
    expect((await root.ok(['info', 'probe', '--json'])).json<{ state: string }>().state).toBe('stopped');
  });
});

it('init dies with its supervisor', async () => {
  const alive = (pid: number) =>
    existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  await configureProbe(root, '', 'while :; do sleep 1; done');
  await root.ok(['start', 'probe']);
  const info = await root.ok(['info', 'probe', '--json']);
  const { pid, supervisorPid } = info.json<{ pid: number; supervisorPid: number }>();
  process.kill(supervisorPid, 'SIGKILL');
  await until('init died with it', () => !alive(pid) && !alive(supervisorPid));
  await root.ok(['stop', 'probe', '--kill']);
});
