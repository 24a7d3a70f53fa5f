/** What a harness did, when: a line for each action, in a file as it goes, and whole for whoever looks into a failure. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class ActionLog {
  /** Stays when the run is over; the next run of the same name and seed begins it anew. */
  readonly path: string;
  readonly #startMs = performance.now();
  #text = '';

  constructor(name: string, seed: number) {
    this.path = join(tmpdir(), `floe-${name.replaceAll(/[^a-z0-9]+/gi, '-')}-${seed}.log`);
    writeFileSync(this.path, '');
    this.note(`${name}: seed ${seed}`);
  }

  get text(): string {
    return this.#text;
  }

  /** Since the log began. */
  get elapsedMs(): number {
    return performance.now() - this.#startMs;
  }

  note(action: string): void {
    const line = `${(this.elapsedMs / 1000).toFixed(3).padStart(9)} s  ${action}\n`;
    this.#text += line;
    appendFileSync(this.path, line);
  }

  /** Prints everything: for a test that failed. */
  print(): void {
    process.stdout.write(`\n${this.#text}log: ${this.path}\n`);
  }
}
