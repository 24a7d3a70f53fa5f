/**
 * `init`: what sets up and migrates the contracts. Walrus contract rules: init, upgrade, migration.
 *
 * A chain's genesis does what `initialize_walrus` does, in the newest version. So no `InitCap` is left that could be given
 * to it, and there is no older version to come from: these answer as the original does after its last migration.
 */
import { type Native, native, type Ref } from '../execution/call.ts';
import type { Staking } from './staking/state.ts';
import { CONTRACTS_VERSION } from '../packages.ts';
import type { System } from './system-state.ts';

export const initNatives: Readonly<Record<string, Native>> = {
  initialize_walrus: native((call) => call.abort('init', 'EInvalidUpgradeCap')),
  migrate: native((call) => call.abort('init', 'EDeprecatedFunction')),
  migrate_v2: native((call, staking: Ref<Staking>, system: Ref<System>) => {
    if (staking.value.version >= CONTRACTS_VERSION) call.abort('staking', 'EInvalidMigration');
    if (system.value.version >= CONTRACTS_VERSION) call.abort('system', 'EInvalidMigration');
    call.abort('init', 'EInvalidMigration');
  }),
};

export const migrationNatives: Readonly<Record<string, Native>> = {
  set_migration_epoch: native((call) => call.abort('staking', 'EInvalidMigration')),
};
