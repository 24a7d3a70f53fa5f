/** Random calls that buy, split and fuse space, and that blobs, shared blobs and their attributes go through. */
import type { layouts } from '@floe/contracts';
import { blobIdBytes, type BlobId, type ObjectId } from '@floe/protocol';
import type { Ref } from '../../../src/execution/call.ts';
import { deriveBlobId } from '../../../src/natives/encoding.ts';
import { type BlobTwin, OFFER, type Pair, type PairCall, type Twin } from './pair.ts';
import {
  type AttributeCall,
  type BlobTerms,
  encodedLength,
  type ModelCertificate,
  type ModelSpace,
} from './storage-model.ts';

/** What a run holds of each kind at most, from where on it lets go of them. */
const MOST = 12;

const spaceView = ({ startEpoch, endEpoch, storageSize }: layouts.Storage) => [startEpoch, endEpoch, storageSize];
const spaceViewOf = ({ start, end, size }: ModelSpace) => [start, end, size];

/** A size that reservations are made of: nothing, what small blobs take, or any. */
export function someSize({ pick, model }: Pair): bigint {
  const least = encodedLength(1n, 1, model.shards);
  const sizes = [0n, least, least, 2n * least, 3n * least, BigInt(pick(2 ** 26))];
  return sizes[pick(sizes.length)]!;
}

function someEpochs({ pick, model }: Pair): number {
  return pick(3) === 0 ? pick(model.epochsAhead + 2) : 1 + pick(model.epochsAhead);
}

/** Terms of a blob, mostly good, with its id and root hash. */
export function someTerms(pair: Pair): { terms: BlobTerms; blobId: bigint; root: bigint } {
  const { pick } = pair;
  pair.roots += 1n;
  const size = [0n, 1n, 100n, BigInt(pick(100_000)), BigInt(pick(2 ** 30)) << 20n][pick(5)]!;
  const encodingType = pick(20) === 0 ? 0 : 1;
  const isIdRight = pick(15) > 0;
  const id = deriveBlobId(pair.roots, encodingType, size);
  const terms = { size, encodingType, deletable: pick(3) > 0, isIdRight };
  return { terms, blobId: isIdRight ? id : id ^ 1n, root: pair.roots };
}

/** A certificate, mostly good, as the contracts take it and as the model does. */
export function someCertificate(
  pair: Pair,
  of: { blobId: BlobId; objectId: ObjectId; deletable: boolean },
): { args: [Uint8Array, Uint8Array, Uint8Array]; certificate: ModelCertificate } {
  const { pick, model } = pair;
  const members = [...model.committee.keys()];
  const isWhole = pick(4) > 0;
  const signers = members.filter(() => isWhole || pick(2) === 0);
  const isRight = () => pick(25) > 0;
  const persistence = isRight() ? (of.deletable ? 1 : 0) : pick(3);
  const certificate = {
    signers,
    epoch: isRight() ? model.epoch : model.epoch + 1,
    type: isRight() ? 1 : 2,
    persistence,
    isBlobRight: isRight(),
    isObjectRight: isRight(),
  };
  const bitmap = new Uint8Array(Math.ceil(members.length / 8));
  for (const signer of signers) {
    const index = members.indexOf(signer);
    bitmap[index >> 3]! |= 1 << (index & 7);
  }
  const message = new Uint8Array(72);
  message.set([certificate.type, 0, 3]);
  new DataView(message.buffer).setUint32(3, certificate.epoch, true);
  message.set(blobIdBytes(of.blobId), 7);
  if (!certificate.isBlobRight) message[7]! ^= 1;
  message[39] = persistence;
  message.set(Buffer.from(of.objectId.slice(2), 'hex'), 40);
  if (!certificate.isObjectRight) message[40]! ^= 1;
  return { args: [new Uint8Array(96), bitmap, message], certificate };
}

function release<T>(list: T[], item: T): void {
  list.splice(list.indexOf(item), 1);
}

export function spaceCall(pair: Pair): PairCall {
  const { pick, spaces } = pair;
  const space = pair.some(spaces);
  if (space === undefined) return reserveCall(pair);
  if (spaces.length >= MOST) return destroySpace(pair, space);
  const kind = pick(7);
  if (kind <= 2) return reserveCall(pair);
  if (kind <= 4) return splitCall(pair, space);
  if (kind === 5) return fuseCall(pair, space, pair.some(spaces)!);
  return pick(3) === 0 ? destroySpace(pair, space) : reserveCall(pair);
}

