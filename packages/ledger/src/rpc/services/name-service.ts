/** `NameService`: this ledger gives no names to addresses, so that every look-up finds nothing. */
import { GrpcTypes } from '@mysten/sui/grpc';
import { required, requiredId } from '../arguments.ts';
import { rpcErrors } from '../errors.ts';
import type { RpcService } from '../service.ts';

export function createNameService(): RpcService {
  return {
    descriptor: GrpcTypes.NameService,
    unary: {
      LookupName: (request: GrpcTypes.LookupNameRequest) => {
        throw rpcErrors.RPC_NOT_FOUND({ what: 'Name', id: required('name', request.name).slice(0, 128) });
      },
      ReverseLookupName: (request: GrpcTypes.ReverseLookupNameRequest) => {
        throw rpcErrors.RPC_NOT_FOUND({ what: 'Name of', id: requiredId('address', request.address) });
      },
    },
    streams: {},
  };
}
