/**
 * Who votes in an epoch, shown to somebody who knows only who voted in the one before. Every peer keeps one
 * proof an epoch, about 20 KB; a newcomer walks along them from the genesis.
 */
import { equalBytes, type Fault, isFault } from '@gradmesh/core'
import { decodeSets, genesisSets, provenSets, type Sets } from '@gradmesh/ledger'
import type { Net, PeerKey } from '@gradmesh/net'
import type { ChainStore } from '@gradmesh/store'
import {
  blockIdOf,
  type Digest,
  decodeEpochProof,
  type EpochProof,
  encodeEpochProof,
  encodeGetRequest,
  type Genesis,
  VoteKind
} from '@gradmesh/wire'
import type { Context } from '../context.ts'
import { type FaultCode, peerFault } from '../faults.ts'
import { Epoch, Epochs } from '../round/epochs.ts'
import { PROTOCOLS } from '../topics.ts'

const TIMEOUT_MS = 10_000

const nameOf = (epoch: number): string => `epoch/${epoch}`

export const keepSetsProof = (chain: ChainStore, proof: EpochProof): Promise<void> =>
  chain.putMeta(nameOf(proof.header.epoch), encodeEpochProof(proof))

export const setsProofAt = (chain: ChainStore, epoch: number): Promise<Uint8Array | undefined> =>
  chain.meta(nameOf(epoch))

/** The sets of `epoch` and the next. Faults: SYNC_CERTIFICATE, SYNC_EPOCH, LEDGER_SETS, LEDGER_SETS_ROOT. */
const checkEpochProof = async (
  { header, certificate, ...proof }: EpochProof,
  epoch: number,
  epochs: Epochs,
  chainId: Digest
): Promise<Sets | Fault<FaultCode>> => {
  if (header.epoch !== epoch) return peerFault('SYNC_EPOCH', `epoch ${header.epoch}, ${epoch} was asked for`)
  const isOfHeader = equalBytes(certificate.blockId, blockIdOf(header)) && certificate.epoch === header.epoch
  if (!isOfHeader || certificate.kind !== VoteKind.FINAL) return peerFault('SYNC_CERTIFICATE')
  if ((await epochs.at(epoch)?.certifies(certificate, chainId)) !== true) return peerFault('SYNC_CERTIFICATE')
  const sets = provenSets(proof, header.stateRoot)
  if (isFault(sets)) return sets
  return (sets as Sets).epoch === epoch ? sets : peerFault('SYNC_EPOCH')
}

/**
 * The sets until `isThere` holds, proof by proof from the genesis; undefined when a proof is not to be had before.
 * `ask` answers with the bytes of the proof of an epoch, from any source; `onProof` sees each that holds.
 */
export const walkEpochs = async (
  { genesis, chainId }: { readonly genesis: Genesis; readonly chainId: Digest },
  isThere: (epochs: Epochs) => boolean,
  ask: (epoch: number) => AsyncIterable<Uint8Array>,
  onProof: (proof: EpochProof, sets: Sets) => Promise<void>,
  onFault: (fault: Fault<FaultCode>) => void
): Promise<Epochs | undefined> => {
  const epochs = new Epochs(genesisSets(genesis), null)
  while (!isThere(epochs)) {
    const before = epochs.running.number
    for await (const bytes of ask(before + 1)) {
      const proof = decodeEpochProof(bytes)
      const sets = isFault(proof)
        ? proof
        : await checkEpochProof(proof as EpochProof, before + 1, epochs, chainId)
      if (isFault(sets)) {
        onFault(sets as Fault<FaultCode>)
        continue
      }
      epochs.turn(sets as Sets)
      await onProof(proof as EpochProof, sets as Sets)
      break
    }
    if (epochs.running.number === before) return undefined
  }
  return epochs
}

/** Undefined where the peer has none, or does not answer. */
export const askSetsProof = async (
  net: Net,
  source: PeerKey,
  epoch: number
): Promise<Uint8Array | undefined> => {
  const reply = await net
    .request(source, PROTOCOLS.get.name, encodeGetRequest({ what: 'epoch', epoch }), {
      timeoutMs: TIMEOUT_MS,
      maxReplyBytes: PROTOCOLS.get.replyBytes
    })
    .catch(() => undefined)
  return reply === undefined || reply.length === 0 ? undefined : reply
}

/** Asks these peers, one after the other, and keeps what holds for those who come later. */
export const fetchEpochs = (
  context: Context,
  epoch: number,
  sources: readonly PeerKey[]
): Promise<Epochs | undefined> => {
  const { net, chain, faults } = context
  async function* ask(wanted: number): AsyncGenerator<Uint8Array> {
    for (const source of sources) {
      const reply = await askSetsProof(net, source, wanted)
      if (reply !== undefined) yield reply
    }
  }
  return walkEpochs(
    context,
    epochs => epochs.at(epoch) !== undefined,
    ask,
    proof => keepSetsProof(chain, proof),
    fault => void faults.count(fault)
  )
}

/** The epoch of a final block, however long ago; undefined where this peer has no proof of it. */
export const recallEpoch = async (
  { epochs, genesis, chain, keys }: Pick<Context, 'epochs' | 'genesis' | 'chain' | 'keys'>,
  number: number
): Promise<Epoch | undefined> => {
  const known = epochs.at(number)
  if (known !== undefined) return known
  if (number === 0) return new Epoch(0, genesisSets(genesis).running, keys.publicKey)
  const bytes = await setsProofAt(chain, number)
  const proof = bytes === undefined ? undefined : decodeEpochProof(bytes)
  if (proof === undefined || isFault(proof)) return undefined
  const sets = decodeSets((proof as EpochProof).sets)
  return isFault(sets) ? undefined : new Epoch(number, (sets as Sets).running, keys.publicKey)
}
