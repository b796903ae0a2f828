import Module from 'node:module';

/** What oclif loads at its start and uses only for scanning plugins, templates and help: a sixth of its start. */
const DEFERRED: ReadonlySet<string> = new Set(['ejs', 'minimatch', 'tinyglobby']);

type Load = (request: string, parent: unknown, isMain: boolean) => unknown;

/**
 * Makes `require` of those packages give a stand-in that loads the package when something of it is first used.
 * For `tsct list`, which people and scripts call all the time, and whose whole cost is what Node has to load.
 */
export function deferPackages(): void {
  const loader = Module as unknown as { _load: Load };
  const load = loader._load;
  loader._load = function deferring(this: unknown, request, parent, isMain) {
    if (!DEFERRED.has(request)) return load.call(this, request, parent, isMain);
    const whole = () => load.call(this, request, parent, isMain) as object;
    return new Proxy(
      {},
      {
        // Asked by TypeScript's import helper right after the require: none of them has it for its users.
        get: (_, name) => (name === '__esModule' ? false : Reflect.get(whole(), name)),
        has: (_, name) => name in whole(),
      },
    );
  };
}
