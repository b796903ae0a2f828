import { expect, it } from 'vitest';
import { describeKeys } from '../../../src/definition/key-help.js';
import { renderManPage } from '../../../src/definition/man-page.js';

it('man/tsct.conf.5 is what the key table says (npm run gen writes it)', async () => {
  await expect(renderManPage()).toMatchFileSnapshot('../../../man/tsct.conf.5');
});

it('names every key once', () => {
  const page = renderManPage();
  for (const { key } of describeKeys()) expect(page.split(`.BI ${key}= `)).toHaveLength(2);
});
