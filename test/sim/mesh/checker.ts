/**
 * The judge of a simulated mesh. It sees what honest peers sign, publish, store and hold final, and shares
 * no code with the state machines: what a block does to weights and money it computes anew, in BigInt.
 */
import { compareBytes, toHex } from '@gradmesh/core'
import type { Delta, Layout } from '@gradmesh/delta'
import type { Accounts } from '@gradmesh/ledger'
import type { Held } from '@gradmesh/peer/parts'
import { type Block, type Certificate, type Genesis, type Vote, VoteKind } from '@gradmesh/wire'
import { SeatsChecker } from './seats.ts'
import { violate } from './violation.ts'

/** With so many slots after healing, at most this many led by the liar, something must have become final. */
const SLOTS_TO_FINAL = 10
const LIAR_LED_EXCUSE = 8

/** A final block with the payloads that it names, in its order. */
export interface Named {
  readonly block: Block
  readonly deltas: readonly { readonly trainer: Uint8Array; readonly steps: number; readonly delta: Delta }[]
}

const NAMES = { [VoteKind.NOTAR]: 'NOTAR', [VoteKind.SKIP]: 'SKIP', [VoteKind.FINAL]: 'FINAL' } as const

export class Checker {
  readonly #genesis: Genesis
  readonly #layout: Layout
  readonly #liar: number | null
  /** What each honest validator signed: `validator/slot/kind` to block id. */
  readonly #signed = new Map<string, string>()
  /** `slot/kind` to block id, of certificates that honest peers hold for good. */
  readonly #certified = new Map<string, string>()
  /** By proposer and slot, by trainer and round: what each honest peer has given to the mesh. */
  readonly #given = new Map<string, string>()
  readonly #chain: string[] = []
  readonly #roots = new Map<number, string>()
  readonly #heights = new Map<number, number>()
  readonly #seats: SeatsChecker
  /** By height: the weights as computed here. */
  #weights: Int32Array
  #weighedHeight = 0
  #round = 0
  #money = 0n

  constructor(genesis: Genesis, layout: Layout, initialWeights: Int32Array, liar: number | null) {
    this.#genesis = genesis
    this.#layout = layout
    this.#weights = initialWeights.slice()
    this.#liar = liar
    this.#seats = new SeatsChecker(genesis, liar)
    this.#money = genesis.validators.reduce((sum, { stake }) => sum + stake, 0n)
  }

  /** Of the longest final chain. */
  get height(): number {
    return Math.max(0, this.#chain.length - 1)
  }

  /** The newest that a final state is in. */
  get epoch(): number {
    return this.#seats.epoch
  }

  /** The height up to which weights have been computed here. */
  get weighedHeight(): number {
    return this.#weighedHeight
  }

  get weights(): Int32Array {
    return this.#weights
  }

  /** An honest validator signed this, in whichever of its lives. */
  vote({ validator, slot, kind, blockId }: Vote): void {
    const id = toHex(blockId)
    const said = (of: VoteKind): string | undefined => this.#signed.get(`${validator}/${slot}/${of}`)
    const before = said(kind)
    if (before !== undefined && before !== id)
      violate(`honest validator ${validator} signed two ${NAMES[kind]} votes in slot ${slot}`)
    this.#signed.set(`${validator}/${slot}/${kind}`, id)
    if (said(VoteKind.SKIP) !== undefined && said(VoteKind.FINAL) !== undefined)
      violate(`honest validator ${validator} signed SKIP and FINAL in slot ${slot}`)
    const notar = said(VoteKind.NOTAR)
    const final = said(VoteKind.FINAL)
    if (final !== undefined && final !== notar)
      violate(`honest validator ${validator} signed FINAL in slot ${slot} without NOTAR for that block`)
  }

  /** An honest leader published this block. */
  proposed(peer: number, slot: number, id: string): void {
    this.#give(`peer ${peer} published two blocks for slot ${slot}`, id)
  }

  /** An honest trainer published this delta. */
  delta(peer: number, round: number, digest: string): void {
    this.#give(`peer ${peer} published two deltas for round ${round}`, digest)
  }

  #give(contradiction: string, id: string): void {
    const before = this.#given.get(contradiction)
    if (before !== undefined && before !== id) violate(contradiction)
    this.#given.set(contradiction, id)
  }

  /** A running peer's own account of what it keeps. */
  held(peer: number, account: readonly Held[]): void {
    for (const { what, entries, max } of account)
      if (entries > max) violate(`peer ${peer} keeps ${entries} ${what}, at most ${max} are allowed`)
  }

  /** An honest peer believes this certificate. True when it is the first of its kind. */
  certificate({ slot, kind, blockId }: Certificate): boolean {
    const id = toHex(blockId)
    const key = `${slot}/${kind}`
    const other = this.#certified.get(key)
    if (other !== undefined && other !== id) violate(`two ${NAMES[kind]} certificates in slot ${slot}`)
    this.#certified.set(key, id)
    const of = (wanted: VoteKind): string | undefined => this.#certified.get(`${slot}/${wanted}`)
    if (of(VoteKind.FINAL) !== undefined && of(VoteKind.SKIP) !== undefined)
      violate(`FINAL and SKIP certificates in slot ${slot}`)
    if (
      of(VoteKind.FINAL) !== undefined &&
      of(VoteKind.NOTAR) !== undefined &&
      of(VoteKind.FINAL) !== of(VoteKind.NOTAR)
    )
      violate(`the FINAL certificate of slot ${slot} is of another block than its NOTAR`)
    return other === undefined
  }

