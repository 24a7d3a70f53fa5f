/** `MovePackageService`: the signatures of what transactions can call. */
import { GrpcTypes } from '@mysten/sui/grpc';
import type { LedgerApi } from '../../api.ts';
import { required, requiredId } from '../arguments.ts';
import { rpcErrors } from '../errors.ts';
import { renderFunction } from '../rendering/signatures.ts';
import type { RpcService } from '../service.ts';

export function createMovePackageService(ledger: LedgerApi): RpcService {
  return {
    descriptor: GrpcTypes.MovePackageService,
    unary: { GetFunction: (request: GrpcTypes.GetFunctionRequest) => getFunction(ledger, request) },
    streams: {},
  };
}

function getFunction(ledger: LedgerApi, request: GrpcTypes.GetFunctionRequest): GrpcTypes.GetFunctionResponse {
  const packageId = requiredId('package_id', request.packageId);
  const module = required('module_name', request.moduleName);
  const name = required('name', request.name);
  const signature = ledger.packageFunction(packageId, module, name);
  if (signature === undefined) {
    const id = `${packageId}::${module.slice(0, 128)}::${name.slice(0, 128)}`;
    throw rpcErrors.RPC_NOT_FOUND({ what: 'Function', id });
  }
  return { function: renderFunction(signature, ledger.chain.addresses) };
}
