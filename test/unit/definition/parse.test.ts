import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TsctError, TsctErrors } from '../../../src/base/errors.js';
import { describeKeys } from '../../../src/definition/key-help.js';
import { validateText } from '../../../src/definition/load.js';
import { parseDefinition } from '../../../src/definition/parse.js';
import type { ContainerDefinition } from '../../../src/definition/schema.js';

const parse = (text: string) => parseDefinition([{ file: 'config', text }]);

function failure(text: string): TsctError {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof TsctError) return error;
    throw error;
  }
  return expect.unreachable('no error');
}

/** Whatever the text is, it gives a definition or a TsctError. */
function attempt(text: string): void {
  try {
    validateText(text, 'config');
  } catch (error) {
    expect(error).toBeInstanceOf(TsctError);
  }
}

describe('parseDefinition', () => {
  it('gives defaults for an empty config', () => {
    const definition = parse('');
    expect(definition.start).toEqual({
      autostart: false,
      order: 0,
      delayMs: 0,
      after: [],
      restart: 'no',
      restartDelayMs: 100,
      startLimitBurst: 5,
      startLimitIntervalMs: 10_000,
    });
    expect(definition.exec.hostname).toBeUndefined();
    expect(definition.files.binds).toEqual([]);
  });

  it('reads lists, continuations, comments and drop-ins', () => {
    const definition = parseDefinition([
      {
        file: 'config',
        text: '# c\n[Exec]\nEnvironment=A=1 "B=two words"\nEnvironment=C=3 \\\n# between\n  D=4\n; c\nHostname=a\n',
      },
      { file: 'config.d/10.conf', text: '[Exec]\nHostname=b\nEnvironment=E=5\n' },
    ]);
    expect(definition.exec.environment).toEqual(['A=1', 'B=two words', 'C=3', 'D=4', 'E=5']);
    expect(definition.exec.hostname).toBe('b');
    expect(definition.origins.get('Exec.Hostname')).toEqual([
      { file: 'config.d/10.conf', line: 2, text: 'b', order: 5 },
    ]);
    expect(definition.origins.get('Exec.Environment')?.map(({ line }) => line)).toEqual([3, 3, 4, 4, 3]);
  });

  it('clears by an empty value, also what an earlier file said', () => {
    const definition = parseDefinition([
      { file: 'config', text: '[Files]\nBind=/a\n[Exec]\nHostname=a\n' },
      { file: 'config.d/x.conf', text: '[Files]\nBind=\nBind=/b\n[Exec]\nHostname=\n' },
    ]);
    expect(definition.files.binds.map(({ source }) => source)).toEqual(['/b']);
    expect(definition.exec.hostname).toBeUndefined();
  });

  it.each([
    [
      '[Exec]\nHostnam=a',
      'TSCT_CONFIG_UNKNOWN_KEY',
      'config:2: unknown key Hostnam= in [Exec]',
      'did you mean Hostname= in [Exec]?',
    ],
    [
      '[Exec]\n\nbind=/a',
      'TSCT_CONFIG_UNKNOWN_KEY',
      'config:3: unknown key bind= in [Exec]',
      'did you mean Bind= in [Files]?',
    ],
    [
      '[Exce]\nHostname=a',
      'TSCT_CONFIG_UNKNOWN_SECTION',
      'config:1: unknown section [Exce]',
      'nearest is [Exec]',
    ],
    ['[Networks eth0]\nX=1', 'TSCT_CONFIG_UNKNOWN_SECTION', 'config:1: unknown section [Networks eth0]', ''],
    ['[__proto__]\nX=1', 'TSCT_CONFIG_UNKNOWN_SECTION', 'config:1: unknown section [__proto__]', ''],
    ['Hostname=a', 'TSCT_CONFIG_SYNTAX', 'config:1: Hostname= stands before the first [Section]', ''],
    [
      '[Exec]\nwhat is this',
      'TSCT_CONFIG_SYNTAX',
      'config:2: neither [Section] nor Key=Value: what is this',
      '',
    ],
    [
      '[Exec]\nHostname=a\nHostname=b',
      'TSCT_CONFIG_DUPLICATE',
      'config:3: Hostname= is set already in line 2',
      '',
    ],
    [
      '[Exec]\nNotifyReady=maybe',
      'TSCT_CONFIG_VALUE',
      'config:2: NotifyReady=: "maybe" is not yes or no',
      'expected NotifyReady=BOOL',
    ],
    ['[Exec]\n\\\n\\\n Hostname=-a', 'TSCT_CONFIG_VALUE', 'config:2: Hostname=: "-a" is not a host name', ''],
  ])('says where and what: %j', (text, code, message, hint) => {
    const error = failure(text);
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.hint ?? '').toContain(hint);
    expect(error.exitCode).toBe(1);
  });

  it('reports everything that is wrong at once', () => {
    const error = failure('[Exec]\nA=1\nHostname=-\n[Nope]\nB=2\n');
    expect(error).toBeInstanceOf(TsctErrors);
    expect(error.message.split('\n')).toHaveLength(3);
  });

  it('ends in a definition or a TsctError for any text', () => {
    const keys = describeKeys();
    const entry = fc
      .tuple(
        fc.constantFrom(...keys),
        fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('/:/:/', ':', '+', '1:2', '"')),
      )
      .map(([{ section, key }, value]) => `[${section}]\n${key}=${value}`);
    fc.assert(
      fc.property(fc.oneof(entry, fc.string({ unit: 'binary' })), (text) => {
        attempt(text);
      }),
      { numRuns: 300 },
    );
  });

  it.each(['\\\n', '"', '[', 'a=', ' ', '#\n', '\\', ':', ',', 'A=1 ', 'A=1\nEnvironment='])(
    'takes the time of its length, not of its square: %j',
    (piece) => {
      const keys = [
        'Files.Bind',
        'Exec.Environment',
        'Exec.SystemCallFilter',
        'Files.Overlay',
        'Start.Delay',
      ];
      for (const name of keys) {
        const [section, key] = name.split('.');
        // Of the processor, not of the clock: other suites run beside this one.
        const started = process.cpuUsage();
        attempt(`[${section}]\n${key}=${piece.repeat(250_000 / piece.length)}`);
        expect(process.cpuUsage(started).user / 1e6).toBeLessThan(3);
      }
    },
  );
});

describe('the key table', () => {
  const fields = new Set<string>();
  it.each(describeKeys().map((key) => [`${key.section}.${key.key}`, key] as const))(
    '%s is whole',
    (name, key) => {
      expect(key.help).toMatch(/^[A-Z\\].*\.$/);
      expect(key.syntax).not.toBe('');
      expect(fields.has(name)).toBe(false);
      fields.add(name);
      if (key.default !== undefined)
        expect(() => parse(`[${key.section}]\n${key.key}=${key.default}`)).not.toThrow();
    },
  );

  it('has no field twice in a section', () => {
    const definition: ContainerDefinition = parse('');
    const perSection = {
      Exec: definition.exec,
      Files: definition.files,
      Start: definition.start,
      Storage: definition.storage,
    };
    for (const [section, values] of Object.entries(perSection)) {
      expect(Object.keys(values)).toHaveLength(
        describeKeys().filter((key) => key.section === section).length,
      );
    }
  });
});