  /** An honest peer holds this block final. */
  final(peer: number, height: number, id: string): void {
    this.#chain[height] ??= id
    if (this.#chain[height] !== id)
      violate(
        `peer ${peer} holds block ${id.slice(0, 8)} final at height ${height}, others ${this.#chain[height]!.slice(0, 8)}`
      )
    this.#heights.set(peer, Math.max(height, this.#heights.get(peer) ?? 0))
  }

  /** The state after a final block at that height, as an honest peer has it. */
  state(peer: number, height: number, root: string, accounts: Accounts): void {
    const known = this.#roots.get(height)
    if (known !== undefined && known !== root) violate(`peer ${peer} has another root at height ${height}`)
    this.#roots.set(height, root)
    if (known !== undefined) return
    this.#accounts(height, accounts)
    this.#seats.accounts(height, accounts)
  }

  /** A peer came back from its disk, or from a disk without a chain. */
  restarted(peer: number, height: number, keptChain: boolean): void {
    const before = this.#heights.get(peer) ?? 0
    if (keptChain && height < before) violate(`peer ${peer} lost final blocks: ${height} of ${before}`)
    if (!keptChain) this.#heights.set(peer, 0)
  }

  /** Computes the weights after the next final block. */
  weigh({ block, deltas }: Named): void {
    this.#weighedHeight++
    if (block.header.height !== this.#weighedHeight)
      violate(`block ${block.header.height} is judged out of turn`)
    if (block.body.attests.length === 0) return
    if (block.header.round !== this.#round)
      violate(`block ${block.header.height} closes round ${block.header.round}`)
    this.#seats.closed(block)
    this.#weights = stepped(this.#genesis, this.#layout, this.#weights, this.#round, deltas)
    this.#round++
  }

  /** @param weights of an honest peer, at the height that has been computed last. */
  compare(peer: number, weights: Int32Array): void {
    if (compareBytes(bytesOf(weights), bytesOf(this.#weights)) !== 0)
      violate(`peer ${peer} has other weights at height ${this.#weighedHeight} than the blocks give`)
  }

  /** After healing: `passed` slots have ended since, of which the liar led `liarLed`, and none became final. */
  stalled(passed: number, liarLed: number): void {
    if (passed > SLOTS_TO_FINAL && liarLed < LIAR_LED_EXCUSE)
      violate(`no FINAL in ${passed} slots after healing`)
  }

  #accounts(height: number, accounts: Accounts): void {
    const { trainers, burnt, minted } = accounts
    const held = trainers.reduce((sum, { balance, bond, unbonding, vesting }) => {
      return [...unbonding, ...vesting].reduce((all, { amount }) => all + amount, sum + balance + bond)
    }, 0n)
    if (held + burnt !== minted)
      violate(`at height ${height} ${held} is held and ${burnt} burnt, but ${minted} were minted`)
    // Validators of the genesis come first in the registry.
    for (const [index, { slashed }] of trainers.entries()) {
      if (slashed > 0n && index !== this.#liar)
        violate(`honest peer ${index} was slashed at height ${height}`)
    }
    const earned = minted - this.#money
    const most = this.#genesis.rewardPerRound * BigInt(accounts.round)
    if (earned < 0n || earned > most)
      violate(`by height ${height} ${earned} was paid, at most ${most} could be`)
  }
}

const bytesOf = (weights: Int32Array): Uint8Array =>
  new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength)

/** One round, in BigInt and in the words of the protocol: w <- w - floor((acc * rate + 2^39) / 2^40). */
const stepped = (
  genesis: Genesis,
  layout: Layout,
  before: Int32Array,
  round: number,
  deltas: Named['deltas']
): Int32Array => {
  const { innerSteps, outerRateQ16, warmupRounds } = genesis.training
  const ordered = [...deltas].sort((a, b) => compareBytes(a.trainer, b.trainer))
  const steps = ordered.map(delta => BigInt(Math.min(delta.steps, innerSteps)))
  const total = steps.reduce((sum, n) => sum + n, 0n)
  if (total === 0n) return before
  const weights = steps.map(n => (65_536n * n) / total)
  const rests = steps.map((n, i) => ({ i, rest: (65_536n * n) % total }))
  rests.sort((a, b) => (a.rest === b.rest ? a.i - b.i : a.rest > b.rest ? -1 : 1))
  let left = 65_536n - weights.reduce((sum, n) => sum + n, 0n)
  for (const { i } of rests) if (left-- > 0n) weights[i]! += 1n
  const acc = new Map<number, bigint>()
  for (const [i, { delta }] of ordered.entries()) {
    for (let chunk = 0; chunk < layout.chunks; chunk++) {
      for (let at = delta.starts[chunk]!; at < delta.starts[chunk + 1]!; at++) {
        const entry = chunk * layout.chunk + delta.indices[at]!
        const value = weights[i]! * BigInt(delta.codes[at]!) * BigInt(delta.scales[chunk]!)
        acc.set(entry, (acc.get(entry) ?? 0n) + value)
      }
    }
  }
  const rate =
    round >= warmupRounds
      ? BigInt(outerRateQ16)
      : (BigInt(outerRateQ16) * BigInt(round + 1)) / BigInt(warmupRounds)
  const after = before.slice()
  for (const [entry, sum] of acc) {
    const moved = BigInt(before[entry]!) - ((sum * rate + (1n << 39n)) >> 40n)
    after[entry] = Number(moved > MAX ? MAX : moved < MIN ? MIN : moved)
  }
  return after
}

const MAX = 2n ** 31n - 1n
const MIN = -(2n ** 31n)
