import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { completeParameters, imageKey, readRecipe } from '../../../src/image/recipe.js';
import { parseTemplate, readTemplate } from '../../../src/image/template.js';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tsct-recipe-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function recipe(extra = '') {
  await mkdir(join(dir, 'r/sub'), { recursive: true });
  const text = `; how\n[Recipe]\nDescription=a thing\nBuild=build\nPrograms=mk:mk-tools unshare\nInputs=${dir}/in\n`;
  await writeFile(
    join(dir, 'r/recipe.ini'),
    `${text}[Parameters]\nrelease=one\npackages=\n[Choices]\nrelease=one two\n${extra}`,
  );
  await writeFile(join(dir, 'r/build'), 'true');
  return readRecipe('r', dir);
}

describe('readRecipe', () => {
  test('reads every field', async () => {
    expect(await recipe()).toMatchObject({
      name: 'r',
      description: 'a thing',
      build: 'build',
      programs: { mk: 'mk-tools', unshare: 'unshare' },
      inputs: [`${dir}/in`],
      defaults: { release: 'one', packages: '' },
      choices: { release: ['one', 'two'] },
    });
  });
  test('says what is missing', async () => {
    await expect(readRecipe('nothing', dir)).rejects.toMatchObject({ code: 'TSCT_NO_RECIPE' });
    await mkdir(join(dir, 'bare'));
    await writeFile(join(dir, 'bare/recipe.ini'), '[Recipe]\n');
    await expect(readRecipe('bare', dir)).rejects.toThrow('it has no Build= in [Recipe]');
  });
});

describe('completeParameters', () => {
  test('puts what is given over the defaults', async () => {
    const made = await recipe();
    expect(completeParameters(made, {})).toEqual({ release: 'one', packages: '' });
    expect(completeParameters(made, { packages: 'vim,libstdc++6' })).toEqual({
      release: 'one',
      packages: 'vim,libstdc++6',
    });
  });
  test.each([
    [{ nothing: '1' }, /it has no nothing/],
    [{ release: 'three' }, /release cannot be "three"/],
    [{ packages: '--hook=x' }, /packages cannot be/],
    [{ packages: 'a b' }, /packages cannot be/],
    [{ packages: 'a\nb' }, /packages cannot be/],
    [{ packages: '$(id)' }, /packages cannot be/],
  ])('refuses %j', async (given, why) => {
    const made = await recipe();
    expect(() => completeParameters(made, given)).toThrow(why);
  });
});

describe('imageKey', () => {
  test('is another for other parameters, another recipe, another input; else the same', async () => {
    const first = await recipe();
    const keys = [await imageKey(first, { release: 'one', packages: '' })];
    expect(await imageKey(await recipe(), { packages: '', release: 'one' })).toBe(keys[0]);
    keys.push(await imageKey(first, { release: 'two', packages: '' }));
    await writeFile(join(dir, 'r/sub/file'), 'more');
    keys.push(await imageKey(await recipe(), { release: 'one', packages: '' }));
    await writeFile(join(dir, 'in'), 'host file');
    keys.push(await imageKey(await recipe(), { release: 'one', packages: '' }));
    await utimes(join(dir, 'in'), 1, 1);
    keys.push(await imageKey(await recipe(), { release: 'one', packages: '' }));
    expect(new Set(keys).size).toBe(5);
  });
});

describe('templates', () => {
  test('the config is what follows [Template], byte for byte', () => {
    const config = '[Exec]\nEnvironment=A=b\n# kept\n\n[Files]\nBind=/a:/b\n';
    const text = `[Template]\nDescription=d\nRecipe=r\nParameters=release=two packages=a,b\n\n${config}`;
    expect(parseTemplate('t', text)).toEqual({
      name: 't',
      description: 'd',
      recipe: 'r',
      parameters: { release: 'two', packages: 'a,b' },
      config,
    });
    expect(parseTemplate('t', '[Template]\nRecipe=r\n').config).toBe('');
    expect(() => parseTemplate('t', '[Exec]\nInit=/x\n')).toThrow('no Recipe=');
  });
  test.each(['nothing', '../busybox', 'busybox.ini', ''])('there is none called %j', async (name) => {
    await expect(readTemplate(name)).rejects.toMatchObject({
      code: 'TSCT_NO_TEMPLATE',
      exitCode: 2,
      hint: 'there are: busybox debian host',
    });
  });
});
