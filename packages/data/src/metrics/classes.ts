/** One label a sample: accuracy, confusion, and the scores of every class. */
import { type ClassScores, type Counts, classScores } from './scores.ts'

export interface ClassReport extends ClassScores {
  readonly samples: number
  readonly accuracy: number
  /** `confusion[actual][predicted]`, in the order of `labels`. */
  readonly confusion: readonly (readonly number[])[]
  readonly labels: readonly string[]
}

export class ClassCounter {
  readonly #labels: readonly string[]
  readonly #confusion: number[][]

  constructor(labels: readonly string[]) {
    this.#labels = labels
    this.#confusion = labels.map(() => labels.map(() => 0))
  }

  /** Both index `labels`. */
  add(actual: number, predicted: number): void {
    const row = this.#confusion[actual]
    if (row?.[predicted] === undefined)
      throw new RangeError(`classes ${actual} and ${predicted} of ${this.#labels.length}`)
    row[predicted]!++
  }

  report(): ClassReport {
    const counts = new Map<string, Counts>(
      this.#labels.map((label, i) => [
        label,
        {
          correct: this.#confusion[i]![i]!,
          predicted: sum(this.#confusion.map(row => row[i]!)),
          actual: sum(this.#confusion[i]!)
        }
      ])
    )
    const scores = classScores(counts)
    const samples = sum(this.#confusion.map(sum))
    const right = sum(this.#labels.map((_, i) => this.#confusion[i]![i]!))
    return {
      ...scores,
      samples,
      accuracy: samples === 0 ? 0 : right / samples,
      confusion: this.#confusion.map(row => [...row]),
      labels: [...this.#labels]
    }
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
