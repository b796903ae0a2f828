import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { appendFile, chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { CHECKOUT } from './guests.js';
import { run } from './measure.js';

/** What is measured is asked of every manager by its own command line only. */
export interface Manager {
  readonly name: 'tsct' | 'lxc' | 'nspawn';
  /** Operations that a manager cannot do here and something simpler stands in for: never the best peer. */
  readonly standIns: readonly string[];
  /** A container with this root file system. */
  add(name: string, root: string): Promise<void>;
  start(name: string): Promise<void>;
  stop(name: string): Promise<void>;
  exec(name: string): Promise<void>;
  list(): Promise<void>;
  destroy(name: string): Promise<void>;
  initPid(name: string): Promise<number>;
  /** Where the guest's root can be read from the host, once it runs. */
  rootOf(name: string): Promise<string>;
}

export class Tsct implements Manager {
  readonly name = 'tsct';
  readonly standIns = [];
  readonly root: string;
  readonly #pids = new Map<string, number>();

  constructor(disk: string) {
    this.root = join(disk, 'tsct');
  }

  cli = async (...args: readonly string[]): Promise<string> => {
    const options = { stdin: 'ignore', env: { TSCT_ROOT: this.root }, timeout: 300_000 } as const;
    return (await execa(process.execPath, [join(CHECKOUT, 'bin/tsct.js'), ...args], options)).stdout;
  };
  /** Without a network, as the peers here: what the default one adds is measured by itself (network.ts). */
  add = async (name: string, root: string) =>
    void (await this.cli('create', name, '--rootfs', root, '--set', 'Network.Private=yes'));
  /** Of one made without; `config unset` would leave an empty `[Network]`, which is none, too. */
  onDefaultNetwork = async (name: string) => {
    await this.cli('config', 'unset', name, 'Network.Private');
    await this.cli('config', 'set', name, 'Network.eth0.Network=tsct0');
  };
  /** Keeps the PID that start prints: one more Node asking for it would run beside the guest that is booting. */
  async start(name: string): Promise<void> {
    const [started] = JSON.parse(await this.cli('start', name, '--json')) as { pid: number }[];
    if (started) this.#pids.set(name, started.pid);
  }
  async stop(name: string): Promise<void> {
    this.#pids.delete(name);
    await this.cli('stop', name);
  }
  exec = async (name: string) => void (await this.cli('exec', name, '-T', '--', '/bin/true'));
  list = async () => void (await this.cli('list'));
  destroy = async (name: string) => void (await this.cli('destroy', '--force', name).catch(() => {}));
  initPid = async (name: string) => this.#pids.get(name) ?? (await this.info(name)).pid;
  rootOf = async (name: string) => `/proc/${await this.initPid(name)}/root`;
  info = async (name: string): Promise<{ pid: number; supervisorPid: number }> =>
    JSON.parse(await this.cli('info', name, '--json'));
}

export class Lxc implements Manager {
  readonly name = 'lxc';
  readonly standIns = [];
  readonly #home: string;

  constructor(disk: string) {
    this.#home = join(disk, 'lxc');
  }

  static here = () => existsSync('/usr/bin/lxc-start');

  #tool = (tool: string, name: string, ...args: readonly string[]) =>
    run(`lxc-${tool}`, ['-P', this.#home, '-n', name, ...args]);

  async add(name: string, root: string): Promise<void> {
    const home = join(this.#home, name);
    const baseId = await subordinateBase();
    await mkdir(home, { recursive: true });
    await chmod(this.#home, 0o755);
    await chmod(home, 0o755);
    await run('cp', ['-a', '--reflink=auto', root, join(home, 'rootfs')]);
    // Without lxcfs' hooks: one of them sleeps half a second.
    await writeFile(
      join(home, 'config'),
      `lxc.include = /usr/share/lxc/config/common.conf
lxc.include = /usr/share/lxc/config/userns.conf
lxc.idmap = u 0 ${baseId} 65536
lxc.idmap = g 0 ${baseId} 65536
lxc.rootfs.path = dir:${home}/rootfs
lxc.rootfs.options = idmap=container
lxc.uts.name = ${name}
lxc.net.0.type = empty
lxc.apparmor.profile = unconfined
lxc.hook.mount =
lxc.hook.post-stop =
`,
    );
  }
  copy = async (name: string, to: string) => void (await this.#tool('copy', name, '-N', to));
  start = async (name: string) => void (await this.#tool('start', name));
  stop = async (name: string) => void (await this.#tool('stop', name));
  exec = async (name: string) => void (await this.#tool('attach', name, '--', '/bin/true'));
  list = async () => void (await run('lxc-ls', ['-P', this.#home, '-f']));
  destroy = async (name: string) => void (await this.#tool('destroy', name, '-f').catch(() => {}));
  initPid = async (name: string) => Number(await this.#tool('info', name, '-p', '-H'));
  rootOf = async (name: string) => join(this.#home, name, 'rootfs');
}

/** root's range in /etc/subuid and /etc/subgid, added where there is none: LXC refuses ids outside of it. */
async function subordinateBase(): Promise<number> {
  for (const file of ['/etc/subuid', '/etc/subgid']) {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    if (!/^root:/m.test(text)) await appendFile(file, 'root:1000000:1000000000\n');
  }
  return Number(/^root:(\d+):/m.exec(readFileSync('/etc/subuid', 'utf8'))?.[1]);
}

/** systemd-nspawn driven directly, without a user namespace: -U needs a cgroup that this host cannot delegate. */
export class Nspawn implements Manager {
  readonly name = 'nspawn';
  /** Registration needs systemd as the host's init: exec is nsenter, list is ls, and start cannot return. */
  readonly standIns = ['exec', 'list', 'start returns'];
  readonly #home: string;
  readonly #running = new Map<string, ChildProcess>();

  constructor(disk: string) {
    this.#home = join(disk, 'nspawn');
  }

  static here = () => existsSync('/usr/bin/systemd-nspawn');

  async add(name: string, root: string): Promise<void> {
    await mkdir(this.#home, { recursive: true });
    await run('cp', ['-a', '--reflink=auto', root, join(this.#home, name)]);
  }
  async start(name: string): Promise<void> {
    const how = ['--register=no', '--keep-unit', '--private-network', '--console=read-only'];
    const child = spawn('systemd-nspawn', ['-q', '-D', join(this.#home, name), '-b', '-M', name, ...how], {
      stdio: 'ignore',
      env: { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' },
    });
    this.#running.set(name, child);
  }
  async stop(name: string): Promise<void> {
    const child = this.#running.get(name);
    if (!child) return;
    const ended = once(child, 'exit');
    process.kill(await this.initPid(name), SIGRTMIN_PLUS_3);
    await ended;
    this.#running.delete(name);
  }
  async exec(name: string): Promise<void> {
    const target = ['-t', String(await this.initPid(name)), '-m', '-u', '-i', '-n', '-p'];
    await run('nsenter', [...target, '--', '/bin/true']);
  }
  list = async () => void (await run('ls', [this.#home]));
  async destroy(name: string): Promise<void> {
    const child = this.#running.get(name);
    if (child) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      this.#running.delete(name);
    }
    await rm(join(this.#home, name), { recursive: true, force: true });
  }
  async initPid(name: string): Promise<number> {
    const pid = this.#running.get(name)?.pid;
    for (let tries = 0; tries < 1000; tries++) {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
      if (children) return Number(children.split(' ')[0]);
      await sleep(2);
    }
    throw new Error(`systemd-nspawn made no init for ${name}`);
  }
  rootOf = async (name: string) => join(this.#home, name);
}

const SIGRTMIN_PLUS_3 = 37; // systemd(1): halt
