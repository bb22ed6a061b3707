/**
 * Catching up. Another peer's word counts for nothing: a FINAL certificate proves its block and all
 * its ancestors, payloads are named by digest, and the state they give must have the roots that the
 * next header carries. A source that lies or leaves costs a retry with another.
 */
import { equalBytes, type Fault, isFault, toHex } from '@gradmesh/core'
import type { PeerKey } from '@gradmesh/net'
import {
  type Block,
  blockIdOf,
  bodyHashOf,
  type Certificate,
  decodeBlock,
  decodeSyncReply,
  encodeGetRequest,
  encodeSyncRequest,
  type FinalBlock,
  type List,
  type SyncReply,
  VoteKind
} from '@gradmesh/wire'
import { type Context, digestOf } from '../context.ts'
import { type FaultCode, peerFault } from '../faults.ts'
import type { Extent, Held } from '../holding.ts'
import { keptBlocks } from '../options.ts'
import type { DeltaPool } from '../round/delta-pool.ts'
import type { Driver } from '../round/driver.ts'
import { pullDelta } from '../round/pulling.ts'
import type { Ledger } from '../state/ledger.ts'
import { PROTOCOLS } from '../topics.ts'
import { fetchCheckpoint } from './fetching.ts'
import { hasVanished } from './vanished.ts'

const TIMEOUT_MS = 10_000
const PULLS_AT_ONCE = 8
const SOURCES = 3
/** How long an archive looks for somebody who has the blocks that others have forgotten. */
const ARCHIVE_PATIENCE_MS = 30_000

export interface SyncProgress {
  readonly height: number
  readonly target: number
}

/** Consecutive blocks, the last of which the certificate proves. */
interface Group {
  readonly blocks: readonly Block[]
  readonly certificate: Certificate
}

export class Syncing {
  readonly #context: Context
  readonly #ledger: Ledger
  readonly #pool: DeltaPool
  readonly #driver: () => Driver
  readonly #heights = new Map<PeerKey, number>()
  #running: Promise<void> | null = null
  #again = false
  /** A source lacks the blocks that would follow here. */
  #isPruned = false
  /** Since when nobody has had them. */
  #strandedMs: number | null = null
  #stopped = false
  onProgress: (progress: SyncProgress | null) => void = () => {}
  onFetching: (leaves: number, total: number) => void = () => {}

  constructor(context: Context, ledger: Ledger, pool: DeltaPool, driver: () => Driver) {
    this.#context = context
    this.#ledger = ledger
    this.#pool = pool
    this.#driver = driver
  }

