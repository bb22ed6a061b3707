/** Every single bit of every fixed-binary message matters: flipped, the message is refused or its signature is. */
import { equalBytes, isFault, sha256, utf8 } from '@gradmesh/core'
import t from 'tap'
import * as wire from '../src/index.ts'

const keyPair = wire.keyPairFromSeed(sha256(utf8('bit flips')))
const keys = [keyPair.publicKey]
const validators = [{ key: keyPair.publicKey, stake: 5n }]
const chainId = sha256(utf8('mesh'))
const digest = sha256(utf8('digest'))
const payload = utf8('payload')

const vote = wire.signVote(
  { epoch: 1, slot: 0x01020304, kind: wire.VoteKind.NOTAR, blockId: digest },
  0,
  chainId,
  keyPair
)
const attest = wire.signAttest(
  { epoch: 1, round: 7, base: digest, setHash: chainId, bitmap: wire.bitmapOf(9, [0, 3, 8]) },
  0,
  chainId,
  keyPair
)
const header: wire.DeltaHeader = {
  protocol: wire.PROTOCOL_VERSION,
  trainer: keyPair.publicKey,
  round: 7,
  base: digest,
  steps: 10,
  payloadBytes: payload.length,
  payloadHash: sha256(payload)
}
const signed = wire.signDeltaHeader(header, chainId, keyPair)

interface Case<T extends object> {
  readonly name: string
  readonly bytes: Uint8Array
  readonly decode: (bytes: Uint8Array) => T | ReturnType<typeof wire.decodeVote>
  readonly encode: (value: T) => Uint8Array
  readonly verify: (value: T) => boolean
}

const check = <T extends object>({ name, bytes, decode, encode, verify }: Case<T>) =>
  t.test(name, async t => {
    const whole = decode(bytes)
    if (isFault(whole) || !verify(whole as T)) return t.fail('the message itself is good')
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const flipped = Uint8Array.from(bytes)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      const value = decode(flipped)
      if (isFault(value)) continue
      if (!equalBytes(encode(value as T), flipped)) t.fail(`bit ${bit}: decoded, but re-encodes differently`)
      if (verify(value as T)) t.fail(`bit ${bit}: still passes`)
    }
    t.pass(`${8 * bytes.length} flips`)
  })

check({
  name: 'vote',
  bytes: wire.encodeVote(vote),
  decode: wire.decodeVote,
  encode: wire.encodeVote,
  verify: value => wire.verifyVote(value as wire.Vote, keys, chainId)
})
check({
  name: 'certificate',
  bytes: wire.encodeCertificate(wire.certificateFromVotes([vote], 1)),
  decode: wire.decodeCertificate as never,
  encode: wire.encodeCertificate,
  verify: (value: wire.Certificate) => wire.verifyCertificate(value, validators, chainId)
})
check({
  name: 'attest',
  bytes: wire.encodeAttest(attest),
  decode: wire.decodeAttest as never,
  encode: wire.encodeAttest,
  verify: (value: wire.Attest) => wire.verifyAttest(value, keys, chainId)
})
check({
  name: 'delta header',
  bytes: wire.encodeSignedDeltaHeader(signed),
  decode: wire.decodeSignedDeltaHeader as never,
  encode: wire.encodeSignedDeltaHeader,
  verify: (value: wire.SignedDeltaHeader) => wire.verifyDeltaHeader(value, chainId)
})
check({
  name: 'delta',
  bytes: wire.encodeSignedDelta({ ...signed, payload }),
  decode: wire.decodeSignedDelta as never,
  encode: wire.encodeSignedDelta,
  verify: (value: wire.SignedDelta) => wire.verifyDeltaHeader(value, chainId)
})
