import { parseLoadCredential, parseSetCredential } from './credential-values.js';
import { list, one, oneOr } from './key-row.js';
import {
  parseCountLimit,
  parseMicrosecondsLimit,
  parseNiceLimit,
  parseSecondsLimit,
  parseSizeLimit,
} from './limit-values.js';
import {
  parseBoolean,
  parseCapabilities,
  parseChoice,
  parseCpus,
  parseEnvironment,
  parseHostname,
  parseInteger,
  parseMachineId,
  parsePath,
  parseSignal,
  parseSyscallFilter,
  parseWords,
} from './values.js';

const SIZE = { syntax: 'SOFT[:HARD]', unit: 'bytes' };
const COUNT = { syntax: 'SOFT[:HARD]' };

/** Names and meanings from systemd.nspawn(5) [Exec], where they suit a container that boots an init. */
export const EXEC_KEYS = {
  Init: one('init', parsePath, {
    syntax: 'PATH',
    help: 'Program to run as PID 1. Not set: the first of /sbin/init, /usr/lib/systemd/systemd, /lib/systemd/systemd, /etc/init, /bin/init.',
  }),
  Parameters: list('parameters', parseWords, {
    syntax: 'WORD...',
    help: 'Arguments for init, as one would write on a kernel command line.',
  }),
  Environment: list('environment', parseEnvironment, {
    syntax: 'NAME=VALUE...',
    help: 'Environment variables for init.',
  }),
  Hostname: one('hostname', parseHostname, {
    syntax: 'NAME',
    help: "Host name; also written to the container's /etc/hostname. Not set: the container's name, which its /etc/hostname may override.",
  }),
  MachineID: one('machineId', parseMachineId, {
    syntax: 'ID',
    help: "Its machine-id (machine-id(5)), 32 hexadecimal digits or a UUID: written to the container's /etc/machine-id at each start. Not set: one of its own, made with the container. A clone has the same config: give it another.",
  }),
  Timezone: oneOr('timezone', parseChoice('auto', 'off', 'symlink', 'bind', 'delete'), 'auto', {
    syntax: 'auto|off|symlink|bind|delete',
    help: "How the host's time zone reaches /etc/localtime; auto is symlink where the container has that zone.",
  }),
  ResolvConf: oneOr(
    'resolvConf',
    parseChoice(
      'auto',
      'off',
      'copy-host',
      'copy-static',
      'copy-uplink',
      'copy-stub',
      'replace-host',
      'replace-static',
      'replace-uplink',
      'replace-stub',
      'bind-host',
      'bind-static',
      'bind-uplink',
      'bind-stub',
      'delete',
    ),
    'auto',
    {
      syntax: 'auto|off|delete|{copy,replace,bind}-{host,static,uplink,stub}',
      help: 'How /etc/resolv.conf is filled. copy leaves a symbolic link alone, replace does not; auto writes the name servers of the networks that the container is on, but not over a symbolic link, and not in a root that is read-only.',
    },
  ),
  LinkJournal: oneOr(
    'linkJournal',
    parseChoice('no', 'host', 'try-host', 'guest', 'try-guest', 'auto'),
    'no',
    {
      syntax: 'no|host|try-host|guest|try-guest|auto',
      help: "Show the container's journal on the host, below /var/log/journal by its machine-id (see JOURNALS). host: the host keeps it; guest: the container does, and the host sees it while it runs; try-: not where the host keeps no journal on disk, nor with --ephemeral; auto: like host, where the host has a directory of that name. systemd.nspawn(5) has auto for a default.",
    },
  ),
  Capability: list('capabilities', parseCapabilities, {
    syntax: 'CAP_NAME...|all',
    help: 'Capabilities that the container gets on top of the default set, within its own user namespace.',
  }),
  DropCapability: list('dropCapabilities', parseCapabilities, {
    syntax: 'CAP_NAME...|all',
    help: 'Capabilities that the container does not get.',
  }),
  NoNewPrivileges: oneOr('noNewPrivileges', parseBoolean, 'no', {
    syntax: 'BOOL',
    help: 'Set PR_SET_NO_NEW_PRIVS: set-id programs and file capabilities have no effect inside.',
  }),
  SystemCallFilter: list('systemCallFilter', parseSyscallFilter, {
    syntax: '[~]NAME|@GROUP...',
    help: 'System calls to allow on top of the default list, or with ~ to refuse; refusing wins.',
  }),
  Personality: one('personality', parseChoice('x86', 'x86-64', 'arm', 'arm64'), {
    syntax: 'x86|x86-64|arm|arm64',
    help: 'Architecture that uname(2) reports.',
  }),
  KillSignal: one('killSignal', parseSignal, {
    syntax: 'SIGNAL',
    help: 'Signal that asks init to power off. Not set: what this kind of init understands.',
  }),
  RebootSignal: one('rebootSignal', parseSignal, {
    syntax: 'SIGNAL',
    help: 'Signal that asks init to reboot. Not set: what this kind of init understands.',
  }),
  NotifyReady: oneOr('notifyReady', parseBoolean, 'yes', {
    syntax: 'BOOL',
    help: "Take init's own READY=1 as readiness; no: a login prompt or runlevel that shows up.",
  }),
  OOMScoreAdjust: one('oomScoreAdjust', parseInteger(-1000, 1000), {
    syntax: '-1000...1000',
    help: 'How likely the kernel picks the container when memory runs out (proc(5) oom_score_adj).',
  }),
  CPUAffinity: list('cpuAffinity', parseCpus, {
    syntax: 'CPU|FIRST-LAST...',
    help: 'CPUs that the container may run on, until a process inside chooses others.',
  }),
  SuppressSync: oneOr('suppressSync', parseBoolean, 'no', {
    syntax: 'BOOL',
    help: 'Let sync(2), fsync(2) and their like do nothing, and refuse O_SYNC: faster, and lost when the host crashes.',
  }),
  LoadCredential: list('loadCredentials', parseLoadCredential, {
    syntax: 'ID:PATH',
    help: 'Credential for services inside, read from a file of the host at each start.',
  }),
  SetCredential: list('setCredentials', parseSetCredential, {
    syntax: 'ID:VALUE',
    help: 'Credential for services inside; \\n, \\t and \\\\ are understood.',
  }),
  LimitCPU: one('limitCPU', parseSecondsLimit, {
    ...COUNT,
    unit: 'seconds',
    help: 'CPU time of one process.',
  }),
  LimitFSIZE: one('limitFSIZE', parseSizeLimit, { ...SIZE, help: 'Largest file.' }),
  LimitDATA: one('limitDATA', parseSizeLimit, { ...SIZE, help: 'Data segment.' }),
  LimitSTACK: one('limitSTACK', parseSizeLimit, { ...SIZE, help: 'Stack.' }),
  LimitCORE: one('limitCORE', parseSizeLimit, { ...SIZE, help: 'Largest core file.' }),
  LimitRSS: one('limitRSS', parseSizeLimit, { ...SIZE, help: 'Resident set (no effect on Linux).' }),
  LimitNOFILE: one('limitNOFILE', parseCountLimit, { ...COUNT, help: 'Open files of one process.' }),
  LimitAS: one('limitAS', parseSizeLimit, { ...SIZE, help: 'Address space.' }),
  LimitNPROC: one('limitNPROC', parseCountLimit, { ...COUNT, help: 'Processes of one user inside.' }),
  LimitMEMLOCK: one('limitMEMLOCK', parseSizeLimit, { ...SIZE, help: 'Locked memory.' }),
  LimitLOCKS: one('limitLOCKS', parseCountLimit, { ...COUNT, help: 'File locks (no effect on Linux).' }),
  LimitSIGPENDING: one('limitSIGPENDING', parseCountLimit, { ...COUNT, help: 'Queued signals.' }),
  LimitMSGQUEUE: one('limitMSGQUEUE', parseSizeLimit, { ...SIZE, help: 'POSIX message queues.' }),
  LimitNICE: one('limitNICE', parseNiceLimit, {
    ...COUNT,
    help: 'Highest priority, as nice level +19...-20 with its sign.',
  }),
  LimitRTPRIO: one('limitRTPRIO', parseCountLimit, { ...COUNT, help: 'Real-time priority.' }),
  LimitRTTIME: one('limitRTTIME', parseMicrosecondsLimit, {
    ...COUNT,
    unit: 'microseconds',
    help: 'CPU time of a real-time process between two blocking calls.',
  }),
};
