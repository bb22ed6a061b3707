/**
 * A trainer without an adapter: draws small pseudo-gradients, and from there on does what the compute thread does,
 * with the real compression and the real error feedback. Its steps take simulated time.
 */
import { assert, type Clock, type Prng, pause } from '@gradmesh/core'
import { compress, encodeDelta } from '@gradmesh/delta'
import { layoutOf } from '@gradmesh/ledger'
import { type ComputeTable, ErrorBuffer } from '@gradmesh/peer/parts'
import type { Genesis } from '@gradmesh/wire'

const SAMPLES = 1024

export const simTrainer = (genesis: Genesis, clock: Clock, prng: Prng): ComputeTable => {
  const layout = layoutOf(genesis)
  let buffer: ErrorBuffer
  return {
    async open({ stored }) {
      buffer = new ErrorBuffer(layout, stored)
      return { adapter: ADAPTER, samples: SAMPLES }
    },
    async round({ weights, steps, budgetMs }) {
      assert(weights.length === buffer.error.length, 'weights have the layout')
      const wholeMs = 5 + prng.below(Math.ceil(2 * budgetMs))
      const tookMs = Math.min(wholeMs, budgetMs)
      await pause(clock, tookMs)
      const done = Math.max(1, Math.floor((steps * tookMs) / wholeMs))
      const pseudo = new Int32Array(buffer.error.length)
      for (let c = 0; c < layout.chunks; c++) {
        for (let i = 0; i < layout.realLengths[c]!; i++) pseudo[c * layout.chunk + i] = (prng.u32() | 0) >> 8
      }
      const { delta, accumulated } = compress(layout, pseudo, buffer.error, genesis.delta.errorDecayQ8)
      buffer.gathered(accumulated, delta)
      const payload = encodeDelta(layout, delta)
      return {
        payload,
        accumulated: accumulated.slice(),
        steps: done,
        samples: done,
        loss: 1,
        seconds: tookMs / 1000,
        restSeconds: 0
      }
    },
    settle: ({ accepted }) => buffer.settle(accepted),
    evaluate: async () => ({ loss: 1, score: 0.5, samples: 1 }),
    release: async () => {},
    abandon() {},
    close: async () => {}
  }
}

const ADAPTER = {
  name: 'simulated',
  vendor: '',
  architecture: '',
  driver: '',
  software: true,
  features: [],
  limits: {}
}