  /** How far a peer says it is; hearsay, good for choosing whom to ask. */
  heard(peer: PeerKey, height: number): void {
    this.#note(peer, height)
    if (height > this.#ledger.final.height + 1) this.wake()
  }

  /** Its answer may come when it has gone. */
  #note(peer: PeerKey, height: number): void {
    if (this.#context.net.peers().some(({ key }) => key === peer)) this.#heights.set(peer, height)
  }

  forget(peer: PeerKey): void {
    this.#heights.delete(peer)
  }

  held({ connections }: Extent): readonly Held[] {
    return [{ what: 'heights of peers', entries: this.#heights.size, max: connections }]
  }

  /** The greatest height that connected peers speak of. */
  get target(): number {
    return Math.max(this.#ledger.final.height, ...this.#heights.values())
  }

  get isBehind(): boolean {
    return this.#ledger.final.height < this.target
  }

  wake(): void {
    if (this.#stopped) return
    if (this.#running !== null) {
      this.#again = true
      return
    }
    this.#running = this.#work()
      .catch(error => this.#context.fail(error))
      .finally(() => {
        this.#running = null
        if (this.#again) {
          this.#again = false
          this.wake()
        }
      })
  }

  /** Resolves when no peer that answers is ahead any more. */
  async settled(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async fetchBlock(id: string): Promise<Block | undefined> {
    for (const peer of this.#sources()) {
      const reply = await this.#ask(
        peer,
        PROTOCOLS.get,
        encodeGetRequest({ what: 'block', id: digestOf(id) })
      )
      const block = reply === undefined || reply.length === 0 ? undefined : decodeBlock(reply)
      if (block !== undefined && !isFault(block) && toHex(blockIdOf(block.header)) === id) return block
    }
    return undefined
  }

  /** The few that say most; the others too while it seems that there is more, for some only say so. */
  async #work(): Promise<void> {
    this.#isPruned = false
    for (const [i, peer] of this.#sources().entries()) {
      if (i >= SOURCES && !this.isBehind) break
      while (!this.#stopped && (await this.#syncFrom(peer))) this.#report()
    }
    if (this.#mustLeap() && (await this.#leap(null))) this.#again = true
    this.onProgress(null)
  }

  /** An archive waits a while for somebody who has all blocks. */
  #mustLeap(): boolean {
    if (!this.#isPruned || !this.isBehind || this.#stopped) {
      this.#strandedMs = null
      return false
    }
    const { options, clock, log } = this.#context
    const now = clock.nowMs()
    this.#strandedMs ??= now
    if (keptBlocks(options) !== null) return true
    if (now < this.#strandedMs + ARCHIVE_PATIENCE_MS) return false
    const { height } = this.#ledger.final
    log.warn({ height }, 'nobody who answers has the blocks that follow: this archive begins anew above them')
    return true
  }

  /**
   * On from a checkpoint: where so many blocks are missing that this peer would not keep them either, or (null) where
   * those who are ahead have all forgotten the next one. The chain below goes with it, so hearsay is not enough: the
   * checkpoint itself must be that far ahead.
   */
  async #leap(finalHeight: number | null): Promise<boolean> {
    const { height } = this.#ledger.final
    const far = keptBlocks(this.#context.options) ?? Number.POSITIVE_INFINITY
    if (finalHeight !== null && finalHeight - height <= far) return false
    const above = finalHeight === null ? height : height + far
    return this.#ledger.leap(onSettled =>
      fetchCheckpoint(this.#context, this.#sources(), (done, total) => this.onFetching(done, total), {
        above,
        onSettled
      })
    )
  }

  #report(): void {
    this.onProgress({ height: this.#ledger.final.height, target: this.target })
  }

  /** Those that say they are furthest first. */
  #sources(): PeerKey[] {
    const peers = this.#context.net.peers().map(peer => peer.key)
    return peers.sort((a, b) => (this.#heights.get(b) ?? 0) - (this.#heights.get(a) ?? 0))
  }

  /** One request; true when there may be more to have from this peer. */
  async #syncFrom(peer: PeerKey): Promise<boolean> {
    const before = this.#ledger.final.height
    const request = encodeSyncRequest({ finalHeight: before, frontier: this.#driver().frontier })
    const bytes = await this.#ask(peer, PROTOCOLS.sync, request)
    if (bytes === undefined) return false
    const reply = decodeSyncReply(bytes)
    if (isFault(reply)) {
      this.#refuse(peer, reply)
      return false
    }
    this.#note(peer, reply.finalHeight)
    if (reply.base > before) {
      this.#isPruned = true
      return false
    }
    if (await this.#leap(reply.finalHeight)) return true
    const wrong = await this.#take(reply, peer)
    if (wrong !== null) this.#refuse(peer, wrong)
    if (wrong !== null || reply.finalHeight <= this.#ledger.final.height) return false
    if (this.#ledger.final.height > before) return true
    this.#heights.delete(peer)
    return false
  }

  async #take(reply: SyncReply, peer: PeerKey): Promise<Fault<FaultCode> | null> {
    const groups = certified(reply.blocks)
    let proven: Group | undefined
    let ahead = Promise.resolve()
    for (const [i, group] of groups.entries()) {
      const { blocks, certificate } = group
      if (blocks.at(-1)!.header.height <= this.#ledger.final.height) continue
      const unproven = group === proven ? null : await this.#checkCertificate(group)
      if (unproven !== null) return unproven
      // What is final may have moved meanwhile.
      const news = blocks.filter(block => block.header.height > this.#ledger.final.height)
      if (news.length === 0) continue
      const wrong = this.#checkChain(news, this.#ledger.final.id)
      if (wrong !== null) return wrong
      await ahead
      await this.#prefetch(news, peer)
      const next = groups[i + 1]
      const last = news.at(-1)!
      // The payloads of the next come while these are executed.
      if (next !== undefined && (await this.#isProven(next, toHex(blockIdOf(last.header))))) {
        proven = next
        ahead = this.#prefetch(next.blocks, peer)
      }
      await this.#ledger.commit(news, certificate)
      this.#driver().jump(last, certificate)
    }
    const driver = this.#driver()
    for (const block of reply.live.blocks) driver.admitting.takeBlock(block)
    for (const certificate of reply.live.certificates) await driver.admitting.takeCertificate(certificate)
    for (const vote of reply.live.votes) driver.admitting.takeVote(vote)
    return null
  }

  async #isProven(group: Group, parent: string): Promise<boolean> {
    return (await this.#checkCertificate(group)) === null && this.#checkChain(group.blocks, parent) === null
  }

  /** It proves the last block, and with it those below. */
  async #checkCertificate({ blocks, certificate }: Group): Promise<Fault<FaultCode> | null> {
    const { epochs, chainId } = this.#context
    if (certificate.kind !== VoteKind.FINAL) return peerFault('SYNC_CERTIFICATE')
    if (!equalBytes(certificate.blockId, blockIdOf(blocks.at(-1)!.header)))
      return peerFault('SYNC_CERTIFICATE')
    // Across a boundary the next epoch's first certificate proves it too: nobody builds there on what is not final.
    return (await epochs.at(certificate.epoch)?.certifies(certificate, chainId)) === true
      ? null
      : peerFault('SYNC_CERTIFICATE')
  }

  /** Hashes prove the way down from the last block to what is final here. */
  #checkChain(blocks: readonly Block[], from: string): Fault<FaultCode> | null {
    let parent = from
    for (const block of blocks) {
      if (toHex(block.header.parentId) !== parent) return peerFault('SYNC_GAP')
      if (hasVanished(this.#context.genesis.epochs, block.header)) return peerFault('SYNC_EPOCH')
      if (!equalBytes(block.header.bodyHash, bodyHashOf(block.body))) return peerFault('SYNC_BODY')
      parent = toHex(blockIdOf(block.header))
    }
    return null
  }

  /** Pulls the payloads of several blocks at once and stores them, so that commits find them here. */
  async #prefetch(blocks: readonly Block[], source: PeerKey): Promise<void> {
    const digests = blocks.flatMap(block => block.body.deltas.map(({ digest }) => toHex(digest)))
    const next = digests.values()
    const puller = async (): Promise<void> => {
      for (const digest of next) {
        if (this.#stopped) return
        const bytes = this.#pool.get(digest) ? undefined : await pullDelta(this.#context, digest, [source])
        if (bytes !== undefined) this.#pool.keepForSync(digest, bytes)
      }
    }
    await Promise.all(Array.from({ length: PULLS_AT_ONCE }, puller))
  }

  async #ask(
    peer: PeerKey,
    protocol: (typeof PROTOCOLS)[keyof typeof PROTOCOLS],
    request: Uint8Array
  ): Promise<Uint8Array | undefined> {
    try {
      return await this.#context.net.request(peer, protocol.name, request, {
        timeoutMs: TIMEOUT_MS,
        maxReplyBytes: protocol.replyBytes
      })
    } catch (error) {
      this.#context.log.debug({ error, peer, protocol: protocol.name }, 'a direct request failed')
      return undefined
    }
  }

  #refuse(peer: PeerKey, wrong: Fault<FaultCode>): void {
    this.#context.faults.count(wrong)
    this.#heights.delete(peer)
    this.#context.log.warn({ peer, ...wrong }, 'a peer sent wrong data while syncing')
  }
}

/** Cuts a run of blocks after each that has a certificate of its own; an uncovered rest is left out. */
const certified = (run: List<FinalBlock>): Group[] => {
  const groups: Group[] = []
  let blocks: Block[] = []
  for (const { block, certificate } of run) {
    blocks.push(block)
    if (certificate === null) continue
    groups.push({ blocks, certificate })
    blocks = []
  }
  return groups
}
