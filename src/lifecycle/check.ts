import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { HostPath } from '../base/paths.js';
import { judgeCgroups } from '../host/cgroup-checks.js';
import { findCgroupMounts, readCgroupLayout } from '../host/cgroup-layout.js';
import type { CheckLine } from '../host/check-line.js';
import type { CgroupLayout } from '../host/facts.js';
import { readTakenRanges } from '../host/id-ranges.js';
import { judgeKernel } from '../host/kernel-checks.js';
import {
  judgeIdRanges,
  judgeModules,
  judgeOpenFiles,
  judgePrivileges,
  judgeStateRoot,
} from '../host/machine-checks.js';
import { mountOf, readMountTable } from '../host/mount-table.js';
import { judgeNetwork } from '../host/network-checks.js';
import { isSystemdInit, readOwnPrivileges, readSecurityModules } from '../host/probe-host.js';
import { judgeSysctls, readSysctls } from '../host/sysctl-checks.js';
import { judgeTools, type Tool } from '../host/tool-checks.js';
import { readRecipe } from '../image/recipe.js';
import { listTemplates, readTemplate } from '../image/template.js';
import { probeKernel } from '../supervisor/probe.js';
import type { Context } from './context.js';

export interface CheckReport {
  /** Nothing that containers need is missing. */
  readonly ok: boolean;
  readonly checks: readonly CheckLine[];
}

const ORDER: readonly CheckLine['area'][] = [
  'privileges',
  'kernel',
  'cgroups',
  'storage',
  'security',
  'ids',
  'limits',
  'network',
  'tools',
];

/**
 * Finds out what this host can and cannot do for containers, by trying it, and what mends it. Changes nothing and
 * leaves nothing behind.
 */
export async function check(ctx: Context): Promise<CheckReport> {
  const table = readMountTable();
  const layout = findCgroupMounts(table) ? readCgroupLayout(table, isSystemdInit()) : undefined;
  const dir = existingDirectory(ctx.layout.root);
  const { capabilities, rlimits } = readOwnPrivileges();
  const uid = process.geteuid?.() ?? 0;
  const { bavail, bsize } = statfsSync(dir);
  const lines = [
    ...judgePrivileges(uid, capabilities),
    ...(uid === 0 ? await checkKernel(dir, layout) : []),
    ...judgeCgroups(layout),
    ...judgeStateRoot(dir, mountOf(dir, table), bavail * bsize),
    judgeModules(readSecurityModules()),
    judgeIdRanges(readTakenRanges()),
    judgeOpenFiles(rlimits['RLIMIT_NOFILE'] ?? { soft: 0, hard: 0 }, capabilities),
    ...judgeSysctls(readSysctls()),
    ...(await judgeNetwork(process.env['PATH'] ?? '', uid === 0)),
    ...judgeTools(process.env['PATH'] ?? '', await recipeTools()),
  ];
  return {
    ok: lines.every(({ status }) => status !== 'missing'),
    checks: ORDER.flatMap((area) => lines.filter((line) => line.area === area)),
  };
}

async function checkKernel(dir: HostPath, layout: CgroupLayout | undefined): Promise<readonly CheckLine[]> {
  const devices = layout?.v1.find(({ controllers }) => controllers.includes('devices'));
  const findings = await probeKernel({
    dir,
    ...(layout ? { unifiedMount: layout.unifiedMount } : {}),
    ...(devices ? { devicesMount: devices.mount } : {}),
  });
  return judgeKernel(findings);
}

/** What the templates' recipes need to be built, each program once. */
async function recipeTools(): Promise<readonly Tool[]> {
  const tools = new Map<string, Tool>();
  for (const template of await listTemplates()) {
    const recipe = await readRecipe((await readTemplate(template)).recipe);
    for (const [program, debianPackage] of Object.entries(recipe.programs)) {
      tools.set(program, { program, debianPackage, use: `create --template ${template}` });
    }
  }
  return [...tools.values()];
}

/** The state root may not have been made yet: then what it would be made in. */
function existingDirectory(path: HostPath): HostPath {
  return existsSync(path) ? path : existingDirectory(dirname(path));
}
