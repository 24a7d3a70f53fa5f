/** `StateService`: what an address owns, balances, coins, dynamic fields. */
import { GrpcTypes } from '@mysten/sui/grpc';
import type { CoinBalance, DynamicFieldEntry, LedgerApi } from '../../api.ts';
import { requiredId, requiredType } from '../arguments.ts';
import { rpcErrors } from '../errors.ts';
import { type FieldMask, applyFieldMask, maskOf, parseFieldMask, selects } from '../field-mask.ts';
import { decodePageToken, encodePageToken, pageSizeOf } from '../page-token.ts';
import { renderObject } from '../rendering/objects.ts';
import type { RpcService } from '../service.ts';

const OWNED_DEFAULTS = ['object_id', 'version', 'object_type'];
const DYNAMIC_FIELD_DEFAULTS = ['parent', 'field_id'];

export function createStateService(ledger: LedgerApi): RpcService {
  return {
    descriptor: GrpcTypes.StateService,
    unary: {
      ListOwnedObjects: (request: GrpcTypes.ListOwnedObjectsRequest) => listOwnedObjects(ledger, request),
      ListDynamicFields: (request: GrpcTypes.ListDynamicFieldsRequest) => listDynamicFields(ledger, request),
      GetBalance: (request: GrpcTypes.GetBalanceRequest) => getBalance(ledger, request),
      ListBalances: (request: GrpcTypes.ListBalancesRequest) => listBalances(ledger, request),
      GetCoinInfo: (request: GrpcTypes.GetCoinInfoRequest) => getCoinInfo(ledger, request),
    },
    streams: {},
  };
}

function listOwnedObjects(
  ledger: LedgerApi,
  request: GrpcTypes.ListOwnedObjectsRequest,
): GrpcTypes.ListOwnedObjectsResponse {
  const mask = parseFieldMask(GrpcTypes.Object, request.readMask, OWNED_DEFAULTS);
  const page = ledger.listOwned({
    owner: requiredId('owner', request.owner),
    type: request.objectType === '' ? undefined : request.objectType,
    cursor: decodePageToken('ListOwnedObjects', request.pageToken),
    limit: pageSizeOf(request.pageSize),
  });
  return {
    objects: page.items.map((object) => applyFieldMask(GrpcTypes.Object, renderObject(object, mask), mask)),
    nextPageToken: tokenOf('ListOwnedObjects', page.nextCursor),
  };
}

function listDynamicFields(
  ledger: LedgerApi,
  request: GrpcTypes.ListDynamicFieldsRequest,
): GrpcTypes.ListDynamicFieldsResponse {
  const mask = parseFieldMask(GrpcTypes.DynamicField, request.readMask, DYNAMIC_FIELD_DEFAULTS);
  const parent = requiredId('parent', request.parent);
  const page = ledger.listDynamicFields({
    parent,
    cursor: decodePageToken('ListDynamicFields', request.pageToken),
    limit: pageSizeOf(request.pageSize),
  });
  return {
    dynamicFields: page.items.map((entry) =>
      applyFieldMask(GrpcTypes.DynamicField, renderDynamicField(ledger, parent, entry, mask), mask),
    ),
    nextPageToken: tokenOf('ListDynamicFields', page.nextCursor),
  };
}

function renderDynamicField(
  ledger: LedgerApi,
  parent: string,
  entry: DynamicFieldEntry,
  mask: FieldMask,
): GrpcTypes.DynamicField {
  const Kind = GrpcTypes.DynamicField_DynamicFieldKind;
  return {
    kind: entry.kind === 'object' ? Kind.OBJECT : Kind.FIELD,
    parent,
    fieldId: entry.fieldId,
    fieldObject: selects(mask, 'field_object') ? renderLive(ledger, entry.fieldId, mask, 'field_object') : undefined,
    name: { name: entry.nameType, value: entry.nameBytes },
    value: { name: entry.valueType, value: entry.valueBytes },
    valueType: entry.valueType,
    childId: entry.childId,
    childObject: selects(mask, 'child_object') ? renderLive(ledger, entry.childId, mask, 'child_object') : undefined,
  };
}

function renderLive(
  ledger: LedgerApi,
  id: DynamicFieldEntry['childId'],
  mask: FieldMask,
  field: string,
): GrpcTypes.Object | undefined {
  const object = id === undefined ? undefined : ledger.getObject(id);
  return object === undefined ? undefined : renderObject(object, maskOf(mask, field));
}

function getBalance(ledger: LedgerApi, request: GrpcTypes.GetBalanceRequest): GrpcTypes.GetBalanceResponse {
  const owner = requiredId('owner', request.owner);
  return { balance: renderBalance(ledger.balance(owner, requiredType('coin_type', request.coinType))) };
}

function listBalances(ledger: LedgerApi, request: GrpcTypes.ListBalancesRequest): GrpcTypes.ListBalancesResponse {
  const page = ledger.listBalances({
    owner: requiredId('owner', request.owner),
    cursor: decodePageToken('ListBalances', request.pageToken),
    limit: pageSizeOf(request.pageSize),
  });
  return {
    balances: page.items.map(renderBalance),
    nextPageToken: tokenOf('ListBalances', page.nextCursor),
  };
}

/** The ledger keeps no address balances: all of a balance is in coins. */
function renderBalance({ coinType, balance }: CoinBalance): GrpcTypes.Balance {
  return { coinType, balance, coinBalance: balance, addressBalance: 0n };
}

function getCoinInfo(ledger: LedgerApi, request: GrpcTypes.GetCoinInfoRequest): GrpcTypes.GetCoinInfoResponse {
  const coinType = requiredType('coin_type', request.coinType);
  const info = ledger.coinInfo(coinType);
  if (info === undefined) throw rpcErrors.RPC_NOT_FOUND({ what: 'Coin type', id: coinType });
  return {
    coinType: info.coinType,
    metadata: {
      decimals: info.decimals,
      name: info.name,
      symbol: info.symbol,
      description: info.description,
    },
    treasury: { id: info.treasuryCapId, totalSupply: info.totalSupply },
  };
}

function tokenOf(scope: string, cursor: Uint8Array | undefined): Uint8Array | undefined {
  return cursor === undefined ? undefined : encodePageToken(scope, cursor);
}
