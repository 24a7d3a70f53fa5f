/** Random calls of stakers, nodes and the epochs' state machine. */
import type { layouts } from '@floe/contracts';
import type { Coin } from '../../../src/natives/framework.ts';
import { denyListSizes } from '../../../src/natives/system-epoch.ts';
import type { Authority } from './model.ts';
import { DURATION_MS, type Pair, type PairCall, WAL } from './pair.ts';

/** Nodes that a run has at most; each costs time in every check. */
const MAX_NODES = 10;
/** Stakes that a run has at most, from where on they are only withdrawn. */
const MAX_STAKES = 40;

/** Proof of speaking for a node: by its cap, or by the account that registered it. */
function proofOf({ chain }: Pair, cap: layouts.StorageNodeCap, who: Authority): layouts.Authenticated {
  return who === 'cap' ? chain.run('auth::authenticate_with_object', cap) : chain.run('auth::authenticate_sender');
}

function someAmount({ pick }: Pair): bigint {
  const sizes = [0n, WAL - 1n, WAL, WAL + BigInt(pick(1000)), BigInt(pick(1_000_000)) * WAL, 433n * 10n ** 15n];
  return sizes[pick(sizes.length)]!;
}

export function stakeCall(pair: Pair): PairCall {
  const { stakes, pick } = pair;
  const kind = pick(8);
  if ((kind <= 1 && stakes.length < MAX_STAKES) || stakes.length === 0) return newStake(pair);
  const at = pick(stakes.length);
  if (kind <= 3) return requestCall(pair, at);
  if (kind === 4) return splitCall(pair, at);
  if (kind === 5 && stakes.length > 1) return joinCall(pair, at, pick(stakes.length));
  return withdrawCall(pair, at);
}

function newStake(pair: Pair): PairCall {
  const { chain, model } = pair;
  const index = pair.pick(pair.caps.length);
  const amount = someAmount(pair);
  if (amount > pair.wallet) return epochCall(pair);
  let made: layouts.StakedWal;
  return [
    'stake',
    () => {
      made = chain.run('staking::stake_with_pool', chain.staking, chain.coin(amount), pair.caps[index]!.value.nodeId);
      return made.activationEpoch;
    },
    () => {
      const stake = model.stake(index, amount);
      pair.wallet -= amount;
      pair.stakes.push({ chain: made, model: stake });
      return stake.activation;
    },
  ];
}

function requestCall({ chain, model, stakes }: Pair, at: number): PairCall {
  const stake = stakes[at]!;
  return [
    'request',
    () => {
      const ref = { value: stake.chain };
      chain.run('staking::request_withdraw_stake', chain.staking, ref);
      stake.chain = ref.value;
      return chain.run('staked_wal::withdraw_epoch', ref.value);
    },
    () => {
      model.request(stake.model);
      return stake.model.withdrawAt;
    },
  ];
}

function withdrawCall(pair: Pair, at: number): PairCall {
  const { chain, model, stakes } = pair;
  const stake = stakes[at]!;
  return [
    'withdraw',
    () => chain.run<Coin>('staking::withdraw_stake', chain.staking, stake.chain).balance,
    () => {
      const paid = model.withdraw(stake.model);
      stakes.splice(at, 1);
      pair.wallet += paid;
      return paid;
    },
  ];
}

function splitCall(pair: Pair, at: number): PairCall {
  const { chain, model, stakes } = pair;
  const stake = stakes[at]!;
  const amount = [WAL, stake.model.principal / 2n, someAmount(pair)][pair.pick(3)]!;
  let made: layouts.StakedWal;
  return [
    'split stake',
    () => {
      const ref = { value: stake.chain };
      made = chain.run('staked_wal::split', ref, amount);
      stake.chain = ref.value;
      return [ref.value.principal, made.principal];
    },
    () => {
      const part = model.splitStake(stake.model, amount);
      stakes.push({ chain: made, model: part });
      return [stake.model.principal, part.principal];
    },
  ];
}

