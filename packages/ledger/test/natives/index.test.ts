import { functionSignatures } from '@floe/contracts';
import { expect, test } from 'vitest';
import { createNatives } from '../../src/natives/index.ts';

test('every declared function runs, but those that return references, which transactions cannot call', () => {
  const natives = createNatives();
  const without = functionSignatures
    .filter(({ returns }) => returns.every(({ ref }) => ref === 'value'))
    // Inner workings of the contracts, which no transaction can use: they take what only a returned reference gives, or
    // keep what only the contracts keep.
    .filter(({ module }) => !['storage_accounting', 'extended_field', 'apportionment_queue'].includes(module))
    .map((declared) => `${declared.package}::${declared.module}::${declared.name}`)
    .filter((name) => !natives.has(name));
  expect(without).toEqual([]);
});
