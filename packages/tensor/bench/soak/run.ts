import { Worker } from 'node:worker_threads'
import { MeshError } from '@gradmesh/core'
import type { Sample } from './watch.ts'

/**
 * V8 doubles its nursery each time as much again has survived, and what dawn made dies with its
 * garbage: resident memory then climbs in ever rarer, ever larger jumps towards the nursery's cap. That
 * is no leak, but would hide one; so the nursery is small, as in the peer's compute thread.
 */
const NURSERY_MB = 4

export interface Soaked {
  readonly adapter: string
  readonly samples: readonly Sample[]
}

export const soak = (steps: number, onSample: (sample: Sample) => void = () => {}): Promise<Soaked> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./thread.ts', import.meta.url), {
      workerData: { steps },
      resourceLimits: { maxYoungGenerationSizeMb: NURSERY_MB }
    })
    worker.on('message', (said: { sample: Sample } | Soaked) => {
      if ('sample' in said) onSample(said.sample)
      else resolve(said)
    })
    worker.on('error', reject)
    worker.on('exit', code => reject(new MeshError('SOAK_ENDED', `the soak ended early, exit code ${code}`)))
  })
