/**
 * `MovePackageService`: what the packages declare. The contracts are built in: a module's contents say so instead of
 * holding bytecode, and every package has one version.
 */
import { GrpcTypes } from '@mysten/sui/grpc';
import { type PackageName, packageAt } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';
import type { LedgerApi } from '../../api.ts';
import { BUILT_IN, dependenciesOf, modulesOf } from '../../packages.ts';
import { required, requiredId } from '../arguments.ts';
import { rpcErrors } from '../errors.ts';
import { decodePageToken } from '../page-token.ts';
import { renderDatatype, renderFunction } from '../rendering/signatures.ts';
import type { RpcService } from '../service.ts';

const ONLY_VERSION = 1n;

export function createMovePackageService(ledger: LedgerApi): RpcService {
  return {
    descriptor: GrpcTypes.MovePackageService,
    unary: {
      GetPackage: (request: GrpcTypes.GetPackageRequest) => getPackage(ledger, request),
      GetDatatype: (request: GrpcTypes.GetDatatypeRequest) => getDatatype(ledger, request),
      GetFunction: (request: GrpcTypes.GetFunctionRequest) => getFunction(ledger, request),
      ListPackageVersions: (request: GrpcTypes.ListPackageVersionsRequest) => listPackageVersions(ledger, request),
    },
    streams: {},
  };
}

function getPackage(ledger: LedgerApi, request: GrpcTypes.GetPackageRequest): GrpcTypes.GetPackageResponse {
  const { addresses } = ledger.chain;
  const { id, name } = requiredPackage(ledger, request.packageId);
  const modules = modulesOf(name);
  return {
    package: {
      storageId: id,
      originalId: id,
      version: ONLY_VERSION,
      modules: modules.map((module) => ({
        name: module.name,
        contents: BUILT_IN,
        datatypes: module.datatypes.map((declared) => renderDatatype(declared, addresses)),
        functions: module.functions.map((signature) => renderFunction(signature, addresses)),
      })),
      typeOrigins: modules.flatMap((module) =>
        module.datatypes.map((declared) => ({ moduleName: module.name, datatypeName: declared.name, packageId: id })),
      ),
      linkage: dependenciesOf(name).map((other) => ({
        originalId: addresses[other],
        upgradedId: addresses[other],
        upgradedVersion: ONLY_VERSION,
      })),
    },
  };
}

function getDatatype(ledger: LedgerApi, request: GrpcTypes.GetDatatypeRequest): GrpcTypes.GetDatatypeResponse {
  const { packageId, module, name } = requiredName(request);
  const declared = ledger.packageDatatype(packageId, module, name);
  if (declared === undefined)
    throw rpcErrors.RPC_NOT_FOUND({ what: 'Datatype', id: nameText(packageId, module, name) });
  return { datatype: renderDatatype(declared, ledger.chain.addresses) };
}

function getFunction(ledger: LedgerApi, request: GrpcTypes.GetFunctionRequest): GrpcTypes.GetFunctionResponse {
  const { packageId, module, name } = requiredName(request);
  const signature = ledger.packageFunction(packageId, module, name);
  if (signature === undefined)
    throw rpcErrors.RPC_NOT_FOUND({ what: 'Function', id: nameText(packageId, module, name) });
  return { function: renderFunction(signature, ledger.chain.addresses) };
}

function listPackageVersions(
  ledger: LedgerApi,
  request: GrpcTypes.ListPackageVersionsRequest,
): GrpcTypes.ListPackageVersionsResponse {
  const { id } = requiredPackage(ledger, request.packageId);
  // One page holds all there is, so no token of this list was ever given out.
  decodePageToken('ListPackageVersions', request.pageToken);
  return { versions: [{ packageId: id, version: ONLY_VERSION }] };
}

function requiredPackage(ledger: LedgerApi, text: string | undefined): { id: ObjectId; name: PackageName } {
  const id = requiredId('package_id', text);
  const name = packageAt(id, ledger.chain.addresses);
  if (name === undefined) throw rpcErrors.RPC_NOT_FOUND({ what: 'Package', id });
  return { id, name };
}

function requiredName(request: GrpcTypes.GetFunctionRequest | GrpcTypes.GetDatatypeRequest) {
  return {
    packageId: requiredId('package_id', request.packageId),
    module: required('module_name', request.moduleName),
    name: required('name', request.name),
  };
}

function nameText(packageId: ObjectId, module: string, name: string): string {
  return `${packageId}::${module.slice(0, 128)}::${name.slice(0, 128)}`;
}