function reserveCall(pair: Pair): PairCall {
  const { chain, model, storage, pick } = pair;
  const [size, epochs] = [someSize(pair), someEpochs(pair)];
  const purse = pair.coin(OFFER);
  let made: layouts.Storage;
  const kept = (bought: { space: ModelSpace; cost: bigint }) => {
    pair.spaces.push({ chain: made, model: bought.space });
    pair.wallet -= bought.cost;
    return [bought.cost, ...spaceViewOf(bought.space)];
  };
  const shown = () => [OFFER - purse.value.balance, ...spaceView(made)];
  if (pick(2) === 0) {
    const from = Math.max(0, model.epoch - 1 + pick(4));
    const to = from + epochs;
    return [
      'reserve for epochs',
      () => {
        made = chain.run('system::reserve_space_for_epochs', chain.system, size, from, to, purse);
        return shown();
      },
      () => kept(storage.reserve(size, from, to, OFFER)),
    ];
  }
  return [
    'reserve',
    () => {
      made = chain.run('system::reserve_space', chain.system, size, epochs, purse);
      return shown();
    },
    () => kept(storage.reserveAhead(size, epochs, OFFER)),
  ];
}

function splitCall(pair: Pair, space: Twin<layouts.Storage, ModelSpace>): PairCall {
  const { chain, storage, pick, model } = pair;
  const isByEpoch = pick(2) === 0;
  const at = space.model.start + pick(model.epochsAhead + 1);
  const size = [0n, space.model.size / 2n, someSize(pair)][pick(3)]!;
  let made: layouts.Storage;
  return [
    isByEpoch ? 'split by epoch' : 'split by size',
    () => {
      const ref = { value: space.chain };
      made = isByEpoch
        ? chain.run('storage_resource::split_by_epoch', ref, at)
        : chain.run('storage_resource::split_by_size', ref, size);
      space.chain = ref.value;
      return [spaceView(ref.value), spaceView(made)];
    },
    () => {
      const rest = isByEpoch ? storage.splitByEpoch(space.model, at) : storage.splitBySize(space.model, size);
      pair.spaces.push({ chain: made, model: rest });
      return [spaceViewOf(space.model), spaceViewOf(rest)];
    },
  ];
}

function fuseCall(
  pair: Pair,
  space: Twin<layouts.Storage, ModelSpace>,
  other: Twin<layouts.Storage, ModelSpace>,
): PairCall {
  const { chain, storage, pick } = pair;
  if (space === other) return destroySpace(pair, space);
  const [name, run] = (
    [
      ['fuse', () => storage.fuse(space.model, other.model)],
      ['fuse_periods', () => storage.fusePeriods(space.model, other.model)],
      ['fuse_amount', () => storage.fuseAmount(space.model, other.model)],
    ] as const
  )[pick(3)]!;
  return [
    'fuse',
    () => {
      const ref = { value: space.chain };
      chain.run(`storage_resource::${name}`, ref, other.chain);
      space.chain = ref.value;
      return spaceView(ref.value);
    },
    () => {
      run();
      release(pair.spaces, other);
      return spaceViewOf(space.model);
    },
  ];
}

function destroySpace(pair: Pair, space: Twin<layouts.Storage, ModelSpace>): PairCall {
  return [
    'destroy space',
    () => void pair.chain.run('storage_resource::destroy', space.chain),
    () => release(pair.spaces, space),
  ];
}

export function blobCall(pair: Pair): PairCall {
  const { pick, blobs } = pair;
  const blob = pair.some(blobs);
  if (blob === undefined) return registerCall(pair);
  const kind = pick(14);
  if (kind <= 2) return blobs.length >= MOST ? burnCall(pair, blob) : registerCall(pair);
  if (kind <= 5) return certifyCall(pair, blob);
  if (kind === 6) return deleteCall(pair, blob);
  if (kind === 7) return pick(3) === 0 ? burnCall(pair, blob) : shareCall(pair, blob);
  if (kind === 8) return extendCall(pair, blob);
  if (kind === 9) return extendWithSpace(pair, blob);
  if (kind <= 11) return sharedCall(pair);
  return blobAttributes(pair, blob);
}

