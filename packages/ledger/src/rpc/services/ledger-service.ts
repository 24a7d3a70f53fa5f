/** `LedgerService`: the service itself, objects, transactions, checkpoints, the epoch, and queries over the chain. */
import { isFloeError } from '@floe/platform';
import { GrpcTypes } from '@mysten/sui/grpc';
import type { LedgerApi } from '../../api.ts';
import { requiredDigest, requiredId } from '../arguments.ts';
import { codeOfError, rpcErrors } from '../errors.ts';
import { type FieldMask, applyFieldMask, parseFieldMask } from '../field-mask.ts';
import { rpcLimits } from '../limits.ts';
import { checkpointDefaults, renderCheckpoint, renderLookedUp } from '../rendering/checkpoints.ts';
import { objectDefaults, renderObject } from '../rendering/objects.ts';
import { digestText, renderTimestamp } from '../rendering/values.ts';
import type { CallContext, Pause, RpcService } from '../service.ts';
import { renderEpoch } from './epoch.ts';
import { listCheckpoints, listEvents, listTransactions, type QueryContext } from './queries.ts';

/** Name and version of the software; goes into `GetServiceInfo`. */
export interface ServiceIdentity {
  readonly chainName: string;
  readonly server: string;
}

export function createLedgerService(ledger: LedgerApi, identity: ServiceIdentity, pause: Pause): RpcService {
  const queryContext = ({ signal }: CallContext): QueryContext => ({ ledger, signal, pause });
  return {
    descriptor: GrpcTypes.LedgerService,
    unary: {
      GetServiceInfo: () => getServiceInfo(ledger, identity),
      GetObject: (request: GrpcTypes.GetObjectRequest) => getObject(ledger, request),
      BatchGetObjects: (request: GrpcTypes.BatchGetObjectsRequest) => batchGetObjects(ledger, request),
      GetTransaction: (request: GrpcTypes.GetTransactionRequest) => getTransaction(ledger, request),
      BatchGetTransactions: (request: GrpcTypes.BatchGetTransactionsRequest) => batchGetTransactions(ledger, request),
      GetCheckpoint: (request: GrpcTypes.GetCheckpointRequest) => getCheckpoint(ledger, request),
      GetEpoch: (request: GrpcTypes.GetEpochRequest) => getEpoch(ledger, request),
    },
    streams: {
      ListCheckpoints: (request: GrpcTypes.ListCheckpointsRequest, context) =>
        listCheckpoints(queryContext(context), request),
      ListTransactions: (request: GrpcTypes.ListTransactionsRequest, context) =>
        listTransactions(queryContext(context), request),
      ListEvents: (request: GrpcTypes.ListEventsRequest, context) => listEvents(queryContext(context), request),
    },
  };
}

function getServiceInfo(ledger: LedgerApi, identity: ServiceIdentity): GrpcTypes.GetServiceInfoResponse {
  const latest = ledger.getCheckpoint('latest');
  return {
    chainId: digestText(ledger.chain.chainIdentifier),
    chain: identity.chainName,
    epoch: ledger.epochInfo().epoch,
    checkpointHeight: latest?.sequence,
    timestamp: latest === undefined ? undefined : renderTimestamp(latest.timestampMs),
    lowestAvailableCheckpoint: ledger.lowestCheckpoint(),
    server: identity.server,
  };
}

function getObject(ledger: LedgerApi, request: GrpcTypes.GetObjectRequest): GrpcTypes.GetObjectResponse {
  const mask = parseFieldMask(GrpcTypes.Object, request.readMask, objectDefaults);
  return { object: lookUpObject(ledger, request, mask) };
}

function batchGetObjects(
  ledger: LedgerApi,
  request: GrpcTypes.BatchGetObjectsRequest,
): GrpcTypes.BatchGetObjectsResponse {
  const mask = parseFieldMask(GrpcTypes.Object, request.readMask, objectDefaults);
  checkBatch('requests', request.requests.length);
  const counted = replyCounter(GrpcTypes.Object);
  return {
    // One result for each request, in order: clients match them by position.
    objects: request.requests.map((item): GrpcTypes.GetObjectResult => {
      const found = settle(() => lookUpObject(ledger, item, mask));
      return 'error' in found
        ? { result: { oneofKind: 'error', error: found.error } }
        : { result: { oneofKind: 'object', object: counted(found.value) } };
    }),
  };
}

function lookUpObject(ledger: LedgerApi, request: GrpcTypes.GetObjectRequest, mask: FieldMask): GrpcTypes.Object {
  const id = requiredId('object_id', request.objectId);
  const object = ledger.getObject(id, request.version);
  if (object === undefined) {
    const version = request.version === undefined ? '' : ` with version ${request.version}`;
    throw rpcErrors.RPC_NOT_FOUND({ what: 'Object', id: `${id}${version}` });
  }
  return applyFieldMask(GrpcTypes.Object, renderObject(object, mask), mask);
}

