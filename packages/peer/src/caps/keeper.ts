/** Looks at the caps on hours and memory once a second, and says when training pauses and goes on. */
import type { Logger } from '@gradmesh/core'
import type { Caps } from './caps.ts'
import { changesAt, clockText, hoursText, isOpenAt, minuteOfDay } from './hours.ts'
import { MemoryJudge } from './memory.ts'

export interface KeeperInit {
  readonly caps: Caps
  readonly log: Logger
  readonly residentBytes: () => number
  /** Gives back what can be fetched again. */
  readonly shed: () => void
  /** IANA name; this machine's when left out. */
  readonly timeZone?: string
}

type Cause = 'hours' | 'memory'

export class CapKeeper {
  /** Training has to stop, or may go on. */
  onChange: () => void = () => {}
  readonly #init: KeeperInit
  readonly #memory: MemoryJudge | null
  readonly #reasons = new Map<Cause, string>()

  constructor(init: KeeperInit) {
    this.#init = init
    const { memoryBytes } = init.caps
    this.#memory = memoryBytes === null ? null : new MemoryJudge(memoryBytes)
  }

  /** Why training pauses; null while it need not. */
  get pause(): string | null {
    return this.#reasons.get('memory') ?? this.#reasons.get('hours') ?? null
  }

  isPausedFor(cause: Cause): boolean {
    return this.#reasons.has(cause)
  }

  tick(nowMs: number, wallMs: number): void {
    const before = this.pause
    this.#lookAtHours(wallMs)
    this.#lookAtMemory(nowMs)
    if (before !== this.pause) this.onChange()
  }

  #lookAtHours(wallMs: number): void {
    const { hours } = this.#init.caps
    if (hours.length === 0) return
    const minute = minuteOfDay(wallMs, this.#init.timeZone)
    const isOpen = isOpenAt(hours, minute)
    if (isOpen !== this.#reasons.has('hours')) return
    const next = changesAt(hours, minute)
    const until = next === null ? 'for ever' : clockText(next)
    const fields = { hours: hoursText(hours), until }
    if (isOpen) {
      this.#reasons.delete('hours')
      this.#init.log.info(fields, 'training goes on: its hours have begun')
    } else {
      this.#reasons.set('hours', `outside the hours ${fields.hours}, until ${until}`)
      this.#init.log.info(fields, 'training pauses outside its hours; following and voting go on')
    }
  }

  #lookAtMemory(nowMs: number): void {
    if (this.#memory === null) return
    const residentBytes = this.#init.residentBytes()
    const { shed, stopped } = this.#memory.look(residentBytes, nowMs)
    if (shed) this.#init.shed()
    if (stopped === this.#reasons.has('memory')) return
    const fields = { residentBytes, capBytes: this.#init.caps.memoryBytes }
    if (stopped) {
      this.#reasons.set('memory', 'the process takes more memory than its cap')
      this.#init.log.warn(fields, 'training pauses: more memory is in use than the cap allows')
    } else {
      this.#reasons.delete('memory')
      this.#init.log.info(fields, 'training goes on: memory is well below its cap again')
    }
  }
}