function registerCall(pair: Pair): PairCall {
  const { chain, storage } = pair;
  const space = pair.some(pair.spaces);
  if (space === undefined) return reserveCall(pair);
  const { terms, blobId, root } = someTerms(pair);
  const purse = pair.coin(OFFER);
  let made: layouts.Blob;
  return [
    'register blob',
    () => {
      const { size, encodingType, deletable } = terms;
      const args = [chain.system, space.chain, blobId, root, size, encodingType, deletable, purse];
      made = chain.run('system::register_blob', ...args);
      return OFFER - purse.value.balance;
    },
    () => {
      const { blob, cost } = storage.register(space.model, terms, OFFER);
      release(pair.spaces, space);
      pair.blobs.push({ chain: made, model: blob, root });
      pair.wallet -= cost;
      return cost;
    },
  ];
}

/** Makes the change on a copy of the blob, which is kept only when it succeeds. */
function changed(blob: { chain: layouts.Blob }, change: (ref: Ref<layouts.Blob>) => void): unknown {
  const ref = { value: blob.chain };
  change(ref);
  blob.chain = ref.value;
  return [ref.value.certifiedEpoch, ref.value.storage.startEpoch, ref.value.storage.endEpoch];
}

const blobView = ({ certified, space }: BlobTwin['model']) => [certified ?? null, space.start, space.end];

function certifyCall(pair: Pair, blob: BlobTwin): PairCall {
  const { chain, storage } = pair;
  const { blobId, id: objectId, deletable } = blob.chain;
  const { args, certificate } = someCertificate(pair, { blobId, objectId, deletable });
  return [
    'certify blob',
    () => changed(blob, (ref) => chain.run('system::certify_blob', chain.system.value, ref, ...args)),
    () => {
      storage.certify(blob.model, certificate);
      return blobView(blob.model);
    },
  ];
}

function extendCall(pair: Pair, blob: BlobTwin): PairCall {
  const { chain, storage } = pair;
  const epochs = someEpochs(pair);
  const purse = pair.coin(OFFER);
  return [
    'extend blob',
    () => {
      const view = changed(blob, (ref) => chain.run('system::extend_blob', chain.system, ref, epochs, purse));
      return [view, OFFER - purse.value.balance];
    },
    () => {
      const cost = storage.extend(blob.model, epochs, OFFER);
      pair.wallet -= cost;
      return [blobView(blob.model), cost];
    },
  ];
}

/** With space that suits, bought for it, as often as with what there is. */
function extendWithSpace(pair: Pair, blob: BlobTwin): PairCall {
  const { chain, storage, pick, model } = pair;
  const { end, size } = blob.model.space;
  if (pick(2) === 0 && end < model.epoch + model.epochsAhead && pair.spaces.length < MOST) {
    const to = model.epoch + model.epochsAhead;
    const purse = pair.coin(OFFER);
    let made: layouts.Storage;
    return [
      'reserve for epochs',
      () => {
        made = chain.run('system::reserve_space_for_epochs', chain.system, size, end, to, purse);
        return [OFFER - purse.value.balance, ...spaceView(made)];
      },
      () => {
        const { space, cost } = storage.reserve(size, end, to, OFFER);
        // The newest is what the next extension takes.
        pair.spaces.push({ chain: made, model: space });
        pair.wallet -= cost;
        return [cost, ...spaceViewOf(space)];
      },
    ];
  }
  const space =
    pair.spaces.find((other) => other.model.size === size && other.model.start === end) ?? pair.some(pair.spaces);
  if (space === undefined) return reserveCall(pair);
  return [
    'extend with space',
    () => changed(blob, (ref) => chain.run('system::extend_blob_with_resource', chain.system.value, ref, space.chain)),
    () => {
      storage.extendWithSpace(blob.model, space.model);
      release(pair.spaces, space);
      return blobView(blob.model);
    },
  ];
}

function deleteCall(pair: Pair, blob: BlobTwin): PairCall {
  const { chain, storage } = pair;
  let made: layouts.Storage;
  return [
    'delete blob',
    () => {
      made = chain.run('system::delete_blob', chain.system.value, blob.chain);
      return spaceView(made);
    },
    () => {
      const space = storage.delete(blob.model);
      release(pair.blobs, blob);
      pair.spaces.push({ chain: made, model: space });
      return spaceViewOf(space);
    },
  ];
}

function burnCall(pair: Pair, blob: BlobTwin): PairCall {
  return ['burn blob', () => void pair.chain.run('blob::burn', blob.chain), () => release(pair.blobs, blob)];
}

