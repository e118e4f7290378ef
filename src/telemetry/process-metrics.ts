import { readdirSync, readFileSync } from 'node:fs';
import { Counter, Gauge, type Registry } from 'prom-client';

/**
 * The usual metrics of a process, under the names that dashboards know. Read when somebody scrapes: the library's own
 * set samples the event loop a hundred times a second and observes every garbage collection, scraped or not.
 */
export function processMetrics(registers: Registry[]): void {
  const counter = (name: string, help: string, read: () => number): void => {
    new Counter({
      ...{ name, help, registers },
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  };
  const gauge = (name: string, help: string, read: () => number | undefined): void => {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        const value = read();
        if (value === undefined) this.remove();
        else this.set(value);
      },
    });
  };
  counter('process_cpu_user_seconds_total', 'Processor time in user space', () => process.cpuUsage().user / 1e6);
  counter('process_cpu_system_seconds_total', 'Processor time in the kernel', () => process.cpuUsage().system / 1e6);
  counter('process_cpu_seconds_total', 'Processor time', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  const startedSeconds = Math.round(Date.now() / 1000 - process.uptime());
  gauge('process_start_time_seconds', 'When the process started, in seconds since 1970', () => startedSeconds);
  gauge('process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss());
  gauge('process_open_fds', 'Open file descriptors', openFiles);
  gauge('process_max_fds', 'How many file descriptors may be open', mostFiles);
  gauge('nodejs_heap_size_total_bytes', 'Size of the heap', () => process.memoryUsage().heapTotal);
  gauge('nodejs_heap_size_used_bytes', 'What of the heap is in use', () => process.memoryUsage().heapUsed);
  gauge('nodejs_external_memory_bytes', 'Memory of objects outside of the heap', () => process.memoryUsage().external);
  const [major = '', minor = '', patch = ''] = process.versions.node.split('.');
  new Gauge({
    ...{ name: 'nodejs_version_info', help: 'Always 1', registers },
    labelNames: ['version', 'major', 'minor', 'patch'],
  }).set({ version: process.version, major, minor, patch }, 1);
}

/** Less the one that looking takes; undefined where /proc may not be looked at. */
function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return undefined;
  }
}

/** The soft limit. @see proc(5) limits */
function mostFiles(): number | undefined {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
