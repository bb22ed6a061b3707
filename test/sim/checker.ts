/**
 * The judge of a simulated run. It sees what honest nodes sign and finalise, shares no code with the state
 * machine, and grants the liar every vote it could ever sign: a certificate exists for the judge as
 * soon as honest votes and the liar's whole stake could make one. It holds honest nodes to the letter of
 * the rules too: a vote that happened to do no harm is still a violation.
 */
import type { BlockRef } from '@gradmesh/consensus'
import type { Vote, VoteBody } from '@gradmesh/wire'
import type { Turns } from './epochs.ts'
import type { SimBlock } from './types.ts'

const [NOTAR, SKIP, FINAL] = [1, 2, 3]
const KINDS = ['', 'NOTAR', 'SKIP', 'FINAL']

/** With so many slots after healing, at most this many led by the liar, something must have become final. */
const SLOTS_TO_FINAL = 10
const LIAR_LED_EXCUSE = 8

export class Violation extends Error {
  override readonly name = 'Violation'
}

const fail = (message: string): never => {
  throw new Violation(message)
}

export class Checker {
  accusations = 0
  readonly #turns: Turns
  readonly #liar: number | null
  /** What each honest validator signed: `validator/slot/kind` to block id. */
  readonly #signed = new Map<string, string>()
  /** Who signed what: `slot/kind/id` to honest stake, and which of these could be certificates. */
  readonly #weights = new Map<string, bigint>()
  readonly #certified = new Map<string, string>()
  readonly #chain: string[] = ['genesis']
  readonly #heights = new Map<number, number>()
  readonly #proposed = new Map<number, string>()

  constructor(turns: Turns, liar: number | null) {
    this.#turns = turns
    this.#liar = liar
  }

  get height(): number {
    return this.#chain.length - 1
  }