function getTransaction(ledger: LedgerApi, request: GrpcTypes.GetTransactionRequest): GrpcTypes.GetTransactionResponse {
  const mask = parseFieldMask(GrpcTypes.ExecutedTransaction, request.readMask, ['digest']);
  return { transaction: lookUpTransaction(ledger, request.digest, mask) };
}

function batchGetTransactions(
  ledger: LedgerApi,
  request: GrpcTypes.BatchGetTransactionsRequest,
): GrpcTypes.BatchGetTransactionsResponse {
  const mask = parseFieldMask(GrpcTypes.ExecutedTransaction, request.readMask, ['digest']);
  checkBatch('digests', request.digests.length);
  const counted = replyCounter(GrpcTypes.ExecutedTransaction);
  return {
    transactions: request.digests.map((digest): GrpcTypes.GetTransactionResult => {
      const found = settle(() => lookUpTransaction(ledger, digest, mask));
      return 'error' in found
        ? { result: { oneofKind: 'error', error: found.error } }
        : { result: { oneofKind: 'transaction', transaction: counted(found.value) } };
    }),
  };
}

function lookUpTransaction(
  ledger: LedgerApi,
  digestOrNothing: string | undefined,
  mask: FieldMask,
): GrpcTypes.ExecutedTransaction {
  const digest = requiredDigest('digest', digestOrNothing);
  const record = ledger.getTransaction(digest);
  if (record === undefined) throw rpcErrors.RPC_NOT_FOUND({ what: 'Transaction', id: digestText(digest) });
  return renderLookedUp(ledger, record, mask);
}

function getCheckpoint(ledger: LedgerApi, request: GrpcTypes.GetCheckpointRequest): GrpcTypes.GetCheckpointResponse {
  const mask = parseFieldMask(GrpcTypes.Checkpoint, request.readMask, checkpointDefaults);
  const which = checkpointOf(request.checkpointId);
  const record = ledger.getCheckpoint(which);
  if (record === undefined) {
    const id = which instanceof Uint8Array ? digestText(which) : String(which);
    const lowest = ledger.lowestCheckpoint();
    if (typeof which === 'bigint' && which < lowest) {
      throw rpcErrors.RPC_PRUNED({ what: 'Checkpoint', id, lowest: String(lowest) });
    }
    throw rpcErrors.RPC_NOT_FOUND({ what: 'Checkpoint', id });
  }
  return { checkpoint: renderCheckpoint(ledger, record, mask, replyCounter(GrpcTypes.ExecutedTransaction)) };
}

function checkpointOf(id: GrpcTypes.GetCheckpointRequest['checkpointId']): bigint | Uint8Array | 'latest' {
  switch (id.oneofKind) {
    case 'sequenceNumber':
      return id.sequenceNumber;
    case 'digest':
      return requiredDigest('digest', id.digest);
    case undefined:
      return 'latest';
  }
}

function getEpoch(ledger: LedgerApi, request: GrpcTypes.GetEpochRequest): GrpcTypes.GetEpochResponse {
  const mask = parseFieldMask(GrpcTypes.Epoch, request.readMask, ['epoch']);
  const info = ledger.epochInfo();
  if (request.epoch !== undefined && request.epoch !== info.epoch) {
    throw rpcErrors.RPC_NOT_FOUND({ what: 'Epoch', id: request.epoch.toString() });
  }
  return { epoch: applyFieldMask(GrpcTypes.Epoch, renderEpoch(info), mask) };
}

function checkBatch(field: string, count: number): void {
  if (count <= rpcLimits.batchItems) return;
  const reason = `${count} items, at most ${rpcLimits.batchItems} are allowed`;
  throw rpcErrors.RPC_INVALID_FIELD({ field, reason });
}

/** Passes items on while they fit into one answer: the same large one can be asked for in every place. */
function replyCounter<Message extends object>(codec: { toBinary(message: Message): Uint8Array }) {
  let sizeBytes = 0;
  return (item: Message): Message => {
    sizeBytes += codec.toBinary(item).length;
    if (sizeBytes > rpcLimits.batchReplyBytes) {
      throw rpcErrors.RPC_REPLY_TOO_LARGE({ limit: rpcLimits.batchReplyBytes });
    }
    return item;
  };
}

type RpcStatus = Extract<GrpcTypes.GetObjectResult['result'], { oneofKind: 'error' }>['error'];

/** An item's value, or its error as a status: one bad item does not fail the batch. */
function settle<Value>(look: () => Value): { value: Value } | { error: RpcStatus } {
  try {
    return { value: look() };
  } catch (error) {
    if (!isFloeError(error)) throw error;
    return { error: { code: codeOfError(error), message: error.message, details: [] } };
  }
}
