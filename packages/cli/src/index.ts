/** What other programs may use of the command line: the composition roots. */
export { startDevNetwork, type DevNetwork, type DevNetworkOptions } from './dev/network.ts';
export { findNetwork, parseNetwork, type NetworkDescription } from './network.ts';
export { createProgram, main } from './main.ts';
