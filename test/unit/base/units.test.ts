import { describe, expect, it } from 'vitest';
import {
  formatSize,
  parseBitRate,
  parseDurationMs,
  parseDurationUs,
  parsePercent,
  parseSizeBytes,
} from '../../../src/base/units.js';

const refused = expect.objectContaining({ code: 'TSCT_BAD_VALUE' });

describe('parseSizeBytes', () => {
  it.each([
    ['0', 0],
    ['512', 512],
    ['1K', 1024],
    ['1.5M', 1_572_864],
    ['2G', 2 * 1024 ** 3],
    ['1T', 1024 ** 4],
  ])('%s', (text, bytes) => expect(parseSizeBytes(text)).toBe(bytes));
  it.each(['', 'M', '-1', '1Q', '1e3', '0x10', '9999999P', '1 2', 'NaN'])('refuses %j', (text) => {
    expect(() => parseSizeBytes(text)).toThrow(refused);
  });
});

describe('parseDurationMs', () => {
  it.each([
    ['0', 0],
    ['5', 5000],
    ['100ms', 100],
    ['1.5', 1500],
    ['2min 200ms', 120_200],
    ['1h30m', 5_400_000],
    ['1 d', 86_400_000],
  ])('%s', (text, ms) => expect(parseDurationMs(text)).toBe(ms));
  it.each(['', 'ms', '-1', '5 parsecs', '5s,', '1e9y', '5 5x'])('refuses %j', (text) => {
    expect(() => parseDurationMs(text)).toThrow(refused);
  });
  it('counts bare numbers as told', () => expect(parseDurationUs('7', 1)).toBe(7));
});

describe('percent and formatSize', () => {
  it('reads percentages', () => expect([parsePercent('20%'), parsePercent('250%')]).toEqual([0.2, 2.5]));
  it.each(['20', '%', '-1%'])('refuses %j', (text) => expect(() => parsePercent(text)).toThrow(refused));
  it.each([
    [0, '0'],
    [1023, '1023'],
    [1024, '1K'],
    [1536, '1.5K'],
    [300 * 1024 ** 2, '300M'],
  ])('writes %d as %s', (bytes, text) => expect(formatSize(bytes)).toBe(text));
});

describe('parseBitRate', () => {
  it.each([
    ['64000', 64_000],
    ['20M', 20e6],
    ['1.5G', 1.5e9],
  ])('%s is %d bits per second', (text, bits) => {
    expect(parseBitRate(text)).toBe(bits);
  });

  it.each(['', '0', '1K', '20m', '20MB', '2000G', '-1', 'fast'])('%j is refused', (text) => {
    expect(() => parseBitRate(text)).toThrow(expect.objectContaining({ code: 'TSCT_BAD_VALUE' }));
  });
});
