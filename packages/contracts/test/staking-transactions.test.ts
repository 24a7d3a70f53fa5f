import { type Epoch, type Frost, parseObjectId } from '@floe/protocol';
import { Transaction } from '@mysten/sui/transactions';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { setAuthority, setNextPublicKey } from '../src/authority-transactions.ts';
import { callParameters, functionSignature } from '../src/functions.ts';
import { quorumPrice } from '../src/ledger/staking-state.ts';
import type { PackageName } from '../src/move-type.ts';
import {
  collectCommission,
  epochSyncDone,
  initiateEpochChange,
  joinStakes,
  registerNode,
  requestWithdrawal,
  setNextCommission,
  setNodeVotes,
  splitStake,
  stakeWithNode,
  updatePrices,
  votingEnd,
  withdrawStake,
} from '../src/staking-transactions.ts';
import { processSubsidies } from '../src/subsidies-transactions.ts';
import { walTypeOf } from '../src/type-names.ts';
import { voteForUpgrade } from '../src/upgrade-transactions.ts';

const target = {
  packageId: parseObjectId('0xa1'),
  systemObjectId: parseObjectId('0x5'),
  stakingObjectId: parseObjectId('0x7'),
  walType: walTypeOf(parseObjectId('0xa2')),
};
const stake = parseObjectId('0xb1');
const other = parseObjectId('0xb2');
const cap = parseObjectId('0xca');
const treasury = parseObjectId('0x77');
const nodeId = parseObjectId('0xd1');
const owner = parseObjectId('0xcafe');
const subsidies = { objectId: parseObjectId('0x5b'), packageId: parseObjectId('0xa3') };
const owning = new Map<string, PackageName>([
  [target.packageId, 'walrus'],
  [subsidies.packageId, 'walrus_subsidies'],
]);

function callsOf(build: (transaction: Transaction) => void) {
  const transaction = new Transaction();
  build(transaction);
  return transaction.getData().commands.flatMap((command) => (command.MoveCall ? [command.MoveCall] : []));
}

describe('builders of staking transactions', () => {
  it('pass arguments in number of the contracts’ signatures', () => {
    const calls = callsOf((transaction) => {
      votingEnd(transaction, target);
      initiateEpochChange(transaction, target, { treasuryObjectId: treasury });
      epochSyncDone(transaction, target, { nodeCapId: cap, epoch: 3 as Epoch });
      updatePrices(transaction, target);
      const votes = { storagePrice: 1n, writePrice: 2n, capacity: 3n };
      setNodeVotes(transaction, target, { nodeCapId: cap, votes });
      setNextCommission(transaction, target, { nodeCapId: cap, basisPoints: 500 });
      collectCommission(transaction, target, { nodeId, to: owner });
      const type = `${target.packageId}::storage_node::StorageNodeCap`;
      collectCommission(transaction, target, { nodeId, receiver: { objectId: cap, type }, to: owner });
      setAuthority(transaction, target, { authority: 'collect', nodeId, as: 'sender', to: { address: owner } });
      const as = { objectId: cap, type };
      setAuthority(transaction, target, { authority: 'govern', nodeId, as, to: { objectId: cap } });
      const [blsPublicKey, proofOfPossession] = [new Uint8Array(48), new Uint8Array(96)];
      setNextPublicKey(transaction, target, { nodeCapId: cap, blsPublicKey, proofOfPossession });
      voteForUpgrade(transaction, target, { upgradeManagerId: other, nodeId, as, digest: new Uint8Array(32) });
      processSubsidies(transaction, target, subsidies);
      stakeWithNode(transaction, target, { nodeId, amount: 5n as Frost, owner });
      requestWithdrawal(transaction, target, { stake });
      withdrawStake(transaction, target, { stake, owner });
      const part = splitStake(transaction, target, { stake, amount: 5n as Frost });
      joinStakes(transaction, target, { into: part, others: [other] });
      registerNode(transaction, target, {
        name: 'node',
        networkAddress: '127.0.0.1:1',
        blsPublicKey: new Uint8Array(48),
        networkPublicKey: new Uint8Array(33),
        proofOfPossession: new Uint8Array(96),
        commissionBasisPoints: 100,
        votes,
        owner,
      });
    });
    expect(calls).toHaveLength(29);
    for (const call of calls) {
      const signature = functionSignature(owning.get(call.package) ?? 'sui', call.module, call.function);
      expect(signature, `${call.module}::${call.function}`).toBeDefined();
      expect(call.arguments, call.function).toHaveLength(signature ? callParameters(signature).length : -1);
      expect(call.typeArguments, call.function).toHaveLength(signature?.typeParameters.length ?? -1);
    }
  });

  it('leave alone the votes that are left out', () => {
    const calls = callsOf((transaction) =>
      setNodeVotes(transaction, target, { nodeCapId: cap, votes: { writePrice: 7n } }),
    );
    expect(calls.map((call) => call.function)).toEqual(['set_write_price_vote']);
  });
});

describe('the price of a quorum', () => {
  // Walrus contract rules, test vectors: votes, below; 50 shards, prices 1 to 10.
  it.each([
    [[5, 5, 4, 6, 3, 7, 4, 6, 1, 9], 7n],
    [[5, 5, 4, 6, 3, 7, 1, 1, 1, 17], 10n],
  ])('of weights %j is %i', (weights, expected) => {
    const votes = weights.map((weight, i) => ({ price: BigInt(i + 1), weight }));
    expect(quorumPrice(votes, 50)).toBe(expected);
  });

  it('is the lowest that voters with two thirds of the shards accept', () => {
    const vote = fc.record({ price: fc.bigInt({ min: 0n, max: 20n }), weight: fc.integer({ min: 1, max: 30 }) });
    fc.assert(
      fc.property(fc.array(vote, { minLength: 1, maxLength: 20 }), (votes) => {
        const nShards = votes.reduce((sum, { weight }) => sum + weight, 0);
        const accepts = (price: bigint) =>
          votes.filter((v) => v.price <= price).reduce((sum, { weight }) => sum + weight, 0);
        const found = quorumPrice(votes, nShards);
        const wanted = votes
          .map(({ price }) => price)
          .filter((price) => 3 * accepts(price) >= 2 * nShards + 1)
          .reduce((low, price) => (price < low ? price : low), 1n << 64n);
        expect(found).toBe(wanted);
      }),
    );
  });

  it('is beyond anyone’s means where nobody votes', () => {
    expect(quorumPrice([], 10)).toBe((1n << 64n) - 1n);
  });
});
