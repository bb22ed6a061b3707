/** Once all is well the mesh must make blocks final, and everybody must catch up. */
import { toHex } from '@gradmesh/core'
import type { Checker } from './checker.ts'
import type { SimNode } from './node.ts'
import type { Plan } from './plan.ts'

/** What a schedule is: so many final blocks, and epochs as planned, once the mesh is well. */
const FINAL_BLOCKS = 10
const AFTER_HEALING = 3
/** Blocks that the slowest peer may be behind at the end. */
const BEHIND = 1

/** Where the mesh stood when all who are well had come together again. */
interface Healed {
  readonly slot: number
  readonly height: number
  readonly epoch: number
}

export class Progress {
  readonly #plan: Plan
  readonly #checker: Checker
  readonly #nodes: readonly SimNode[]
  readonly #liarKey: string | null
  #healed: Healed | null = null

  constructor(plan: Plan, checker: Checker, nodes: readonly SimNode[], liarKey: string | null) {
    this.#plan = plan
    this.#checker = checker
    this.#nodes = nodes
    this.#liarKey = liarKey
  }

  /** To be asked after every event from the healing on. @throws Violation when too many slots have passed for nothing. */
  watch(): void {
    let frontier = 0
    let finalSlot = 0
    let epoch = 0
    for (const node of this.#nodes) {
      if (!isWell(node)) continue
      const { driver, ledger } = node.life?.peer ?? NOBODY
      if (driver === undefined || ledger === undefined) return
      epoch = Math.max(epoch, ledger.final.accounts.epoch)
      frontier = Math.max(frontier, driver.frontier)
      finalSlot = Math.max(finalSlot, ledger.final.slot)
    }
    if (this.#healed === null) {
      if (!this.isTogether(Number.POSITIVE_INFINITY)) return
      this.#healed = { slot: frontier, height: this.#checker.height, epoch }
    }
    const { slot: first, epoch: before } = this.#healed
    // Where an epoch has turned the boundary became final, and slots between two epochs do not exist.
    if (epoch > before || finalSlot >= first) return
    const { running } = this.#nodes.find(isWell)!.life!.peer.context.epochs
    let liarLed = 0
    for (let slot = first; slot < frontier; slot++)
      if (toHex(running.leaderKey(slot)) === this.#liarKey) liarLed++
    this.#checker.stalled(frontier - first, liarLed)
  }

  /** Everybody who is well votes (or follows) and is at most so many blocks behind. */
  isTogether(behind = BEHIND): boolean {
    return this.#nodes.filter(isWell).every(({ life }) => {
      if (life?.peer.ledger === undefined) return false
      const { ledger, journal } = life.peer
      const isHere = journal.phase === 'training' || journal.phase === 'waiting'
      return isHere && ledger.final.height + behind >= this.#checker.height
    })
  }

  /** All that a schedule is for has happened. */
  get isDone(): boolean {
    const { height, epoch } = this.#checker
    return height >= FINAL_BLOCKS && epoch >= this.#plan.epochs.turns && this.hasGoneOn && this.isTogether()
  }

  /** Blocks became final after the healing. */
  get hasGoneOn(): boolean {
    return this.#healed !== null && this.#checker.height >= this.#healed.height + AFTER_HEALING
  }

  /** Where everybody stands, for who wonders why nothing goes on. */
  tell(): string {
    return this.#nodes
      .map(({ life, machine, lost }) => {
        const peer = life?.peer
        const what = lost ? 'lost' : life === null ? 'down' : life.alive ? peer!.journal.phase : 'dead'
        return `${machine.place}${machine.honest ? '' : '*'} ${what} height ${peer?.ledger?.final.height} frontier ${peer?.driver?.frontier} ${peer?.journal.phaseReason ?? ''}`
      })
      .join('; ')
  }
}

const isWell = ({ machine, lost }: SimNode): boolean => machine.honest && !lost

const NOBODY = { driver: undefined, ledger: undefined }
