import { badValue, parseDurationUs } from '../base/units.js';
import { DEVICE_KEYS } from './device-keys.js';
import { list, one } from './key-row.js';
import {
  parseCpuWeight,
  parseDeviceRate,
  parseDeviceWeight,
  parseHeadroom,
  parseHugeTlb,
  parseKeptMemory,
  parseMemory,
  parseMemoryLimit,
  parseOomPolicy,
  parseQuota,
  parseSliceName,
  parseTasks,
  parseWeight,
} from './resource-values.js';
import { parseCpus, parsePath } from './values.js';

const PERIOD_MIN_US = 1000;
const PERIOD_MAX_US = 1_000_000;

/** cpu.max takes 1 ms to 1 s (cgroup-v2.rst). */
function parsePeriod(text: string): number {
  const us = parseDurationUs(text);
  if (us < PERIOD_MIN_US || us > PERIOD_MAX_US) throw badValue(`"${text}" is not from 1ms to 1s`);
  return us;
}

const memory = { syntax: 'SIZE|PERCENT|infinity', unit: 'bytes', live: true };
const rate = (what: string) => ({
  live: true,
  syntax: 'PATH BYTES',
  unit: 'bytes per second',
  help: `${what} per second, K, M and G base 1000, for the disk that PATH is (a block device) or lies on. On cgroup v1 only what goes around the page cache is held back.`,
});
const iops = (what: string) => ({
  live: true,
  syntax: 'PATH COUNT',
  help: `${what} operations per second, for the disk that PATH is or lies on; see IOReadBandwidthMax=.`,
});

