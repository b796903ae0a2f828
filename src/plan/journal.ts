import { ExitCode, TsctError } from '../base/errors.js';
import type { JournalPlan } from './host-plan.js';
import { type PlannedMount, planBind } from './mounts.js';
import type { PlanInput } from './plan-input.js';
import { machineIdOf } from './process.js';

interface PlannedJournal {
  readonly plan?: JournalPlan;
  readonly binds: readonly PlannedMount[];
}

const NONE: PlannedJournal = { binds: [] };
const JOURNALS = '/var/log/journal';

/**
 * LinkJournal=, with the rules of systemd-nspawn(1) --link-journal=.
 * @throws TSCT_HOST_JOURNAL (exit 5) for what `host` and `guest` need and is not to be had.
 */
export function planJournal(input: PlanInput): PlannedJournal {
  const { definition, facts, writesTo } = input;
  const mode = definition.exec.linkJournal;
  if (mode === 'no' || writesTo === 'kept') return NONE;
  const machineId = machineIdOf(input);
  const optional = mode !== 'host' && mode !== 'guest';
  const refused = reasonAgainst(input, machineId);
  if (refused !== undefined && !optional) throw refuse(input, refused.why, refused.hint);
  if (refused !== undefined || (mode === 'auto' && !facts.journals?.includes(machineId))) return NONE;
  const keptBy = mode === 'guest' || mode === 'try-guest' ? 'guest' : 'host';
  const plan = { machineId, keptBy, optional } as const;
  return { plan, binds: keptBy === 'host' ? [bindJournal(plan)] : [] };
}

/** Made by native (native/setup/journal.h). Nothing in it is a program, whatever the container writes. */
function bindJournal({ machineId, optional }: JournalPlan): PlannedMount {
  const source = `${JOURNALS}/.tsct/${machineId}`;
  const bind = {
    source,
    destination: `${JOURNALS}/${machineId}`,
    isInRoot: false,
    isRecursive: false,
  } as const;
  return planBind({ ...bind, isOptional: optional, idmap: 'idmap' }, ['nosuid', 'noexec']);
}

function reasonAgainst(
  { facts, writesTo }: PlanInput,
  machineId: string,
): { readonly why: string; readonly hint: string } | undefined {
  if (facts.journals === undefined)
    return { why: `this host keeps no journal on disk: it has no ${JOURNALS}`, hint: `mkdir ${JOURNALS}` };
  if (machineId === facts.machineId)
    return { why: "the container has the host's own machine-id", hint: 'give it another Exec.MachineID=' };
  if (writesTo === 'run' || writesTo === 'memory')
    return { why: 'nothing of an ephemeral run is kept', hint: 'start it without --ephemeral' };
  return undefined;
}

function refuse({ definition }: PlanInput, why: string, hint: string): TsctError {
  const place = definition.origins.get('Exec.LinkJournal')?.[0];
  const mode = definition.exec.linkJournal;
  return new TsctError(
    'TSCT_HOST_JOURNAL',
    `${place?.file}:${place?.line}: cannot link the journal: ${why}`,
    {
      exitCode: ExitCode.HostLacks,
      hint: `${hint}; or do without where it cannot be: LinkJournal=try-${mode}`,
    },
  );
}
