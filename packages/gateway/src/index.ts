export {
  createGateway,
  DEFAULT_ALLOWED_HEADERS,
  type Gateway,
  type GatewayModules,
  type GatewayOptions,
} from './gateway.ts';
export { gatewayErrors } from './errors.ts';
export * from './limits.ts';
