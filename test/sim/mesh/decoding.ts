/**
 * Stands in for the index of `packages/wire` in a simulation (`simulate.ts` puts it there). What bytes mean is worked
 * out once for the whole mesh, and not by every peer each time it hears them or reads them from its disk: a decoder's
 * answer depends on the bytes alone, and nobody changes one. Answers are found by content, so that whoever wrote into
 * bytes after all would get the right one.
 */
import { toLatin1 } from '@gradmesh/core'
import {
  decodeAttest as attestIn,
  decodeBlock as blockIn,
  decodeCertificate as certificateIn,
  decodeGenesis as genesisIn,
  decodeSignedDeltaHeader as headerIn,
  decodeSignedDelta as signedDeltaIn,
  decodeVote as voteIn
} from '../../../packages/wire/src/index.ts'

export * from '../../../packages/wire/src/index.ts'

/** More than a schedule has of a kind, floods apart. */
const ANSWERS_MAX = 4_096

const remembering = <T>(decode: (bytes: Uint8Array) => T): ((bytes: Uint8Array) => T) => {
  const answers = new Map<string, T>()
  return bytes => {
    const text = toLatin1(bytes)
    const known = answers.get(text)
    if (known !== undefined) return known
    const answer = decode(bytes.slice())
    if (answers.size === ANSWERS_MAX) answers.clear()
    answers.set(text, answer)
    return answer
  }
}

export const decodeAttest = remembering(attestIn)
export const decodeBlock = remembering(blockIn)
export const decodeCertificate = remembering(certificateIn)
export const decodeGenesis = remembering(genesisIn)
export const decodeSignedDelta = remembering(signedDeltaIn)
export const decodeSignedDeltaHeader = remembering(headerIn)
export const decodeVote = remembering(voteIn)
