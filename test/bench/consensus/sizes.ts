/** What the simulation's messages weigh as the wire has them. */
import {
  type BlockHeader,
  bitmapOf,
  encodeBlock,
  encodeCertificate,
  encodeVote,
  PROTOCOL_VERSION,
  VoteKind
} from '@gradmesh/wire'
import type { Message } from '../../sim/types.ts'

const DIGEST = new Uint8Array(32)
const SIGNATURE = new Uint8Array(64)
const BODY = { epoch: 0, slot: 1_000, kind: VoteKind.NOTAR, blockId: DIGEST } as const
/** A request for a block or for news, with its frame. */
const REQUEST_BYTES = 64

const header: BlockHeader = {
  protocol: PROTOCOL_VERSION,
  chainId: DIGEST,
  epoch: 0,
  slot: 1_000,
  height: 1_000,
  parentSlot: 999,
  parentId: DIGEST,
  round: 1_000,
  transcriptRoot: DIGEST,
  stateRoot: DIGEST,
  validatorSetHash: DIGEST,
  rulesHash: DIGEST,
  reveal: DIGEST,
  bodyHash: DIGEST
}

const VOTE = encodeVote({ ...BODY, validator: 0, signature: SIGNATURE }).length
const BLOCK = encodeBlock({
  header,
  body: { deltas: [], attests: [], keys: [], scores: [], txs: [], evidence: [] },
  signature: SIGNATURE
}).length

const certificateBytes = (validators: number, signers: number): number =>
  encodeCertificate({
    ...BODY,
    bitmap: bitmapOf(
      validators,
      Array.from({ length: signers }, (_, i) => i)
    ),
    signatures: Array.from({ length: signers }, () => SIGNATURE)
  }).length

const certificates = new Map<string, number>()

export const bytesOf = (message: Message, validators: number): number => {
  switch (message.type) {
    case 'vote':
      return VOTE
    case 'block':
      return BLOCK
    case 'certificate': {
      const key = `${validators}/${message.certificate.signatures.length}`
      const known =
        certificates.get(key) ?? certificateBytes(validators, message.certificate.signatures.length)
      certificates.set(key, known)
      return known
    }
    case 'final':
      return (
        message.blocks.length * BLOCK + certificateBytes(validators, message.certificate.signatures.length)
      )
    default:
      return REQUEST_BYTES
  }
}
