/**
 * Named entities as CoNLL's evaluation counts them (Tjong Kim Sang and Buchholz 2000): an entity is right when its
 * first token, its last token and its type are. Where an entity begins and ends follows from two neighbouring
 * tags, by rules that read BIO and IOB1 alike and make sense of any order of tags that a model predicts.
 */
import { type ClassScores, type Counts, classScores } from './scores.ts'

export interface Entity {
  readonly type: string
  /** Its first token, and the one after its last. */
  readonly start: number
  readonly end: number
}

export interface EntityReport extends ClassScores {
  readonly tokens: number
  /** Share of the tokens whose tag is right, `O` among them. */
  readonly tokenAccuracy: number
}

export const entitiesOf = (tags: readonly string[]): Entity[] => {
  const entities: Entity[] = []
  let start = -1
  for (let i = 0; i <= tags.length; i++) {
    const before = parse(tags[i - 1])
    const tag = parse(tags[i])
    if (start >= 0 && ends(before, tag)) {
      entities.push({ type: before.type, start, end: i })
      start = -1
    }
    if (starts(before, tag)) start = i
  }
  return entities
}

/** Gathers sentences one by one; asks for no more memory than the classes need. */
export class EntityCounter {
  readonly #counts = new Map<string, { correct: number; predicted: number; actual: number }>()
  #tokens = 0
  #rightTokens = 0

  /** Tags of one sentence, equally many. */
  add(actual: readonly string[], predicted: readonly string[]): void {
    if (actual.length !== predicted.length)
      throw new RangeError(`${predicted.length} predicted tags for ${actual.length} tokens`)
    this.#tokens += actual.length
    for (const [i, tag] of actual.entries()) if (tag === predicted[i]) this.#rightTokens++
    const there = entitiesOf(actual)
    const wanted = new Set(there.map(nameOf))
    for (const { type } of there) this.#of(type).actual++
    for (const entity of entitiesOf(predicted)) {
      const counts = this.#of(entity.type)
      counts.predicted++
      if (wanted.has(nameOf(entity))) counts.correct++
    }
  }

  report(): EntityReport {
    const counts: ReadonlyMap<string, Counts> = this.#counts
    return {
      ...classScores(counts),
      tokens: this.#tokens,
      tokenAccuracy: this.#tokens === 0 ? 0 : this.#rightTokens / this.#tokens
    }
  }

  #of(type: string): { correct: number; predicted: number; actual: number } {
    const known = this.#counts.get(type) ?? { correct: 0, predicted: 0, actual: 0 }
    this.#counts.set(type, known)
    return known
  }
}

/** The same entities in BIO: every entity begins with B-. */
export const toBio = (tags: readonly string[]): string[] => {
  const bio: string[] = tags.map(() => 'O')
  for (const { type, start, end } of entitiesOf(tags))
    for (let i = start; i < end; i++) bio[i] = `${i === start ? 'B' : 'I'}-${type}`
  return bio
}

interface Tag {
  readonly mark: string
  readonly type: string
}

const OUTSIDE: Tag = { mark: 'O', type: '' }

const parse = (tag: string | undefined): Tag => {
  if (tag === undefined || tag === 'O') return OUTSIDE
  const dash = tag.indexOf('-')
  return dash < 0 ? { mark: tag, type: '' } : { mark: tag.slice(0, dash), type: tag.slice(dash + 1) }
}

const ends = (before: Tag, tag: Tag): boolean =>
  before.mark !== 'O' && (tag.mark === 'O' || tag.mark === 'B' || before.type !== tag.type)

const starts = (before: Tag, tag: Tag): boolean =>
  tag.mark !== 'O' && (tag.mark === 'B' || before.mark === 'O' || before.type !== tag.type)

const nameOf = ({ type, start, end }: Entity): string => `${start} ${end} ${type}`
