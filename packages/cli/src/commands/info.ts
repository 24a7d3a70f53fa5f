/** `floe info`. */
import { encodedLength, geometryOf, maxBlobSize, storeCost } from '@floe/protocol';
import { formatBytes, formatCoin, type Output } from '../output.ts';
import { openSession } from '../session.ts';
import type { NetworkOptions } from './blob-options.ts';

/** Sizes whose price is shown, as examples. */
const EXAMPLE_SIZES = [1024, 1024 ** 2, 100 * 1024 ** 2] as const;

export async function runInfo(options: NetworkOptions, output: Output, signal: AbortSignal): Promise<void> {
  const session = await openSession(options);
  try {
    const { source, description } = session.network;
    const system = await session.client.systemState({ signal });
    const { current } = await session.client.committees({ signal });
    const geometry = geometryOf(system.nShards);
    const prices = EXAMPLE_SIZES.filter((size) => size <= maxBlobSize(geometry)).map((sizeBytes) => {
      const length = encodedLength(geometry, sizeBytes);
      return { sizeBytes, encodedSizeBytes: length, ...storeCost({ ...system, encodedLength: length, epochs: 1 }) };
    });
    output.line(`network      ${source}`);
    output.line(`ledger       ${description.ledger.url}`);
    if (description.gateway !== undefined) output.line(`gateway      ${description.gateway.aggregatorUrl}`);
    output.line(`epoch        ${system.epoch}; storage can be bought for ${system.maxEpochsAhead} epochs`);
    output.line(
      `shards       ${system.nShards} on ${current.members.length} nodes; any ${geometry.maxFaulty} may fail`,
    );
    output.line(`largest blob ${formatBytes(maxBlobSize(geometry))}`);
    output.line(
      `capacity     ${formatBytes(Number(system.usedCapacity))} of ${formatBytes(Number(system.totalCapacity))} used`,
    );
    output.line(
      `price        ${system.storagePrice} FROST per encoded MiB and epoch, ${system.writePrice} per encoded MiB written`,
    );
    for (const { sizeBytes, encodedSizeBytes, total } of prices) {
      output.line(
        `             ${formatBytes(sizeBytes)} (${formatBytes(encodedSizeBytes)} encoded) for one epoch: ${formatCoin(total, 'WAL')}`,
      );
    }
    for (const member of current.members) {
      const { url = '', region = '' } = description.nodes.find(({ nodeId }) => nodeId === member.nodeId) ?? {};
      output.line(`node         ${member.name}  ${member.shards.length} shards  ${region}  ${url}`);
    }
    output.result({
      network: source,
      epoch: system.epoch,
      maxEpochsAhead: system.maxEpochsAhead,
      nShards: system.nShards,
      maxFaultyShards: geometry.maxFaulty,
      maxBlobSizeBytes: maxBlobSize(geometry),
      totalCapacityBytes: system.totalCapacity,
      usedCapacityBytes: system.usedCapacity,
      storagePrice: system.storagePrice,
      writePrice: system.writePrice,
      examples: prices,
      nodes: current.members.map(({ nodeId, name, networkAddress, shards }) => ({
        nodeId,
        name,
        networkAddress,
        shards: shards.length,
      })),
    });
  } finally {
    await session.close();
  }
}
