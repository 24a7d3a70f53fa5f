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
/** Another file may leave groups out; the project's own copy has them all. */
const isOwnCopy = (process.env['FLOE_CONTRACT_VECTORS'] ?? '') === '';

/** Runs all cases of a group; the first that fails names itself. */
function group<T>(name: string, cases: readonly T[] | undefined, replay: (vector: T) => void): void {
  if (cases === undefined && !isOwnCopy) return;
  test(`${name}: ${cases?.length ?? 0} cases`, () => {
    if (cases === undefined || cases.length === 0) throw new Error(`there are no cases of ${name}`);
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
group('storage.sequences', vectors.storage?.sequences, replayStorage);
group('storage.encoded_length', vectors.storage?.encoded_length, replayEncodedLength);
group('storage.blob_id', vectors.storage?.blob_id, replayBlobId);
group('active_set', vectors.active_set, replayActiveSet);
group('certificate', vectors.certificate, replayCertificate);
group('registration', vectors.registration, replayRegistration);

test('the file holds no group that is not replayed', () => {
  const known = [
    'about',
    'active_set',
    'apportionment',
    'certificate',
    'pool',
    'registration',
    'shard_transition',
    'storage',
    'system',
    'votes',
  ];
  const unknown = (value: object, names: readonly string[]) => Object.keys(value).filter((key) => !names.includes(key));
  expect(unknown(vectors, known)).toEqual([]);
  expect(unknown(vectors.storage ?? {}, ['blob_id', 'encoded_length', 'sequences'])).toEqual([]);
});
