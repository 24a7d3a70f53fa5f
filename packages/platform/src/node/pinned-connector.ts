/**
 * TLS connections to servers that are known by their key: the handshake proves that the server holds the key of its
 * certificate, and that key must be the one expected. Names, dates and signers of the certificate add nothing to that.
 */
import type { TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';
import { equalBytes, toHex } from '../bytes.ts';
import { httpErrors } from '../http.ts';
import { compressedKey } from './tls-identity.ts';

/** For an undici agent; connections fail with `WRONG_SERVER_KEY` (integrity) unless the server has `serverKey`. */
export function pinnedConnector(serverKey: Uint8Array, timeoutMs: number): buildConnector.connector {
  const connect = buildConnector({
    timeout: timeoutMs,
    // The key is checked below, whoever signed for it.
    rejectUnauthorized: false,
    // A resumed session would not show the certificate again.
    maxCachedSessions: 0,
  });
  return (options, callback) => {
    connect(options, (...outcome) => {
      const [error, socket] = outcome;
      if (error !== null || options.protocol !== 'https:') {
        callback(...outcome);
        return;
      }
      const certificate = (socket as TLSSocket).getPeerX509Certificate();
      const key = certificate === undefined ? undefined : compressedKey(certificate.publicKey);
      if (key !== undefined && equalBytes(key, serverKey)) {
        callback(...outcome);
        return;
      }
      socket.destroy();
      const came = key === undefined ? 'no P-256 key' : toHex(key);
      callback(
        httpErrors.WRONG_SERVER_KEY({ server: options.host ?? options.hostname, expected: toHex(serverKey), came }),
        null,
      );
    });
  };
}
