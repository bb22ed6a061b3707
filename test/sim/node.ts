/**
 * A simulated driver: interprets the effects of consensus as the daemon does, on a disk that forgets and a
 * network that lies. `fuse` counts down the points between and inside effects; at zero the node crashes there.
 */
import type { BlockRef, ConsensusConfig, Effect, Input, State } from '@gradmesh/consensus'
import { toHex } from '@gradmesh/core'
import type { Vote, VoteBody } from '@gradmesh/wire'
import { Disk } from './disk.ts'
import type { Turns } from './epochs.ts'
import { isSignedBlock, isSignedCertificate, type Signatures, signBlock } from './signature.ts'
import type { Message, Rules, SimBlock } from './types.ts'

/** What the world does for a node and wants to hear from it. */
export interface Surroundings {
  readonly rules: Rules
  readonly turns: Turns
  configOf(epoch: number): ConsensusConfig
  readonly signatures: Signatures
  readonly honest: boolean
  /** The node's own clock. */
  nowMs(): number
  /** After so many milliseconds of its own clock, unless it crashed meanwhile. */
  after(delayMs: number, run: () => void): void
  broadcast(message: Message): void
  send(to: number, message: Message): void
  anyPeer(): number
  leaderOf(slot: number): number
  below(bound: number): number
  signed(vote: Vote, block: SimBlock | undefined): void
  proposed(block: SimBlock): void
  believes(certificate: VoteBody): void
  finalised(block: BlockRef): void
  restarted(height: number): void
  accuses(validator: number): void
  broke(): void
  crashed(): void
}

export class SimNode {
  readonly index: number
  readonly disk = new Disk()
  fuse: number | null = null
  state: State | null = null
  /** The epoch before: it still answers those who did not hear of its end. */
  #before: State | null = null
  readonly #world: Surroundings
  #blocks = new Map<string, SimBlock>()
  #finalHeight = 0
  #inbox: Input[] = []
  #busy = false
  /** Counts starts, so that a timer of an earlier life finds nobody. */
  #life = 0
  #wake = 0

  constructor(index: number, world: Surroundings) {
    this.index = index
    this.#world = world
  }

  start(): void {
    this.#blocks = new Map(this.disk.all('block').map(({ block }) => [block.id, block]))
    const finals = this.disk.finals().flatMap(({ blocks }) => blocks)
    for (const block of finals) this.#blocks.set(block.id, block)
    // A write that outlived the crash without having been synced counts from now on.
    for (const block of finals) if (block.height > this.#finalHeight) this.#world.finalised(block)
    this.#finalHeight = finals.at(-1)?.height ?? 0
    this.#world.restarted(this.#finalHeight)
    this.#begin()
    const votes = this.disk.votesAbove(this.state!.final.slot)
    for (const vote of votes) this.#world.signed(vote, this.#voted(vote))
    this.feed({ type: 'tick' })
    for (const vote of votes) this.feed({ type: 'vote', vote })
  }

  /** With the epoch that the newest final block is in, or ends. */
  #begin(): void {
    const { turns, configOf, rules } = this.#world
    const boundaries = this.#finals().filter(({ boundary }) => boundary)
    for (const [epoch, boundary] of boundaries.entries()) turns.end(epoch, boundary)
    this.state = rules.createConsensus(configOf(boundaries.length), this.disk.restored())
  }

