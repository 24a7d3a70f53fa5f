/** Tasks of one stream: what their slots need is loaded again, and they are done again, when a worker is lost. */
import { isFloeError } from '@floe/platform';
import type { JobRunner } from '../jobs.ts';
import { MAX_STREAM_RETRIES } from '../limits.ts';
import type { StreamJob } from './encode-tasks.ts';
import type { RestoreJob } from './restore-tasks.ts';

export class TaskRunner {
  readonly #runner: JobRunner;
  /** Only the first task of a stream can be refused because of too much other work. */
  #isAdmitted = false;

  constructor(runner: JobRunner) {
    this.#runner = runner;
  }

  /** @param load - puts into the slot what the task reads */
  async run(job: StreamJob | RestoreJob, load: () => Promise<void>, signal: AbortSignal): Promise<void> {
    for (let retries = 0; ; retries += 1) {
      await load();
      try {
        await this.#runner.run(job, { signal, isAdmitted: this.#isAdmitted });
        this.#isAdmitted = true;
        return;
      } catch (error) {
        if (retries === MAX_STREAM_RETRIES || !isFloeError(error, 'CODEC_WORKER_FAILED')) throw error;
      }
    }
  }
}
