import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { until } from './temp-root.js';
import { BUILT_CLI } from './tsct.js';

/** A terminal with a screen that can be looked at: tmux(1), with tsct in it, and a shell that stays after it. */
export class Screen {
  readonly #dir = mkdtempSync(join(tmpdir(), 'tsct-screen-'));

  /** @param env lines `NAME=VALUE`. @param words of tsct. */
  static async open(columns: number, env: readonly string[], words: readonly string[]): Promise<Screen> {
    const screen = new Screen();
    // What tells a program about colour is the terminal's and the test's to say, not the machine's that runs it.
    const unset = ['CI', 'NO_COLOR', 'FORCE_COLOR', 'COLORTERM'].flatMap((name) => ['-u', name]);
    const tsct = ['env', ...unset, ...env, process.execPath, BUILT_CLI, ...words].join(' ');
    const line = `stty -g > ${screen.#file('before')}; ${tsct}; code=$?; stty -g > ${screen.#file('after')}; echo code=$code; exec sleep 1000`;
    const size = ['-x', String(columns), '-y', '20'];
    await screen.#tmux('-f', '/dev/null', '-u', 'new-session', '-d', ...size, line);
    return screen;
  }

  /** What stands on it. */
  async text(): Promise<string> {
    return this.#tmux('capture-pane', '-p');
  }

  /** The same with its escape sequences of colour. */
  async coloured(): Promise<string> {
    return this.#tmux('capture-pane', '-p', '-e');
  }

  /** Waits until it shows something; all of it then. */
  async shows(what: RegExp): Promise<string> {
    let text = '';
    const isShown = async () => {
      text = await this.text();
      return what.test(text);
    };
    try {
      await until(`${what} on the screen`, isShown);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${text}`);
    }
    return text;
  }

  /** Keys as tmux names them. */
  async type(...keys: readonly string[]): Promise<void> {
    await this.#tmux('send-keys', ...keys);
  }

  async resize(columns: number): Promise<void> {
    await this.#tmux('resize-window', '-x', String(columns), '-y', '20');
  }

  /** To tsct itself. */
  async signal(name: string): Promise<void> {
    const shell = (await this.#tmux('list-panes', '-F', '#{pane_pid}')).trim();
    await execa('pkill', ['-P', shell, `-${name}`]);
  }

  /** Whether the terminal is as it was before tsct, which has ended: its settings, its screen, its cursor. */
  async isRestored(): Promise<boolean> {
    await this.shows(/code=\d+/);
    const [before, after] = ['before', 'after'].map((name) => readFileSync(this.#file(name), 'utf8'));
    const flags = (await this.#tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}')).trim();
    return before === after && flags === '0 1';
  }

  async close(): Promise<void> {
    await this.#tmux('kill-server');
    rmSync(this.#dir, { recursive: true });
  }

  #file(name: string): string {
    return join(this.#dir, name);
  }

  async #tmux(...words: readonly string[]): Promise<string> {
    const { stdout } = await execa('tmux', ['-S', this.#file('socket'), ...words]);
    return stdout;
  }
}
