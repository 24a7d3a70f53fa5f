/** Replays every case of the original contracts' results. A group or a case that is not replayed is a failure. */
import { expect, test } from 'vitest';
import { replayPool } from './replay/pool-sequences.ts';
import {
  replayActiveSet,
  replayApportionment,
  replayBlobId,
  replayCertificate,
  replayEncodedLength,
  replayRegistration,
  replayTransition,
  replayVotes,
} from './replay/single-cases.ts';
import { replayStorage } from './replay/storage-sequences.ts';
import { replaySystem } from './replay/system-sequences.ts';
import { readVectors } from './replay/vector-file.ts';

const vectors = readVectors();

/** Runs all cases of a group; the first that fails names itself. */
function group<T>(name: string, cases: readonly T[], replay: (vector: T) => void): void {
  test(`${name}: ${cases.length} cases`, () => {
    expect(cases.length).toBeGreaterThan(0);
    for (const [index, vector] of cases.entries()) {
      try {
        replay(vector);
      } catch (error) {
        if (error instanceof Error) error.message = `${name} ${index}: ${error.message}`;
        throw error;
      }
    }
  });
}

group('apportionment', vectors.apportionment, replayApportionment);
group('shard_transition', vectors.shard_transition, replayTransition);
group('votes', vectors.votes, replayVotes);
group('pool', vectors.pool, replayPool);
group('system', vectors.system, replaySystem);
group('storage.sequences', vectors.storage.sequences, replayStorage);
group('storage.encoded_length', vectors.storage.encoded_length, replayEncodedLength);
group('storage.blob_id', vectors.storage.blob_id, replayBlobId);
group('active_set', vectors.active_set, replayActiveSet);
group('certificate', vectors.certificate, replayCertificate);
group('registration', vectors.registration, replayRegistration);

test('the file holds no group that is not replayed', () => {
  const { about, ...groups } = vectors as unknown as Record<string, object> & { about?: object };
  expect(Object.keys(groups).toSorted()).toEqual([
    'active_set',
    'apportionment',
    'certificate',
    'pool',
    'registration',
    'shard_transition',
    'storage',
    'system',
    'votes',
  ]);
  expect(Object.keys(vectors.storage).toSorted()).toEqual(['blob_id', 'encoded_length', 'sequences']);
  expect(about === undefined || typeof about === 'object').toBe(true);
});
