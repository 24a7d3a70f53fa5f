import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { holdingScheduler, systemClock, systemScheduler } from '../../src/node/time.ts';

describe('system time', () => {
  it('sleeps at least as long as asked', async () => {
    const start = systemClock.monotonicMs();
    await systemScheduler.sleep(20);
    // Timers are counted from the start of the event loop's turn, so they may be a little early.
    expect(systemClock.monotonicMs() - start).toBeGreaterThanOrEqual(18);
    expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1000);
  });

  it('wakes early only to reject with the reason of an abort', async () => {
    const controller = new AbortController();
    const sleep = systemScheduler.sleep(1_000_000, controller.signal);
    controller.abort(new Error('up'));
    await expect(sleep).rejects.toThrow('up');
    await expect(systemScheduler.sleep(1, controller.signal)).rejects.toThrow('up');
  });

  it('does not end a sleep of more than 24 days at once', async () => {
    const controller = new AbortController();
    const winner = await Promise.race([
      systemScheduler.sleep(2 ** 31 + 5, controller.signal).then(() => 'long'),
      systemScheduler.sleep(20).then(() => 'short'),
    ]);
    expect(winner).toBe('short');
  });

  it('does not keep a process alive', () => {
    const index = fileURLToPath(new URL('../../dist/node/index.js', import.meta.url));
    const script = `import { systemScheduler } from ${JSON.stringify(index)}; systemScheduler.sleep(600_000).then(() => {});`;
    const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
    expect(status).toBe(0);
  });

  it('keeps a process alive while someone sleeps on the holding scheduler, and no longer', async () => {
    const index = fileURLToPath(new URL('../../dist/node/index.js', import.meta.url));
    const script = `import { holdingScheduler } from ${JSON.stringify(index)}; await holdingScheduler.sleep(30); process.stdout.write('woke');`;
    const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
    expect([status, String(stdout)]).toEqual([0, 'woke']);
    const controller = new AbortController();
    const sleep = holdingScheduler.sleep(1_000_000, controller.signal);
    controller.abort(new Error('up'));
    await expect(sleep).rejects.toThrow('up');
  });
});
