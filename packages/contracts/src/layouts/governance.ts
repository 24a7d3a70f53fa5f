/** BCS layouts of authorisation, votes for upgrades and votes for slashing. */
import { bcs } from '@mysten/sui/bcs';
import { bytes, epoch, id, table, u16, u64, u8 } from '../move-values.ts';

/** Who calls; never stored. */
export const Authenticated = bcs.enum('Authenticated', { Sender: id, Object: id });

export const UpgradeCap = bcs.struct('UpgradeCap', { id, package: id, version: u64, policy: u8 });

/** The shared object `upgrade::UpgradeManager`. */
export const UpgradeManager = bcs.struct('UpgradeManager', { id, cap: UpgradeCap, upgradeProposals: table });

export const UpgradeProposal = bcs.struct('UpgradeProposal', {
  epoch,
  digest: bytes,
  version: u64,
  votingWeight: u16,
  voters: bcs.vector(id),
});

export const EmergencyUpgradeCap = bcs.struct('EmergencyUpgradeCap', { id, upgradeManagerId: id });

/** The shared object `slashing::SlashingManager`. */
export const SlashingManager = bcs.struct('SlashingManager', { id, slashingCandidates: table });

export const SlashingProposal = bcs.struct('SlashingProposal', {
  epoch,
  nodeId: id,
  votingWeight: u16,
  voters: bcs.vector(id),
});

export type Authenticated = typeof Authenticated.$inferType;
export type UpgradeManager = typeof UpgradeManager.$inferType;
export type UpgradeProposal = typeof UpgradeProposal.$inferType;
export type EmergencyUpgradeCap = typeof EmergencyUpgradeCap.$inferType;
export type SlashingManager = typeof SlashingManager.$inferType;
export type SlashingProposal = typeof SlashingProposal.$inferType;