function shareCall(pair: Pair, blob: BlobTwin): PairCall {
  const { chain, pick } = pair;
  const isFunded = pick(2) === 0;
  const funds = isFunded ? BigInt(pick(1_000_000)) * 1000n : 0n;
  return [
    isFunded ? 'share funded' : 'share',
    () => {
      if (isFunded) chain.run('shared_blob::new_funded', blob.chain, chain.coin(funds));
      else chain.run('shared_blob::new', blob.chain);
      return pair.made<layouts.SharedBlob>().funds;
    },
    () => {
      release(pair.blobs, blob);
      pair.shared.push({ chain: pair.made<layouts.SharedBlob>(), model: { blob: blob.model, funds } });
      pair.wallet -= funds;
      return funds;
    },
  ];
}

function sharedCall(pair: Pair): PairCall {
  const { chain, storage, pick, model } = pair;
  // Nothing takes a shared blob away: a run looks away from one that has ended and holds nothing.
  const spent = pair.shared.find((other) => other.model.blob.space.end <= model.epoch && other.model.funds === 0n);
  if (spent !== undefined) release(pair.shared, spent);
  const shared = pair.some(pair.shared);
  if (shared === undefined) return reserveCall(pair);
  if (pick(2) === 0) {
    const amount = BigInt(pick(1_000_000)) * 1000n;
    return [
      'fund',
      () => {
        const ref = { value: shared.chain };
        chain.run('shared_blob::fund', ref, chain.coin(amount));
        shared.chain = ref.value;
        return ref.value.funds;
      },
      () => {
        shared.model.funds += amount;
        pair.wallet -= amount;
        return shared.model.funds;
      },
    ];
  }
  const epochs = someEpochs(pair);
  return [
    'extend shared',
    () => {
      const ref = { value: shared.chain };
      chain.run('shared_blob::extend', ref, chain.system, epochs);
      shared.chain = ref.value;
      return [ref.value.funds, ref.value.blob.storage.endEpoch];
    },
    () => {
      storage.extendShared(shared.model, epochs);
      return [shared.model.funds, shared.model.blob.space.end];
    },
  ];
}

/** A change of attributes: what the model is told, and the function and arguments beside what they are of. */
export function someAttributes({ pick }: Pair): { call: AttributeCall; name: string; args: unknown[] } {
  const text = (letters: string) => letters[pick(letters.length)]!;
  const [key, value] = [text('abc'), text('xyz')];
  const pairs = Array.from({ length: pick(4) }, (): [string, string] => [text('abc'), text('xyz')]);
  switch (pick(8)) {
    case 0:
      return { call: { kind: 'add', pairs }, name: 'add_metadata', args: [pairs] };
    case 1:
      return { call: { kind: 'replace', pairs }, name: 'add_or_replace_metadata', args: [pairs] };
    case 2:
      return { call: { kind: 'take' }, name: 'take_metadata', args: [] };
    case 3:
      return { call: { kind: 'remove', key }, name: 'remove_metadata_pair', args: [key] };
    case 4:
      return { call: { kind: 'remove if exists', key }, name: 'remove_metadata_pair_if_exists', args: [key] };
    default:
      return { call: { kind: 'put', key, value }, name: 'insert_or_update_metadata_pair', args: [key, value] };
  }
}

/** Calls it; metadata go in and come out as pairs. */
export function runAttributes({ chain }: Pair, target: string, holder: readonly unknown[], args: readonly unknown[]) {
  const given = args.map((argument) => {
    if (!Array.isArray(argument)) return argument;
    const metadata: Ref<unknown> = { value: chain.run('metadata::new') };
    for (const [key, value] of argument as [string, string][]) {
      chain.run('metadata::insert_or_update', metadata, key, value);
    }
    return metadata.value;
  });
  const result = chain.run(target, ...holder, ...given) ?? null;
  if (typeof result !== 'object' || result === null) return result;
  return (result as layouts.Metadata).metadata.map(({ key, value }) => [key, value]);
}

function blobAttributes(pair: Pair, blob: BlobTwin): PairCall {
  const { call, name, args } = someAttributes(pair);
  return [
    'attributes',
    () => runAttributes(pair, `blob::${name}`, [{ value: blob.chain }], args),
    () => pair.storage.changeAttributes(blob.model, call, 'blob'),
  ];
}
