/**
 * Certificates for a thread that must not stand still: the signatures of a large one are checked on libuv's threads, by
 * the same rules. OpenSSL's yes is a yes; its no is asked again of `verifyBytes`, here.
 */
import { verify } from 'node:crypto'
import {
  type Certificate,
  type Digest,
  openSslKey,
  type PublicKey,
  type Signature,
  signersOf,
  verifyBytes,
  verifyCertificate,
  voteSigningBytes
} from '@gradmesh/wire'

/** A check takes some 60 microseconds: so many take 2.4 ms of a thread. */
const AT_ONCE = 40

/** `verifyCertificate`, a batch at a time, so that a forged one costs a batch. The answer to a small one comes at once. */
export const verifyCertificateBeside = (
  certificate: Certificate,
  validators: Parameters<typeof verifyCertificate>[1],
  chainId: Digest
): boolean | Promise<boolean> =>
  certificate.signatures.length <= AT_ONCE
    ? verifyCertificate(certificate, validators, chainId)
    : inBatches(certificate, signersOf(certificate, validators), chainId)

const inBatches = async (
  certificate: Certificate,
  keys: readonly PublicKey[] | undefined,
  chainId: Digest
): Promise<boolean> => {
  if (keys === undefined) return false
  const message = voteSigningBytes(certificate, chainId)
  for (let first = 0; first < keys.length; first += AT_ONCE) {
    const batch = keys.slice(first, first + AT_ONCE)
    const checks = batch.map((key, i) => verifyBeside(message, certificate.signatures[first + i]!, key))
    if ((await Promise.all(checks)).includes(false)) return false
  }
  return true
}

/** What `verifyBytes` says. */
export const verifyBeside = async (
  message: Uint8Array,
  signature: Signature,
  publicKey: PublicKey
): Promise<boolean> => {
  const key = openSslKey(publicKey)
  const isYes =
    key !== undefined &&
    (await new Promise<boolean>(resolve =>
      verify(null, message, key, signature, (error, isValid) => resolve(error === null && isValid))
    ))
  return isYes || verifyBytes(message, signature, publicKey)
}
