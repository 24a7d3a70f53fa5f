/** Closed-loop load: each client sends its next transaction when the one before is answered. */

export interface LoadResult {
  readonly transactions: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Processor time of this process, in seconds. */
  readonly ownCpuSeconds: number;
}

/** Sends what each client has, one after another, all clients at once. */
export async function runLoad<T>(
  queues: readonly (readonly T[])[],
  send: (item: T, client: number) => Promise<void>,
): Promise<LoadResult> {
  const latenciesMs: number[] = [];
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await Promise.all(
    queues.map(async (queue, client) => {
      for (const item of queue) {
        const sentMs = performance.now();
        await send(item, client);
        latenciesMs.push(performance.now() - sentMs);
      }
    }),
  );
  const seconds = (performance.now() - startMs) / 1000;
  const used = process.cpuUsage(cpu);
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number): number =>
    latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))] ?? 0;
  return {
    transactions: latenciesMs.length,
    seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
    ownCpuSeconds: (used.user + used.system) / 1e6,
  };
}