  #turn(): void {
    this.#before = this.state
    this.#begin()
    this.feed({ type: 'tick' })
  }

  #finals(): SimBlock[] {
    return this.disk.finals().flatMap(({ blocks }) => blocks)
  }

  crash(): void {
    this.state = null
    this.#before = null
    this.fuse = null
    this.#inbox = []
    this.#life++
    this.#world.crashed()
  }

  knows(id: string): SimBlock | undefined {
    return this.#blocks.get(id)
  }

  blocksOf(slot: number): SimBlock[] {
    return [...this.#blocks.values()].filter(block => block.slot === slot)
  }

  /** Signatures are checked here, at the door. */
  receive(from: number, message: Message): void {
    if (this.state === null) return
    if (message.type === 'block') {
      if (this.#isFromLeader(message.block)) this.#learn(message.block)
    } else if (message.type === 'vote') {
      if (this.#world.signatures.isSignedVote(message.vote)) this.#heard(message)
    } else if (message.type === 'certificate') {
      if (isSignedCertificate(this.#world.signatures, message.certificate)) this.#heard(message)
    } else if (message.type === 'get') {
      const block = this.#blocks.get(message.id)
      if (block !== undefined) this.#world.send(from, { type: 'block', block })
    } else if (message.type === 'sync') {
      this.#answerSync(from, message.height)
    } else {
      this.#catchUp(message)
    }
  }

  #heard(message: Extract<Message, { type: 'vote' | 'certificate' }>): void {
    const { epoch } = message.type === 'vote' ? message.vote : message.certificate
    if (this.#before?.config.epoch !== epoch) {
      this.feed(message)
      return
    }
    const [state, effects] = this.#world.rules.step(this.#before, this.#world.nowMs(), message)
    this.#before = state
    for (const effect of effects)
      if (effect.type === 'answer' || effect.type === 'evidence') this.#perform(effect)
  }

  feed(input: Input): void {
    this.#inbox.push(input)
    if (this.#busy) return
    this.#busy = true
    for (
      let next = this.#inbox.shift();
      next !== undefined && this.state !== null;
      next = this.#inbox.shift()
    ) {
      const [state, effects] = this.#world.rules.step(this.state, this.#world.nowMs(), next)
      this.state = state
      for (const effect of effects) {
        this.#perform(effect)
        if (this.state === null) break
      }
      if (this.state?.ended) this.#turn()
    }
    this.#busy = false
  }

  /** A point where the node may crash. True when it did. */
  #crashes(): boolean {
    if (this.fuse !== null && --this.fuse <= 0) this.crash()
    return this.state === null
  }

  #perform(effect: Effect): void {
    if (this.#crashes()) return
    const world = this.#world
    if (effect.type === 'vote') this.#vote(effect)
    else if (effect.type === 'resend') this.#resend(effect.slot)
    else if (effect.type === 'certificate') this.#pass(effect)
    else if (effect.type === 'validate') this.#validate(effect.id)
    else if (effect.type === 'propose') this.#onPropose(effect)
    else if (effect.type === 'fetch') this.#fetch(effect.id)
    else if (effect.type === 'finalise') this.#finalise(effect.blocks, effect.certificate)
    else if (effect.type === 'sync') world.send(world.anyPeer(), { type: 'sync', height: this.#finalHeight })
    else if (effect.type === 'answer') world.send(effect.validator, { ...effect, type: 'certificate' })
    else if (effect.type === 'evidence') world.accuses(effect.first.validator)
    else if (effect.type === 'broken') world.broke()
    else this.#sleepUntil(effect.atMs)
  }

  #resend(slot: number): void {
    for (const vote of this.disk.votesAbove(slot - 1)) {
      if (vote.slot === slot) this.#world.broadcast({ type: 'vote', vote })
    }
    for (const block of this.#own(slot)) this.#world.broadcast({ type: 'block', block })
  }

  #pass(effect: Extract<Effect, { type: 'certificate' }>): void {
    this.#world.believes(effect.certificate)
    this.disk.write(effect)
    this.#world.broadcast(effect)
  }

  #validate(id: string): void {
    const block = this.#blocks.get(id)!
    this.#after(this.#world.below(20), () => this.#judge(block))
  }

  #fetch(id: string): void {
    for (let i = 0; i < 2; i++) this.#world.send(this.#world.anyPeer(), { type: 'get', id })
  }

  #onPropose(effect: Extract<Effect, { type: 'propose' }>): void {
    if (effect.empty || this.#own(effect.slot).length > 0) this.#propose(effect)
    else {
      this.#after(this.#world.below(this.state!.config.roundDeadlineMs), () => {
        if (this.state?.frontier === effect.slot) this.#propose(effect)
      })
    }
  }

  #sleepUntil(atMs: number): void {
    const wake = ++this.#wake
    this.#after(atMs - this.#world.nowMs() + this.#world.below(15), () => {
      if (wake === this.#wake) this.feed({ type: 'tick' })
    })
  }

  #vote({ vote: body, facts }: Extract<Effect, { type: 'vote' }>): void {
    const vote = this.#world.signatures.signVote(this.index, body)
    this.disk.write({ type: 'vote', vote, facts })
    if (this.#crashes()) return
    this.disk.sync()
    if (this.#crashes()) return
    this.#world.signed(vote, this.#voted(vote))
    this.#world.broadcast({ type: 'vote', vote })
    this.feed({ type: 'vote', vote })
  }

  #voted({ blockId }: Vote): SimBlock | undefined {
    return this.#blocks.get(toHex(blockId))
  }

  #judge(block: SimBlock): void {
    const isRight = block.valid && block.boundary === this.#world.turns.closes(block, () => this.#finals())
    const valid = isRight || !this.#world.honest
    if (valid) {
      this.disk.write({ type: 'block', block })
      this.disk.sync()
    }
    if (!this.#crashes()) this.feed({ type: 'verdict', id: block.id, valid })
  }

  #propose({ slot, parentSlot, parentId, empty }: Extract<Effect, { type: 'propose' }>): void {
    let [block] = this.#own(slot)
    if (block === undefined) {
      const height = (this.#blocks.get(parentId)?.height ?? 0) + 1
      const salt = this.#world.below(2 ** 32)
      block = signBlock(
        this.#world.signatures,
        this.index,
        {
          slot,
          height,
          parentSlot,
          parentId,
          empty,
          boundary: this.#world.turns.closes({ empty, height }, () => this.#finals())
        },
        true,
        salt
      )
      this.disk.write({ type: 'block', block })
      this.disk.sync()
    }
    if (this.#crashes()) return
    this.#world.proposed(block)
    this.#world.broadcast({ type: 'block', block })
    this.#learn(block)
  }

  #own(slot: number): SimBlock[] {
    return this.disk.all('block').flatMap(({ block }) => {
      return block.leader === this.index && block.slot === slot ? block : []
    })
  }

  #finalise(blocks: readonly BlockRef[], certificate: SimFinal['certificate']): void {
    this.#world.believes(certificate)
    const whole = blocks.map(({ id }) => this.#blocks.get(id)!)
    this.disk.write({ type: 'final', blocks: whole, certificate })
    if (this.#crashes()) return
    this.disk.sync()
    for (const block of whole) this.#world.finalised(block)
    this.#finalHeight = whole.at(-1)!.height
  }

  #answerSync(to: number, height: number): void {
    const finals = this.disk.finals()
    const blocks = finals.flatMap(final => final.blocks).filter(block => block.height > height)
    const last = finals.at(-1)
    if (last !== undefined && blocks.length > 0) {
      this.#world.send(to, { type: 'final', blocks, certificate: last.certificate })
    }
    const floor = this.state!.final.slot
    const { blocks: live, certificates } = this.disk.restored()
    for (const block of live) this.#world.send(to, { type: 'block', block: block as SimBlock })
    for (const certificate of certificates) this.#world.send(to, { type: 'certificate', certificate })
    for (const vote of this.disk.votesAbove(floor)) this.#world.send(to, { type: 'vote', vote })
  }

  #catchUp({ blocks, certificate }: SimFinal): void {
    const news = blocks.filter(block => block.height > this.#finalHeight && this.#isFromLeader(block))
    const last = news.at(-1)
    if (
      last === undefined ||
      !isSignedCertificate(this.#world.signatures, certificate) ||
      // A boundary may be final by a descendant that vanished with the epoch's end.
      (last.boundary ? certificate.slot < last.slot : certificate.slot !== last.slot)
    )
      return
    if (news[0]!.height !== this.#finalHeight + 1) return
    for (const block of news) this.#blocks.set(block.id, block)
    this.#finalise(news, certificate)
    if (this.state === null) return
    if (news.some(({ boundary }) => boundary)) this.#turn()
    else this.feed({ type: 'final', block: last, certificate })
  }

  #learn(block: SimBlock): void {
    this.#blocks.set(block.id, block)
    this.feed({ type: 'block', block })
  }

  #isFromLeader(block: SimBlock): boolean {
    return this.#world.leaderOf(block.slot) === block.leader && isSignedBlock(this.#world.signatures, block)
  }

  #after(delayMs: number, run: () => void): void {
    const life = this.#life
    this.#world.after(delayMs, () => {
      if (this.#life === life && this.state !== null) run()
    })
  }
}

type SimFinal = Extract<Message, { type: 'final' }>
