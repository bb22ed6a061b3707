/**
 * Stands in for the index of `packages/wire` in a simulation (`simulate.ts` puts it there). On the memory net all who
 * are sent a message are given the same bytes, so what these bytes mean is worked out once for the whole mesh and
 * not by every peer: a decoder's answer depends on nothing else, and nobody changes one. The bytes' own contents are
 * compared, so that whoever wrote into them after all would get the right answer.
 */
import { equalBytes } from '@gradmesh/core'
import {
  decodeAttest as attestIn,
  decodeBlock as blockIn,
  decodeCertificate as certificateIn,
  decodeSignedDelta as signedDeltaIn,
  decodeVote as voteIn
} from '../../../packages/wire/src/index.ts'

export * from '../../../packages/wire/src/index.ts'

const remembering = <T>(decode: (bytes: Uint8Array) => T): ((bytes: Uint8Array) => T) => {
  const answers = new WeakMap<Uint8Array, { readonly bytes: Uint8Array; readonly answer: T }>()
  return bytes => {
    const known = answers.get(bytes)
    if (known !== undefined && equalBytes(known.bytes, bytes)) return known.answer
    const answer = decode(bytes)
    answers.set(bytes, { bytes: bytes.slice(), answer })
    return answer
  }
}

export const decodeAttest = remembering(attestIn)
export const decodeBlock = remembering(blockIn)
export const decodeCertificate = remembering(certificateIn)
export const decodeSignedDelta = remembering(signedDeltaIn)
export const decodeVote = remembering(voteIn)
