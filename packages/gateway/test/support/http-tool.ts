/** Large transfers as a user makes them: with curl, or with Node.js where there is none. */
import { spawn, spawnSync } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { pipeline } from 'node:stream/promises';

export const HAS_CURL = spawnSync('curl', ['--version']).status === 0;

export interface Transfer {
  readonly url: string;
  /** Sent as the body of a PUT. */
  readonly upload?: string;
  /** Where the response's body goes. */
  readonly output: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly head?: boolean;
}

export interface Answer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
}

export function transfer(what: Transfer): Promise<Answer> {
  return HAS_CURL ? withCurl(what) : withNode(what);
}

async function withCurl({ url, upload, output, headers = {}, head }: Transfer): Promise<Answer> {
  const headerFile = `${output}.headers`;
  const args = ['--silent', '--show-error', '--dump-header', headerFile, '--output', output];
  if (upload !== undefined) args.push('--upload-file', upload);
  if (head === true) args.push('--head');
  for (const [name, value] of Object.entries(headers)) args.push('--header', `${name}: ${value}`);
  await runCurl([...args, url]);
  // Of several heads (100 Continue comes first) the last one counts.
  const heads = (await readFile(headerFile, 'latin1')).trim().split('\r\n\r\n');
  const [statusLine = '', ...lines] = (heads.at(-1) ?? '').split('\r\n');
  const pairs = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { status: Number(statusLine.split(' ')[1]), headers: new Map(pairs) };
}

/** Runs curl to its end; what it printed. */
export function runCurl(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('curl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let printed = '';
    let complaint = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`curl ended with ${code}: ${complaint}`));
    });
  });
}

async function withNode({ url, upload, output, headers = {}, head }: Transfer): Promise<Answer> {
  const method = upload !== undefined ? 'PUT' : head === true ? 'HEAD' : 'GET';
  const size = upload === undefined ? {} : { 'content-length': String((await stat(upload)).size) };
  return new Promise((resolve, reject) => {
    const sending = request(url, { method, headers: { ...headers, ...size } }, (response) => {
      const pairs = Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)]);
      const answer = { status: response.statusCode ?? 0, headers: new Map(pairs) };
      pipeline(response, createWriteStream(output)).then(() => resolve(answer), reject);
    });
    sending.on('error', reject);
    if (upload === undefined) sending.end();
    else pipeline(createReadStream(upload), sending).catch(reject);
  });
}
