/**
 * What the vote is told by others: votes, certificates and blocks, each checked for its form, its author, its epoch
 * and its slot before it becomes an input. Gossip offers bytes, and hears whether others need them too; sync and
 * requests bring what is decoded already.
 */
import { BLOCKS_PER_SLOT, type Input, SLOTS_AHEAD, SLOTS_BELOW_FINAL } from '@gradmesh/consensus'
import { type Fault, isFault, toHex } from '@gradmesh/core'
import {
  type Block,
  BOUNDS,
  blockIdOf,
  type Certificate,
  decodeBlock,
  decodeCertificate,
  decodeVote,
  type Vote,
  verifyBlockSignature,
  verifyVote
} from '@gradmesh/wire'
import type { Context } from '../context.ts'
import { Echoes } from '../echoes.ts'
import { type FaultCode, peerFault } from '../faults.ts'
import type { Held } from '../holding.ts'
import type { Ledger } from '../state/ledger.ts'
import { blockRef } from './consensus-config.ts'
import type { Epoch } from './epochs.ts'
import type { Evidences } from './evidences.ts'
import type { Spreading } from './spreading.ts'

/** Votes and blocks are repeated every second by their authors; who says them more often is not them. */
const ECHO_MS = 500

/** The vote as it stands: what is open in it, and where inputs go. */
export interface Voting {
  readonly frontier: number
  /** Whose votes count now. */
  readonly epoch: Epoch
  readonly isRunning: boolean
  /** `epoch`: for a block, whose input names none. */
  input(input: Input, epoch?: number): void
}

/** What is wrong with an input, if anything, perhaps after a while. */
type Taken = Fault<FaultCode> | null | Promise<Fault<FaultCode> | null>

export class Admitting {
  readonly #context: Context
  readonly #ledger: Ledger
  readonly #evidences: Evidences
  readonly #spreading: Spreading
  readonly #voting: Voting
  readonly #heard: Echoes
  /** First sight of each live block, on the peer's clock. */
  readonly #seenMs = new Map<string, number>()

  constructor(context: Context, ledger: Ledger, evidences: Evidences, spreading: Spreading, voting: Voting) {
    this.#context = context
    this.#ledger = ledger
    this.#evidences = evidences
    this.#spreading = spreading
    this.#voting = voting
    this.#heard = new Echoes(context.clock, ECHO_MS)
  }