function joinCall({ chain, model, stakes }: Pair, at: number, from: number): PairCall {
  const [stake, other] = [stakes[at]!, stakes[from]!];
  // A stake cannot be joined to itself: the transaction would use one object twice.
  if (at === from) return ['epoch', () => chain.stakingState.epoch, () => model.epoch];
  return [
    'join stakes',
    () => {
      const ref = { value: stake.chain };
      chain.run('staked_wal::join', ref, other.chain);
      stake.chain = ref.value;
      return ref.value.principal;
    },
    () => {
      model.joinStake(stake.model, other.model);
      stakes.splice(from, 1);
      return stake.model.principal;
    },
  ];
}

export function nodeCall(pair: Pair): PairCall {
  const { chain, model, pick } = pair;
  const index = pick(pair.caps.length);
  const cap = pair.caps[index]!.value;
  const who: Authority = pick(4) === 0 ? 'account' : 'cap';
  switch (pick(11)) {
    case 0:
      return voteCall(pair, index);
    case 1: {
      const rate = [0, 777, 10_000, 10_001][pick(4)]!;
      return [
        'next rate',
        () => chain.run('staking::set_next_commission', chain.staking, cap, rate),
        () => model.setNextRate(index, rate),
      ];
    }
    case 2:
      return [
        'collect',
        () =>
          chain.run<Coin>('staking::collect_commission', chain.staking, cap.nodeId, proofOf(pair, cap, who)).balance,
        () => {
          const paid = model.collect(index, who);
          pair.wallet += paid;
          return paid;
        },
      ];
    case 3: {
      const amount = BigInt(pick(1_000_000));
      return [
        'add commission',
        () => chain.run('staking::add_commission_to_pools', chain.staking, [cap.nodeId], [amount]),
        () => {
          model.addCommission(index, amount);
          pair.wallet -= amount;
        },
      ];
    }
    case 4: {
      const [amount, epochs] = [BigInt(pick(2 ** 31)) * 1000n, pick(model.epochsAhead + 2)];
      return [
        'subsidise',
        () => chain.run('system::add_subsidy', chain.system, chain.coin(amount), epochs),
        () => {
          model.subsidise(amount, epochs);
          pair.wallet -= amount;
        },
      ];
    }
    case 5:
      return denyCall(pair, index);
    case 6: {
      const receiver: Authority = pick(3) === 0 ? 'account' : 'cap';
      return [
        'set receiver',
        () => {
          const next =
            receiver === 'cap'
              ? chain.run('auth::authorized_object', cap.id)
              : chain.run('auth::authorized_address', chain.call.sender);
          chain.run('staking::set_commission_receiver', chain.staking, cap.nodeId, proofOf(pair, cap, who), next);
        },
        () => model.setReceiver(index, who, receiver),
      ];
    }
    case 7: {
      const key = pick(200);
      return [
        'next key',
        () => {
          const args = [new Uint8Array(48).fill(key), new Uint8Array(96)];
          chain.run('staking::set_next_public_key', chain.staking, cap, ...args);
        },
        () => {
          model.nodes[index]!.nextKey = key;
        },
      ];
    }
    case 8:
      return [
        'join active set',
        () => chain.run('staking::try_join_active_set', chain.staking, cap),
        () => model.tryJoin(index),
      ];
    case 9:
      return slashingCall(pair, index, who);
    default:
      return registerCall(pair);
  }
}

export function voteCall({ chain, model, caps, pick }: Pair, index = pick(caps.length)): PairCall {
  const cap = caps[index]!.value;
  const price = () => BigInt(pick(5)) * 1000n;
  const votes = { storage: price(), write: price(), capacity: BigInt(pick(2 ** 31)) * 1000n };
  return [
    'vote',
    () => {
      chain.run('staking::set_storage_price_vote', chain.staking, cap, votes.storage);
      chain.run('staking::set_write_price_vote', chain.staking, cap, votes.write);
      chain.run('staking::set_node_capacity_vote', chain.staking, cap, votes.capacity);
    },
    () => {
      model.nodes[index]!.votes = votes;
    },
  ];
}

