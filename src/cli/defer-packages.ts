import Module from 'node:module';

/**
 * What oclif loads at its start and needs only to scan plugins, print help or wrap errors: a fifth of its start.
 * All of them are CommonJS that exports a function or an object.
 */
const DEFERRED: ReadonlySet<string> = new Set([
  'ansi-escapes',
  'clean-stack',
  'cli-spinners',
  'ejs',
  'indent-string',
  'lilconfig',
  'minimatch',
  'string-width',
  'tinyglobby',
  'widest-line',
  'wordwrap',
  'wrap-ansi',
]);

type Load = (request: string, parent: unknown, isMain: boolean) => unknown;
type Callable = (...args: unknown[]) => unknown;

/**
 * Makes `require` of those packages give a stand-in that loads the package when something of it is first used.
 * For `tsct list`, which people and scripts call all the time, and whose whole cost is what Node has to load.
 */
export function deferPackages(): void {
  const loader = Module as unknown as { _load: Load };
  const load = loader._load;
  loader._load = function deferring(this: unknown, request, parent, isMain) {
    if (!DEFERRED.has(request)) return load.call(this, request, parent, isMain);
    const whole = () => load.call(this, request, parent, isMain) as Callable & object;
    return new Proxy(() => undefined, {
      // Asked by TypeScript's import helper right after the require; false gives what is exported as it is.
      get: (_, name) => (name === '__esModule' ? false : Reflect.get(whole(), name)),
      has: (_, name) => name in whole(),
      apply: (_, self, args) => Reflect.apply(whole(), self, args),
    });
  };
}
