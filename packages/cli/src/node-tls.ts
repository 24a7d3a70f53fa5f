/**
 * How a storage node is known on its connections: by its network key, in a certificate that it signs itself or that an
 * authority signed (Walrus node rules: TLS).
 */
import { readFile } from 'node:fs/promises';
import type { Logger, Scheduler } from '@floe/platform';
import {
  createCertifiedIdentity,
  createSelfSignedIdentity,
  type ListeningServer,
  type TlsIdentity,
} from '@floe/platform/node';
import { networkKeyName } from '@floe/protocol';
import { cliErrors, systemErrorCode } from './errors.ts';
import { networkPublicKeyOf } from './keys.ts';
import { CERTIFICATE_RELOAD_MS } from './limits.ts';
import type { NodeConfig } from './node-config.ts';

/** Undefined for a node that serves without TLS. @throws FILE_UNREADABLE, CERTIFICATE_UNUSABLE */
export async function tlsIdentityOf(config: NodeConfig): Promise<TlsIdentity | undefined> {
  const { networkSecretKey: secretKey, certificateFile, address, listen } = config;
  if (secretKey === undefined) return undefined;
  if (certificateFile !== undefined) {
    return createCertifiedIdentity({ secretKey, chain: await readCertificate(certificateFile) });
  }
  const commonName = networkKeyName(networkPublicKeyOf(secretKey));
  const isAnyHost = listen.host === '0.0.0.0' || listen.host === '::';
  const publicHost = address?.slice(0, address.lastIndexOf(':')).replaceAll(/^\[|\]$/g, '');
  return createSelfSignedIdentity({
    secretKey,
    commonName,
    hosts: [...(publicHost === undefined ? [] : [publicHost]), ...(isAnyHost ? [] : [listen.host])],
  });
}

/** Shows a certificate that was renewed in its file to new connections, until `signal` aborts; never rejects. */
export async function followCertificate(
  config: NodeConfig,
  server: Pick<ListeningServer, 'useIdentity'>,
  modules: { readonly scheduler: Scheduler; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<void> {
  const { scheduler, logger, signal } = modules;
  const { certificateFile, networkSecretKey: secretKey } = config;
  if (certificateFile === undefined || secretKey === undefined) return;
  let shown = await readCertificate(certificateFile).catch(() => '');
  for (;;) {
    try {
      await scheduler.sleep(CERTIFICATE_RELOAD_MS, signal);
      const chain = await readCertificate(certificateFile);
      if (chain === shown) continue;
      server.useIdentity(createCertifiedIdentity({ secretKey, chain }));
      shown = chain;
      logger.info('shows a new certificate', { certificateFile });
    } catch (error) {
      if (signal.aborted) return;
      logger.warn('the certificate was not renewed; the one before it goes on', { certificateFile, error });
    }
  }
}

async function readCertificate(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw cliErrors.FILE_UNREADABLE({ path, detail: systemErrorCode(error) ?? String(error) }, error);
  }
}
