/** One row of the key table: all there is to know about one key of the config. */
export interface KeyRow<
  T = unknown,
  F extends string = string,
  L extends boolean = boolean,
  D extends boolean = boolean,
> {
  /** Name of the value in a ContainerDefinition, with its unit. */
  readonly field: F;
  /** @throws TSCT_BAD_VALUE; never sees an empty text (an empty value clears the key). */
  readonly parse: (text: string) => T;
  /** True: the key may be repeated, and `parse` gives the items of one line. */
  readonly list: L;
  readonly hasDefault: D;
  /** The value when the key is not set, as text of the config. */
  readonly default?: string;
  /** How the value is written, for the man page: `BOOL`, `SOFT[:HARD]`. */
  readonly syntax: string;
  readonly unit?: string;
  /** One line, without the key's name. */
  readonly help: string;
  /** `config set` on a running container takes effect at once. */
  readonly live: boolean;
  /** Lines of all keys of a section that say the same here count in the order in which they stand. */
  readonly group?: string;
}

interface RowOptions {
  readonly syntax: string;
  readonly help: string;
  readonly unit?: string;
  readonly live?: boolean;
  readonly group?: string;
}

/** A key that is absent when not set. */
export function one<T, F extends string>(
  field: F,
  parse: (text: string) => T,
  options: RowOptions,
): KeyRow<T, F, false, false> {
  return { field, parse, list: false, hasDefault: false, live: false, ...options };
}

/** A key with a default. */
export function oneOr<T, F extends string>(
  field: F,
  parse: (text: string) => T,
  fallback: string,
  options: RowOptions,
): KeyRow<T, F, false, true> {
  return { field, parse, list: false, hasDefault: true, default: fallback, live: false, ...options };
}

/** A key that may be repeated; one line may hold several items. */
export function list<T, F extends string>(
  field: F,
  parse: (text: string) => readonly T[],
  options: RowOptions,
): KeyRow<readonly T[], F, true, false> {
  return { field, parse, list: true, hasDefault: false, live: false, ...options };
}

type FieldValue<R> =
  R extends KeyRow<infer T, string, infer L, infer D>
    ? L extends true
      ? T
      : D extends true
        ? T
        : T | undefined
    : never;

/** The values of one section by field name. */
export type SectionValues<S> = {
  readonly [K in keyof S as S[K] extends KeyRow<unknown, infer F> ? F : never]: FieldValue<S[K]>;
};