  held(blocks: number): readonly Held[] {
    return [
      { what: 'first sights', entries: this.#seenMs.size, max: blocks },
      this.#heard.held('votes and blocks passed on')
    ]
  }

  /** When a live block was first seen, for the time to finality. */
  firstSeenMs(id: string): number | undefined {
    return this.#seenMs.get(id)
  }

  prune(): void {
    for (const id of this.#seenMs.keys()) if (this.#ledger.block(id) === undefined) this.#seenMs.delete(id)
  }

  // ------------------------------------------------------------- votes

  offerVote(bytes: Uint8Array): Fault<FaultCode> | null {
    const vote = decodeVote(bytes)
    return isFault(vote) ? vote : (this.takeVote(vote) ?? this.#gossipOf(vote))
  }

  takeVote(vote: Vote): Fault<FaultCode> | null {
    const epoch = this.#context.epochs.at(vote.epoch)
    if (epoch === undefined) return peerFault('EPOCH_UNKNOWN')
    if (!verifyVote(vote, epoch.keys, this.#context.chainId)) return peerFault('WIRE_SIGNATURE')
    this.#voting.input({ type: 'vote', vote })
    return null
  }

  /** Whether others need to hear a vote that was taken here: those of slots that are open, and not too often. */
  #gossipOf({ epoch, slot, kind, validator }: Vote): Fault<FaultCode> | null {
    const { settled, last } = this.#slotsOf(this.#context.epochs.at(epoch)!)
    if (slot < settled - SLOTS_BELOW_FINAL) return peerFault('VOTE_PAST')
    if (slot > last) return peerFault('VOTE_EARLY')
    return this.#heard.isEcho(`${epoch}/${slot}/${kind}/${validator}`) ? peerFault('VOTE_KNOWN') : null
  }

  /** The slots of an epoch that are open here: above `settled`, up to `last`. */
  #slotsOf({ number }: Epoch): { readonly settled: number; readonly last: number } {
    const { header, slot, accounts } = this.#ledger.final
    const gap = BOUNDS.slotsBetweenEpochs
    if (number < accounts.epoch) return { settled: Number.POSITIVE_INFINITY, last: 0 }
    return {
      settled: number > (header?.epoch ?? 0) ? slot + gap - 1 : slot,
      last: this.#voting.frontier + SLOTS_AHEAD + (number > this.#voting.epoch.number ? gap : 0)
    }
  }

  // ------------------------------------------------------------- certificates

  offerCertificate(bytes: Uint8Array): Taken {
    const certificate = decodeCertificate(bytes)
    return isFault(certificate) ? certificate : this.takeCertificate(certificate)
  }

  /**
   * The signatures of a large one are checked on other threads, and what comes behind it does not wait: the network
   * might have brought the two in either order. So whether it is still wanted is asked again afterwards; a forged one is
   * told as that, whatever came meanwhile.
   */
  takeCertificate(certificate: Certificate): Taken {
    const { epochs, chainId } = this.#context
    const wrong = this.#unwanted(certificate)
    if (wrong !== null) return wrong
    const epoch = epochs.at(certificate.epoch)
    if (epoch === undefined) return peerFault('EPOCH_UNKNOWN')
    const isValid = epoch.certifies(certificate, chainId)
    return typeof isValid === 'boolean'
      ? this.#admit(certificate, isValid)
      : isValid.then(
          isValid => (isValid ? this.#unwanted(certificate) : null) ?? this.#admit(certificate, isValid)
        )
  }

  #unwanted(certificate: Certificate): Fault<FaultCode> | null {
    if (certificate.slot <= this.#ledger.final.slot) return peerFault('VOTE_PAST')
    // Not looked at again, so not passed on either: its signatures may be others than those that were checked.
    return this.#spreading.isSpread(certificate) ? peerFault('CERTIFICATE_KNOWN') : null
  }

  #admit(certificate: Certificate, isValid: boolean): Fault<FaultCode> | null {
    if (!isValid) return peerFault('WIRE_SIGNATURE')
    this.#spreading.markSpread(certificate)
    // Nobody says it again to one who had it, so what comes before the start is kept for it.
    if (!this.#voting.isRunning) this.#spreading.keep(certificate)
    else if (!this.#spreading.isKept(certificate)) this.#voting.input({ type: 'certificate', certificate })
    return null
  }

  // ------------------------------------------------------------- blocks

  offerBlock(bytes: Uint8Array): Fault<FaultCode> | null {
    const block = decodeBlock(bytes)
    if (isFault(block)) return block
    const wrong = this.takeBlock(block)
    if (wrong !== null) return wrong
    return this.#heard.isEcho(toHex(blockIdOf(block.header))) ? peerFault('BLOCK_KNOWN') : null
  }

  /** `asked`: a certificate names it, so it is taken whatever else its leader has signed. */
  takeBlock(block: Block, asked = false): Fault<FaultCode> | null {
    const { slot } = block.header
    if (slot <= this.#ledger.final.slot) return peerFault('BLOCK_PAST')
    const epoch = this.#context.epochs.at(block.header.epoch)
    if (epoch === undefined) return peerFault('EPOCH_UNKNOWN')
    const { settled, last } = this.#slotsOf(epoch)
    if (slot <= settled) return peerFault('BLOCK_PAST')
    if (slot > last) return peerFault('BLOCK_EARLY')
    if (!verifyBlockSignature(block, epoch.leaderKey(slot))) return peerFault('BLOCK_LEADER')
    const id = toHex(blockIdOf(block.header))
    if (this.#ledger.block(id) !== undefined) return null
    const rivals = this.#ledger.liveBlocks().filter(({ header }) => header.slot === slot)
    if (!asked && rivals.length >= BLOCKS_PER_SLOT) return peerFault('BLOCK_TWICE')
    if (rivals[0] !== undefined) this.#accuse(rivals[0], block, epoch)
    this.#ledger.add(block)
    if (!this.#seenMs.has(id)) this.#seenMs.set(id, this.#context.clock.nowMs())
    this.#voting.input({ type: 'block', block: blockRef(block, this.#context.genesis.epochs) }, epoch.number)
    return null
  }

  /** Two blocks by one leader for one slot. */
  #accuse(first: Block, second: Block, epoch: Epoch): void {
    this.#evidences.add({
      kind: 'blocks',
      key: epoch.leaderKey(second.header.slot),
      first: { header: first.header, signature: first.signature },
      second: { header: second.header, signature: second.signature }
    })
  }
}
