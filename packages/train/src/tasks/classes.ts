/** One label a sample: what is asked of texts and images alike. */
import { ClassCounter, confusionTable, scoreTable } from '@gradmesh/data'
import { argmax } from '../argmax.ts'
import type { Scoring } from '../models/model-trainer.ts'
import type { Report } from '../types.ts'

/** Sorted, as every peer numbers them. */
export const classesOf = (labels: Iterable<string>): readonly string[] => [...new Set(labels)].sort()

/** The labels and weights of a batch of `size` places: these samples, then places that count for nothing. */
export const classInputs = (labels: Uint32Array, samples: Uint32Array, size: number) => {
  const chosen = new Uint32Array(size)
  const weights = new Float32Array(size).fill(1 / samples.length, 0, samples.length)
  samples.forEach((sample, place) => {
    chosen[place] = labels[sample]!
  })
  return { labels: chosen, weights }
}

export class ClassScoring implements Scoring {
  readonly #counter: ClassCounter
  readonly #classes: number
  readonly #labels: Uint32Array

  /** `labels`: of every held-out sample, numbers of `names`. */
  constructor(names: readonly string[], labels: Uint32Array) {
    this.#counter = new ClassCounter(names)
    this.#classes = names.length
    this.#labels = labels
  }

  add(samples: Uint32Array, [logits]: readonly Float32Array[]): void {
    samples.forEach((sample, place) => {
      const at = place * this.#classes
      this.#counter.add(this.#labels[sample]!, argmax(logits!.subarray(at, at + this.#classes)))
    })
  }

  report(loss: number): Report {
    const found = this.#counter.report()
    const { accuracy, samples } = found
    const share = `accuracy ${accuracy.toFixed(4)} of ${samples} samples, loss ${loss.toFixed(4)}`
    return {
      loss,
      score: accuracy,
      samples,
      text: [scoreTable(found), confusionTable(found), share].filter(part => part !== '').join('\n\n'),
      figures: { loss, ...found }
    }
  }
}