  /** An honest validator published this; `block` is what its driver knows under the vote's id. */
  vote({ validator, epoch, slot, kind, blockId }: Vote, block: SimBlock | undefined): void {
    const id = Buffer.from(blockId).toString('hex')
    const said = (other: number | undefined) => this.#signed.get(`${validator}/${slot}/${other}`)
    const before = said(kind)
    if (before === id) return
    if (before !== undefined) fail(`validator ${validator} signed two ${KINDS[kind]} in slot ${slot}`)
    this.#mayVote(validator, epoch, slot)
    if (kind === SKIP && said(FINAL)) fail(`validator ${validator} signed SKIP after FINAL in slot ${slot}`)
    if (kind === FINAL && said(SKIP)) fail(`validator ${validator} signed FINAL after SKIP in slot ${slot}`)
    if (kind === NOTAR) this.#mayNotarise(validator, slot, block)
    if (kind === FINAL && (said(NOTAR) !== id || this.#certified.get(`${slot}/${NOTAR}`) !== id)) {
      fail(`validator ${validator} signed FINAL without NOTAR in slot ${slot}`)
    }
    this.#signed.set(`${validator}/${slot}/${kind}`, id)
    const key = `${slot}/${kind}/${id}`
    const weight = (this.#weights.get(key) ?? this.#liarStake(slot)) + this.#stakes(slot)[validator]!
    this.#weights.set(key, weight)
    if (3n * weight > 2n * this.#total(slot)) this.#certify(slot, kind, id)
  }

  /** An honest leader published this block. */
  proposed({ slot, id, leader }: SimBlock): void {
    if ((this.#proposed.get(slot) ?? id) !== id) fail(`leader ${leader} signed two blocks in slot ${slot}`)
    this.#proposed.set(slot, id)
  }

  /** An honest node believes in this certificate. */
  certificate({ slot, kind, blockId }: VoteBody): void {
    const id = Buffer.from(blockId).toString('hex')
    const known = this.#certified.get(`${slot}/${kind}`)
    if (known !== id) fail(`a ${KINDS[kind]} certificate in slot ${slot} without the votes for it`)
  }

  /** An honest node finalised this block as the next of its chain. */
  final(node: number, { id, height, parentId }: BlockRef): void {
    const expected = (this.#heights.get(node) ?? 0) + 1
    if (height !== expected) fail(`node ${node} finalised height ${height}, not ${expected}`)
    if (height > 1 && this.#chain[height - 1] !== parentId) {
      fail(`node ${node} finalised a block at height ${height} whose parent is not the final one`)
    }
    this.#chain[height] ??= id
    if (this.#chain[height] !== id) fail(`node ${node} finalised another block at height ${height}`)
    this.#heights.set(node, height)
  }

  /** A node came back and holds this many final blocks. */
  restart(node: number, height: number): void {
    const before = this.#heights.get(node) ?? 0
    if (height < before) fail(`node ${node} lost final blocks: ${height} of ${before}`)
  }

  /** The rules name another leader than the lottery does. */
  ledByAnother(slot: number, leader: number): void {
    fail(`slot ${slot} is led by ${leader}, whom the lottery did not draw`)
  }

  broke(node: number): void {
    fail(`node ${node} met certificates that exclude each other`)
  }

  accused(validator: number): void {
    if (validator !== this.#liar) fail(`honest validator ${validator} was accused`)
    this.accusations++
  }

  /** After healing: `passed` slots have ended since, of which the liar led `liarLed`, and none became final. */
  stalled(passed: number, liarLed: number): void {
    if (passed > SLOTS_TO_FINAL && liarLed < LIAR_LED_EXCUSE)
      fail(`no FINAL in ${passed} slots after healing`)
  }

  /** Simulated time or events ran out before the mesh had recovered. */
  stuck(nowMs: number): void {
    fail(`no recovery by ${nowMs} ms`)
  }

  #mayNotarise(validator: number, slot: number, block: SimBlock | undefined): void {
    const wrong = (what: string) => fail(`validator ${validator} signed NOTAR in slot ${slot} for ${what}`)
    if (block?.slot !== slot || !block.valid) wrong('an invalid block')
    const { parentSlot, parentId, empty } = block!
    if (parentSlot > 0 && this.#certified.get(`${parentSlot}/${NOTAR}`) !== parentId) {
      wrong('a child of a block without NOTAR')
    }
    const { firstSlot } = this.#turns.begun(this.#turns.epochOf(slot))
    for (let gap = Math.max(parentSlot + 1, firstSlot); gap < slot; gap++) {
      if (!this.#certified.has(`${gap}/${SKIP}`)) wrong(`a block that passes slot ${gap} by without SKIP`)
    }
    const final = this.#heights.get(validator) ?? 0
    if (!empty && parentSlot > 0 && this.#chain[final] !== parentId) wrong('a round on ground not yet final')
  }

  #certify(slot: number, kind: number, id: string): void {
    const key = `${slot}/${kind}`
    const other = this.#certified.get(key)
    if (other !== undefined && other !== id) fail(`two ${KINDS[kind]} certificates in slot ${slot}`)
    this.#certified.set(key, id)
    const has = (wanted: number | undefined) => this.#certified.has(`${slot}/${wanted}`)
    if (has(FINAL) && has(SKIP)) fail(`FINAL and SKIP certificates in slot ${slot}`)
    if (kind === FINAL && this.#certified.get(`${slot}/${NOTAR}`) !== id) {
      fail(`a FINAL certificate in slot ${slot} without NOTAR for its block`)
    }
  }

  /** Slots belong to one epoch, and who votes in one knows how the one before it ended. */
  #mayVote(validator: number, epoch: number, slot: number): void {
    const due = this.#turns.epochOf(slot)
    if (epoch !== due)
      fail(`validator ${validator} signed for epoch ${epoch} in slot ${slot} of epoch ${due}`)
    if ((this.#heights.get(validator) ?? 0) < this.#turns.begun(epoch).height)
      fail(`validator ${validator} votes in epoch ${epoch} and does not hold its start final`)
  }

  #liarStake(slot: number): bigint {
    return this.#liar === null ? 0n : this.#stakes(slot)[this.#liar]!
  }

  #total(slot: number): bigint {
    return this.#stakes(slot).reduce((sum, stake) => sum + stake, 0n)
  }

  #stakes(slot: number): readonly bigint[] {
    return this.#turns.validators(this.#turns.epochOf(slot)).map(({ stake }) => stake)
  }
}
