import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formType, parseQuiltForm } from '../src/multipart.ts';

async function upload(body: BodyInit, headers: Record<string, string> = {}): Promise<unknown> {
  const request = new Request('http://gateway/v1/quilts', { method: 'PUT', body, headers });
  return await parseQuiltForm(formType(request), new Uint8Array(await request.arrayBuffer()));
}

function form(fields: readonly (readonly [string, string | Uint8Array])[]): FormData {
  const result = new FormData();
  for (const [name, value] of fields) {
    result.append(name, typeof value === 'string' ? value : new Blob([value as Uint8Array<ArrayBuffer>]));
  }
  return result;
}

const boundary = { 'content-type': 'multipart/form-data; boundary=xyz' };

describe('the form of a quilt', () => {
  it('keeps every byte of binary fields, and their order', async () => {
    const field = fc.tuple(fc.stringMatching(/^[a-z][\w./ -]{0,20}\w$/), fc.uint8Array({ maxLength: 200 }));
    const fields = fc.uniqueArray(field, { minLength: 1, maxLength: 8, selector: ([name]) => name });
    await fc.assert(
      fc.asyncProperty(fields, async (given) => {
        const patches = (await upload(form(given))) as { identifier: string; contents: Uint8Array }[];
        expect(patches.map(({ identifier, contents }) => [identifier, [...contents]])).toEqual(
          given.map(([name, contents]) => [name, [...contents]]),
        );
      }),
    );
  });

  it('takes names outside ASCII', async () => {
    expect(await upload(form([['größe.txt', 'x']]))).toMatchObject([{ identifier: 'größe.txt' }]);
  });

  it.each([
    ['no fields', form([]), {}],
    ['only metadata', form([['_metadata', '[]']]), {}],
    [
      'two fields of one name',
      form([
        ['a', '1'],
        ['a', '2'],
      ]),
      {},
    ],
    [
      'metadata that is no JSON',
      form([
        ['a', '1'],
        ['_metadata', '{'],
      ]),
      {},
    ],
    [
      'metadata that is no list',
      form([
        ['a', '1'],
        ['_metadata', '{}'],
      ]),
      {},
    ],
    [
      'metadata as a file',
      form([
        ['a', '1'],
        ['_metadata', new Uint8Array([91, 93])],
      ]),
      {},
    ],
    [
      'metadata of null',
      form([
        ['a', '1'],
        ['_metadata', '[null]'],
      ]),
      {},
    ],
    [
      'tags that are no object',
      form([
        ['a', '1'],
        ['_metadata', '[{"identifier":"a","tags":[1]}]'],
      ]),
      {},
    ],
    [
      'metadata without identifier',
      form([
        ['a', '1'],
        ['_metadata', '[{"tags":{}}]'],
      ]),
      {},
    ],
    [
      'metadata of another field',
      form([
        ['a', '1'],
        ['_metadata', '[{"identifier":"b"}]'],
      ]),
      {},
    ],
    [
      'metadata twice for one',
      form([
        ['a', '1'],
        ['_metadata', '[{"identifier":"a"},{"identifier":"a"}]'],
      ]),
      {},
    ],
    ['no multipart type', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['no boundary', 'x', { 'content-type': 'multipart/form-data;' }],
    ['an empty body', '', boundary],
    ['a body without the boundary', 'hello', boundary],
    ['a body cut in a part', '--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\nhel', boundary],
    ['a body without its end', '--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\nhello\r\n--xyz', boundary],
  ])('refuses %s', async (_what, body, headers) => {
    await expect(upload(body, headers)).rejects.toMatchObject({ code: 'MALFORMED_REQUEST', kind: 'invalid' });
  });

  it('never fails in another way, whatever the bytes', async () => {
    const line = fc.constantFrom('--xyz', '--xyz--', 'Content-Disposition: form-data; name="a"', '', 'text', '\0\n"');
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
        const outcome = await upload(lines.join('\r\n'), boundary).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'MALFORMED_REQUEST' });
      }),
    );
  });
});