/** The size of a node's deny list, as a certificate would set it. */
function denyCall({ chain, model, caps, pick }: Pair, index: number): PairCall {
  const { nodeId } = caps[index]!.value;
  const size = BigInt(pick(3)) * BigInt(pick(2 ** 30));
  return [
    'deny list',
    () => {
      const sizes = denyListSizes(chain.call, chain.systemState);
      sizes.value = [...(sizes.value ?? []).filter(({ key }) => key !== nodeId), { key: nodeId, value: size }];
    },
    () => {
      model.nodes[index]!.denied = size;
    },
  ];
}

function slashingCall(pair: Pair, voter: number, proof: Authority): PairCall {
  const { chain, model, caps, pick, slashing } = pair;
  // Few candidates, so that votes add up.
  const candidate = pick(Math.min(2, caps.length));
  const [voterId, candidateId] = [caps[voter]!.value.nodeId, caps[candidate]!.value.nodeId];
  const kind = pick(8);
  if (kind === 0) {
    return [
      'clean slashing',
      () => {
        const ids = caps.map(({ value }) => value.nodeId);
        chain.run('slashing::cleanup_slashing_proposals', slashing, chain.staking.value, ids);
        return slashing.value.slashingCandidates.size;
      },
      () => {
        model.cleanSlashing();
        return BigInt(model.slashing.size);
      },
    ];
  }
  const manager = { value: slashing.value };
  if (kind <= 2) {
    return [
      'slash',
      () => {
        chain.run('slashing::execute_slashing', manager, chain.staking, chain.treasury, candidateId);
        slashing.value = manager.value;
      },
      () => void model.slash(candidate),
    ];
  }
  const who: Authority = proof === 'cap' && pick(4) > 0 ? 'account' : proof;
  return [
    'vote for slashing',
    () => {
      const voted = proofOf(pair, caps[voter]!.value, who);
      chain.run('slashing::vote_for_slashing', manager, chain.staking.value, voted, voterId, candidateId);
      slashing.value = manager.value;
    },
    () => model.voteForSlashing(voter, candidate, who),
  ];
}

function registerCall(pair: Pair): PairCall {
  const { chain, model } = pair;
  const commissionRate = [0, 500, 10_000, 10_001][pair.pick(4)]!;
  if (pair.caps.length === MAX_NODES) return epochCall(pair);
  let cap: layouts.StorageNodeCap;
  return [
    'register',
    () => {
      cap = chain.register({ commissionRate });
      return chain.pool(cap.nodeId).value.activationEpoch;
    },
    () => {
      model.register(commissionRate);
      pair.caps.push({ value: cap });
      return model.nodes.at(-1)!.activation;
    },
  ];
}

export function epochCall(pair: Pair): PairCall {
  const { chain, model, pick } = pair;
  const tick = () => {
    const ms = [1, DURATION_MS / 2, DURATION_MS][pick(3)]!;
    chain.clockMs += ms;
    model.now += BigInt(ms);
  };
  switch (pick(5)) {
    case 0:
      tick();
      return [
        'voting end',
        () => void chain.run('staking::voting_end', chain.staking, chain.clock),
        () => model.votingEnd(),
      ];
    case 1: {
      tick();
      const args = [chain.staking, chain.system, chain.treasury, chain.clock];
      return [
        'epoch change',
        () => void chain.run('staking::initiate_epoch_change_v2', ...args),
        () => model.changeEpoch(),
      ];
    }
    case 2:
      return [
        'update prices',
        () => void chain.run('staking::update_prices', chain.staking, chain.system),
        () => model.updatePrices(),
      ];
    default: {
      const index = pick(pair.caps.length);
      const cap = { value: pair.caps[index]!.value };
      const { epoch } = chain.stakingState;
      return [
        'sync done',
        () => {
          chain.run('staking::epoch_sync_done', chain.staking, cap, epoch, chain.clock);
          pair.caps[index]!.value = cap.value;
        },
        () => model.syncDone(index),
      ];
    }
  }
}