/** systemd.resource-control(5), where a control group of a container has it. */
export const RESOURCE_KEYS = {
  CPUWeight: one('cpuWeight', parseCpuWeight, {
    live: true,
    syntax: '1...10000|idle',
    help: 'Share of the CPUs beside other containers when all want them; 100 is the usual. idle: only what nobody else wants.',
  }),
  CPUQuota: one('cpuQuota', parseQuota, {
    live: true,
    syntax: 'PERCENT',
    help: 'Most CPU time, as percentage of one CPU: 150% is one and a half. Rounded up it is how many CPUs nproc(1), /proc/cpuinfo and (cgroup v1) /proc/stat show inside, where the host has lxcfs: see SEEN FROM INSIDE.',
  }),
  CPUQuotaPeriodSec: one('cpuQuotaPeriodUs', parsePeriod, {
    live: true,
    syntax: '1ms...1s',
    unit: 'seconds',
    help: 'Over which time CPUQuota= is measured; not set: 100ms. Shorter ones cost more and wait less.',
  }),
  AllowedCPUs: list('allowedCpus', parseCpus, {
    live: true,
    syntax: 'CPU...',
    help: 'CPUs that it may run on, such as 0-3,8. Unlike Exec.CPUAffinity= nothing inside can change that.',
  }),
  AllowedMemoryNodes: list('allowedMemoryNodes', parseCpus, {
    live: true,
    syntax: 'NODE...',
    help: 'NUMA nodes that its memory comes from, such as 0-1.',
  }),
  MemoryMin: one('memoryMin', parseKeptMemory, {
    ...memory,
    syntax: 'SIZE|PERCENT',
    help: "Memory that is never taken back from it, whoever else wants some. The groups above it need as much: tsct's own has the sum of its containers by itself. More than the host can spare has the kernel kill. cgroup v2 only.",
  }),
  MemoryLow: one('memoryLow', parseKeptMemory, {
    ...memory,
    syntax: 'SIZE|PERCENT',
    help: 'Memory that is taken back from it only when others have no more to give. See MemoryMin=. cgroup v2 only.',
  }),
  MemoryHigh: one('memoryHigh', parseMemoryLimit, {
    ...memory,
    help: 'Above that it is slowed down and its memory taken back. cgroup v2 only.',
  }),
  MemoryMax: one('memoryMax', parseMemoryLimit, {
    ...memory,
    help: "Most memory, page cache and tmpfs included; a percentage is of the host's. Who wants more when nothing can be taken back is killed by the kernel. Where the host has lxcfs it is what /proc/meminfo and free(1) show inside.",
  }),
  MemorySwapMax: one('memorySwapMax', parseMemory, {
    ...memory,
    help: "Most swap beside that; 0: none. A percentage is of the host's memory. Where the kernel counts swap. On cgroup v1, which limits both together, it needs MemoryMax=, and memory that is not used may be swap.",
  }),
  MemorySoftLimit: one('memorySoftLimit', parseMemory, {
    ...memory,
    help: 'When the host runs short of memory, it is taken first from those above that. cgroup v1 only; v2 has MemoryLow=.',
  }),
  OOMPolicy: one('oomPolicy', parseOomPolicy, {
    syntax: 'kill|kill-all|freeze|restart|raise:PERCENT[:SIZE]',
    help: 'What happens at MemoryMax=. kill: the kernel kills the largest process inside. kill-all: the container ends. restart: it ends and is started again, whatever Restart= says. freeze: it is held until there is room: with a higher MemoryMax= it goes on by itself; stop, kill and destroy end it. raise: MemoryMax= grows by that part of itself each time, to SIZE at most, and there the kernel kills; the next start begins at MemoryMax= again. On cgroup v2 nobody can be held at a limit: with freeze and raise the container is slowed down and held at MemoryMax=, and a burst that goes OOMHeadroom= beyond it is killed. On v1 nobody is held whose memory the kernel touches for him: a write to a tmpfs is told ENOMEM, and a read into memory that is new ends early.',
  }),
  OOMHeadroom: one('oomHeadroom', parseHeadroom, {
    syntax: 'PERCENT',
    help: 'How far beyond MemoryMax= a burst may go with OOMPolicy=freeze and raise, as part of it; not set: 10%. cgroup v2 only: on v1 nothing goes beyond.',
  }),
  OOMHook: one('oomHook', parsePath, {
    syntax: 'PATH',
    help: 'A program of the host that is run, as root, when MemoryMax= is reached, and that nobody waits for. It finds TSCT_NAME, TSCT_ROOT, TSCT_OOM_ACTION (what OOMPolicy= did), TSCT_MEMORY_USAGE_BYTES, TSCT_MEMORY_LIMIT_BYTES and TSCT_MEMORY_RAISED_TO_BYTES in its environment.',
  }),
  HugeTLBMax: list('hugeTlbMax', parseHugeTlb, {
    live: true,
    syntax: 'PAGESIZE:SIZE|infinity',
    help: 'Most memory in huge pages of that size (2M:1G); who asks for more gets none. Other limits do not count it. cgroup v2 only.',
  }),
  TasksMax: one('tasksMax', parseTasks, {
    live: true,
    syntax: 'COUNT|PERCENT|infinity',
    help: "Most processes and threads: what ends a fork bomb. A percentage is of the host's.",
  }),
  IOWeight: one('ioWeight', parseWeight, {
    live: true,
    syntax: '1...10000',
    help: "Share of the disks beside other containers when all want them; 100 is the usual. The disk that its root lies on has to go by weights, or it is refused: with BFQ as its scheduler (/sys/block/DISK/queue/scheduler), which knows weights to 1000, or, on cgroup v2, with iocost turned on (io.cost.qos). On cgroup v1 what is written by way of the page cache is nobody's.",
  }),
  IODeviceWeight: list('ioDeviceWeight', parseDeviceWeight, {
    live: true,
    syntax: 'PATH WEIGHT',
    help: 'The same for the disk that PATH is or lies on, in place of IOWeight=.',
  }),
  IOReadBandwidthMax: list('ioReadBandwidthMax', parseDeviceRate, rate('Most bytes read')),
  IOWriteBandwidthMax: list('ioWriteBandwidthMax', parseDeviceRate, rate('Most bytes written')),
  IOReadIOPSMax: list('ioReadIopsMax', parseDeviceRate, iops('Most read')),
  IOWriteIOPSMax: list('ioWriteIopsMax', parseDeviceRate, iops('Most write')),
  Slice: one('slice', parseSliceName, {
    syntax: 'NAME.slice',
    help: 'Those of one slice share its limits; see SLICES. a-b.slice lies in a.slice, and shares its limits, too. Not set: tsct.slice on hosts run by systemd, none on others.',
  }),
  ...DEVICE_KEYS,
};
