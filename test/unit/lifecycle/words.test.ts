import { describe, expect, it } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.js';
import { printable } from '../../../src/lifecycle/console-log.js';
import { parsePlace } from '../../../src/lifecycle/cp.js';
import { changedKeys } from '../../../src/lifecycle/pending.js';
import { uptimeSeconds } from '../../../src/lifecycle/uptime.js';
import { holds } from '../../../src/lifecycle/watch.js';

describe('parsePlace', () => {
  it.each([
    ['web:/etc/motd', { container: 'web', path: '/etc/motd' }],
    ['web:', { container: 'web', path: '/' }],
    ['/srv/a:b', { path: '/srv/a:b' }],
    ['./a:b', { path: './a:b' }],
    ['plain', { path: 'plain' }],
  ])('reads %s', (text, place) => {
    expect(parsePlace(text)).toEqual(place);
  });
});

describe('printable', () => {
  it('takes out what could steer a terminal, and keeps the text', () => {
    expect(printable('\x1b[31mred\x1b[0m\r\nnext\x07\x1b]0;title\x07\ttab\x9b2J')).toBe('red\nnext\ttab');
  });
});

describe('holds', () => {
  const moment = { state: 'running', ready: true, readyBy: 'notify' } as const;
  it('takes a frozen container as running, but not the other way round', () => {
    expect(holds('running', { ...moment, state: 'frozen' })).toBe(true);
    expect(holds('frozen', moment)).toBe(false);
    expect(holds('ready', moment)).toBe(true);
    expect(holds('ready', { ...moment, state: 'stopping' })).toBe(false);
    expect(holds('stopped', moment)).toBe(false);
  });
});

describe('changedKeys', () => {
  const parse = (text: string) => parseDefinition([{ file: 'config', text }]);
  it('names what differs in value, not in writing', () => {
    const before = parse('[Exec]\nHostname=a\nEnvironment=A=1\n');
    expect(changedKeys(before, parse('# new\n[Exec]\nEnvironment=A=1\nHostname=b\n'))).toEqual([
      'Exec.Hostname',
    ]);
    expect(changedKeys(before, parse('[Exec]\n# x\nHostname = a\nEnvironment=A=1\n'))).toEqual([]);
    expect(changedKeys(before, parse('[Start]\nAutostart=yes\n'))).toEqual([
      'Exec.Environment',
      'Exec.Hostname',
      'Start.Autostart',
    ]);
  });
});

describe('uptimeSeconds', () => {
  it('counts whole seconds, and never backwards when the clock was set', () => {
    expect(uptimeSeconds(1000, 3999)).toBe(2);
    expect(uptimeSeconds(5000, 1000)).toBe(0);
    expect(uptimeSeconds(0, 1000)).toBeNull();
  });
});
